//! The arguments of `#[lru_cache(..)]` as written: names, values, and where they stand. What they mean is the model's.

mod nearest;

pub(crate) use nearest::nearest;
use proc_macro2::{Ident, Span, TokenStream, TokenTree};
use syn::ext::IdentExt;
use syn::parse::{ParseStream, Parser};
use syn::{Error, Expr, Path, Result, Token, Type, parenthesized};

/// One argument: the user's name for it, for messages that point there, and its value.
pub(crate) struct Argument<T> {
    pub(crate) name: Ident,
    pub(crate) value: T,
}

impl<T> Argument<T> {
    pub(crate) fn span(&self) -> Span {
        self.name.span()
    }
}

/// The value of `key: T = expr`.
pub(crate) struct KeyExpr {
    pub(crate) ty: Option<Type>,
    pub(crate) expr: Expr,
}

/// Every argument that can be given. An absent one has its default in the model.
#[derive(Default)]
pub(crate) struct Arguments {
    pub(crate) maxsize: Option<Argument<Expr>>,
    pub(crate) policy: Option<Argument<Expr>>,
    pub(crate) ttl: Option<Argument<Expr>>,
    pub(crate) tti: Option<Argument<Expr>>,
    pub(crate) jitter: Option<Argument<Expr>>,
    /// `None` for the word alone.
    pub(crate) early_refresh: Option<Argument<Option<Expr>>>,
    pub(crate) stale: Option<Argument<Expr>>,
    pub(crate) max_bytes: Option<Argument<Expr>>,
    pub(crate) weigh: Option<Argument<Expr>>,
    pub(crate) on_evict: Option<Argument<Expr>>,
    pub(crate) tags: Option<Argument<Expr>>,
    pub(crate) backend: Option<Argument<Expr>>,
    pub(crate) memory: Option<Argument<Expr>>,
    pub(crate) writes: Option<Argument<Expr>>,
    pub(crate) wait: Option<Argument<Expr>>,
    pub(crate) codec: Option<Argument<Expr>>,
    pub(crate) version: Option<Argument<Expr>>,
    pub(crate) name: Option<Argument<Expr>>,
    pub(crate) cache_if: Option<Argument<Expr>>,
    pub(crate) cache_none: Option<Argument<Expr>>,
    pub(crate) on_error: Option<Argument<Expr>>,
    pub(crate) key: Option<Argument<KeyExpr>>,
    pub(crate) skip: Option<Argument<Vec<Ident>>>,
    pub(crate) cache_err: Option<Argument<()>>,
    pub(crate) associated: Option<Argument<()>>,
    pub(crate) handle: Option<Argument<Ident>>,
    pub(crate) krate: Option<Argument<Path>>,
}

/// For the suggestion at an unknown name.
const NAMES: [&str; 27] = [
    "maxsize",
    "policy",
    "ttl",
    "tti",
    "jitter",
    "early_refresh",
    "stale",
    "max_bytes",
    "weigh",
    "on_evict",
    "tags",
    "backend",
    "memory",
    "writes",
    "wait",
    "codec",
    "version",
    "name",
    "cache_if",
    "cache_none",
    "on_error",
    "key",
    "skip",
    "cache_err",
    "associated",
    "handle",
    "crate",
];

