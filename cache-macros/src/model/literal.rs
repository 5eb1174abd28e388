//! Spans of time and amounts of bytes as people write them.

use syn::{Error, Expr, ExprLit, ExprUnary, Lit, LitStr, UnOp};

/// A span of time.
pub(crate) enum Time {
    Millis(u64),
    Given(Expr),
}

/// A bound on weight.
pub(crate) enum Bytes {
    Count(u64),
    Given(Expr),
}

impl Time {
    /// How long entries live.
    pub(crate) fn life(expr: Expr, name: &str) -> Result<Self, Error> {
        let zero = format!("a `{name}` of zero keeps nothing: for no cache at all write `maxsize = 0`");
        Self::new(expr, name, &zero)
    }

    /// How long others are waited for.
    pub(crate) fn wait(expr: Expr) -> Result<Self, Error> {
        Self::new(expr, "wait", "a `wait` of zero waits for nobody: write how long, or remove it")
    }

    /// How long entries are served after their time to live.
    pub(crate) fn stale(expr: Expr) -> Result<Self, Error> {
        Self::new(expr, "stale", "a `stale` of zero serves nothing old: write how long, or remove it")
    }

    fn new(expr: Expr, name: &str, if_zero: &str) -> Result<Self, Error> {
        let zero = |place: &Expr| Error::new_spanned(place, if_zero);
        if let Some(text) = text(&expr) {
            return match millis(&text.value()) {
                Some(0) => Err(zero(&expr)),
                Some(millis) => Ok(Time::Millis(millis)),
                None => {
                    let message = "not a span of time: write one like \"250ms\", \"30s\", \"5m\", \"1h30m\" or \"7d\"";
                    Err(Error::new(text.span(), message))
                }
            };
        }
        if let Expr::Lit(literal) = &expr {
            let message = format!("`{name}` needs a unit: write one like \"30s\", or a `Duration`");
            return Err(Error::new_spanned(literal, message));
        }
        if is_zero(&expr) {
            return Err(zero(&expr));
        }
        Ok(Time::Given(expr))
    }
}

impl Bytes {
    pub(crate) fn new(expr: Expr) -> Result<Self, Error> {
        let Some(text) = text(&expr) else { return Ok(Bytes::Given(expr)) };
        match bytes(&text.value()) {
            Some(count) => Ok(Bytes::Count(count)),
            None => {
                let message = "not an amount of bytes: write one like \"512KiB\", \"64MiB\" or \"1GB\"";
                Err(Error::new(text.span(), message))
            }
        }
    }
}

/// The number that an expression is, be it a negative one.
pub(crate) fn number(expr: &Expr) -> Option<f64> {
    match expr {
        Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) => number.base10_parse().ok(),
        Expr::Lit(ExprLit { lit: Lit::Float(number), .. }) => number.base10_parse().ok(),
        Expr::Unary(ExprUnary { op: UnOp::Neg(_), expr, .. }) => number(expr).map(|number| -number),
        Expr::Group(group) => number(&group.expr),
        _ => None,
    }
}

/// The string literal an expression is.
pub(crate) fn text(expr: &Expr) -> Option<&LitStr> {
    match expr {
        Expr::Lit(ExprLit { lit: Lit::Str(text), .. }) => Some(text),
        Expr::Group(group) => text(&group.expr),
        _ => None,
    }
}

/// `Duration::ZERO`, `Duration::from_secs(0)` and their like.
fn is_zero(expr: &Expr) -> bool {
    match expr {
        Expr::Path(path) => path.path.segments.last().is_some_and(|last| last.ident == "ZERO"),
        Expr::Call(call) => {
            let Expr::Path(function) = &*call.func else { return false };
            let from = function.path.segments.last().is_some_and(|last| last.ident.to_string().starts_with("from_"));
            from && call.args.len() == 1 && call.args.iter().all(is_zero_literal)
        }
        _ => false,
    }
}

fn is_zero_literal(expr: &Expr) -> bool {
    match expr {
        Expr::Lit(ExprLit { lit: Lit::Int(number), .. }) => number.base10_digits() == "0",
        Expr::Lit(ExprLit { lit: Lit::Float(number), .. }) => number.base10_parse::<f64>().is_ok_and(|n| n == 0.0),
        _ => false,
    }
}

/// Numbers, each with a unit, added up.
fn millis(text: &str) -> Option<u64> {
    let mut rest = text.trim();
    let mut total: u64 = 0;
    loop {
        let (number, unit, after) = quantity(rest)?;
        let factor = match unit {
            "ms" => 1,
            "s" => 1_000,
            "m" => 60_000,
            "h" => 3_600_000,
            "d" => 86_400_000,
            _ => return None,
        };
        total = total.checked_add(number.checked_mul(factor)?)?;
        if after.is_empty() {
            return Some(total);
        }
        rest = after;
    }
}

/// A number with a unit of bytes, binary (`KiB`) or decimal (`KB`), or with none.
fn bytes(text: &str) -> Option<u64> {
    let text = text.trim();
    if let Ok(count) = text.replace('_', "").parse() {
        return Some(count);
    }
    let (number, unit, after) = quantity(text)?;
    let factor: u64 = match unit {
        "B" => 1,
        "KB" | "kB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "TB" => 1_000_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        "TiB" => 1 << 40,
        _ => return None,
    };
    if after.is_empty() { number.checked_mul(factor) } else { None }
}

/// Splits `"90s ..."` into 90, `"s"` and the rest. Digits may be grouped with underscores.
fn quantity(text: &str) -> Option<(u64, &str, &str)> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '_')?;
    let (number, rest) = text.split_at(digits);
    let rest = rest.trim_start();
    let letters = rest.find(|c: char| !c.is_ascii_alphabetic()).unwrap_or(rest.len());
    let (unit, after) = rest.split_at(letters);
    Some((number.replace('_', "").parse().ok()?, unit, after.trim_start()))
}

#[cfg(test)]
mod tests {
    use super::{bytes, millis};

    #[test]
    fn spans_of_time() {
        for (text, expected) in [
            ("1ms", Some(1)),
            ("30s", Some(30_000)),
            ("5m", Some(300_000)),
            ("1h30m", Some(5_400_000)),
            (" 1 h 30 m ", Some(5_400_000)),
            ("7d", Some(604_800_000)),
            ("1_000ms", Some(1_000)),
            ("0s", Some(0)),
            ("", None),
            ("5", None),
            ("s", None),
            ("5 years", None),
            ("-1s", None),
            ("1.5h", None),
            ("99999999999999999d", None),
        ] {
            assert_eq!(millis(text), expected, "{text:?}");
        }
    }

    #[test]
    fn amounts_of_bytes() {
        for (text, expected) in [
            ("64MiB", Some(64 << 20)),
            ("1GB", Some(1_000_000_000)),
            ("512 KiB", Some(512 << 10)),
            ("10B", Some(10)),
            ("1_000", Some(1_000)),
            ("MiB", None),
            ("64mib", None),
            ("1GB2KB", None),
            ("99999999TiB", None),
        ] {
            assert_eq!(bytes(text), expected, "{text:?}");
        }
    }
}