impl Arguments {
    /// The arguments that could be read, and every error about those that could not.
    pub(crate) fn parse(stream: TokenStream) -> (Self, Vec<Error>) {
        let mut arguments = Arguments::default();
        let mut errors = Vec::new();
        let read_all = |input: ParseStream<'_>| {
            while !input.is_empty() {
                if let Err(error) = arguments.read(input) {
                    errors.push(error);
                    skip_argument(input);
                }
                input.parse::<Option<Token![,]>>()?;
            }
            Ok(())
        };
        let rest = read_all.parse2(stream);
        errors.extend(rest.err());
        (arguments, errors)
    }

    fn read(&mut self, input: ParseStream<'_>) -> Result<()> {
        let name = input.call(Ident::parse_any)?;
        match name.to_string().as_str() {
            "maxsize" => set(&mut self.maxsize, name, after_equals(input)?),
            "policy" => set(&mut self.policy, name, after_equals(input)?),
            "ttl" => set(&mut self.ttl, name, after_equals(input)?),
            "tti" => set(&mut self.tti, name, after_equals(input)?),
            "jitter" => set(&mut self.jitter, name, after_equals(input)?),
            "early_refresh" => set(&mut self.early_refresh, name, after_equals_if_any(input)?),
            "stale" => set(&mut self.stale, name, after_equals(input)?),
            "max_bytes" => set(&mut self.max_bytes, name, after_equals(input)?),
            "weigh" => set(&mut self.weigh, name, after_equals(input)?),
            "on_evict" => set(&mut self.on_evict, name, after_equals(input)?),
            "tags" => set(&mut self.tags, name, after_equals(input)?),
            "backend" => set(&mut self.backend, name, after_equals(input)?),
            "memory" => set(&mut self.memory, name, after_equals(input)?),
            "writes" => set(&mut self.writes, name, after_equals(input)?),
            "wait" => set(&mut self.wait, name, after_equals(input)?),
            "codec" => set(&mut self.codec, name, after_equals(input)?),
            "version" => set(&mut self.version, name, after_equals(input)?),
            "name" => set(&mut self.name, name, after_equals(input)?),
            "cache_if" => set(&mut self.cache_if, name, after_equals(input)?),
            "cache_none" => set(&mut self.cache_none, name, after_equals(input)?),
            "on_error" => set(&mut self.on_error, name, after_equals(input)?),
            "key" => set(&mut self.key, name, key(input)?),
            "skip" => set(&mut self.skip, name, names(input)?),
            "cache_err" => set(&mut self.cache_err, name, ()),
            "associated" => set(&mut self.associated, name, ()),
            "handle" => {
                input.parse::<Token![=]>()?;
                set(&mut self.handle, name, input.parse()?)
            }
            "crate" => {
                input.parse::<Token![=]>()?;
                set(&mut self.krate, name, input.call(Path::parse_mod_style)?)
            }
            _ => Err(unknown(&name)),
        }?;
        if !input.is_empty() && !input.peek(Token![,]) {
            return Err(input.error("expected `,` before the next argument"));
        }
        Ok(())
    }
}

fn set<T>(slot: &mut Option<Argument<T>>, name: Ident, value: T) -> Result<()> {
    if slot.is_some() {
        return Err(Error::new(name.span(), format!("`{name}` is given twice: keep one")));
    }
    *slot = Some(Argument { name, value });
    Ok(())
}

fn after_equals(input: ParseStream<'_>) -> Result<Expr> {
    input.parse::<Token![=]>()?;
    input.parse()
}

/// `= expr`, or nothing.
fn after_equals_if_any(input: ParseStream<'_>) -> Result<Option<Expr>> {
    if input.peek(Token![=]) { after_equals(input).map(Some) } else { Ok(None) }
}

/// `= expr`, or `: T = expr`.
fn key(input: ParseStream<'_>) -> Result<KeyExpr> {
    let ty = match input.parse::<Option<Token![:]>>()? {
        Some(_) => Some(input.parse()?),
        None => None,
    };
    Ok(KeyExpr { ty, expr: after_equals(input)? })
}

/// `(a, b, self)`.
fn names(input: ParseStream<'_>) -> Result<Vec<Ident>> {
    let content;
    parenthesized!(content in input);
    let names = content.parse_terminated(Ident::parse_any, Token![,])?;
    Ok(names.into_iter().collect())
}

fn unknown(name: &Ident) -> Error {
    let message = match nearest(&name.to_string(), &NAMES) {
        Some(known) => format!("unknown argument `{name}`: did you mean `{known}`?"),
        None => format!("unknown argument `{name}`: there are {}", NAMES.map(|name| format!("`{name}`")).join(", ")),
    };
    Error::new(name.span(), message)
}

/// After an error: goes on at the next argument that can be recognized, so that its errors are reported too.
fn skip_argument(input: ParseStream<'_>) {
    while !input.is_empty() {
        let comma = input.peek(Token![,]);
        let starts = input.fork();
        if comma && starts.parse::<Token![,]>().is_ok() && starts_argument(&starts) {
            return;
        }
        // Any token tree can be read here: the input is not empty.
        let _ = input.parse::<TokenTree>();
    }
}

fn starts_argument(input: ParseStream<'_>) -> bool {
    let Ok(name) = input.call(Ident::parse_any) else { return input.is_empty() };
    input.peek(Token![=]) && !input.peek(Token![==]) || NAMES.iter().any(|known| name == known)
}
