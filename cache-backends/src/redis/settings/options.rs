//! What a [`Redis`](crate::redis::Redis) was told beside where its servers are.

use memolith_core::{Error, ErrorKind, Result};
use std::time::Duration;

/// Each has a parameter of the URL with the same name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Options {
    /// Before the name of every key.
    pub(crate) prefix: String,
    /// Over how many hash tags, and so slots of a cluster, each space is split.
    pub(crate) stripes: u16,
    /// Whether all functions share one bound, or each has its own.
    pub(crate) scope: Scope,
    /// What a recency score is.
    pub(crate) scores: Scores,
    /// After which the whole of a space is forgotten.
    pub(crate) space_ttl: Option<Duration>,
    /// Whether a use of a space begins its time anew.
    pub(crate) sliding: Sliding,
    /// How long a connection, or a reply, may take.
    pub(crate) timeout: Duration,
    /// How long a claim outlives its claimant.
    pub(crate) claim_ttl: Duration,
}

/// What one pair of keys on the server holds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scope {
    /// The entries of one function.
    Function,
    /// The entries of all functions under the prefix, within one bound.
    Shared,
}

/// What orders entries by recency.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Scores {
    /// The server's time, in microseconds.
    Time,
    /// One more than the highest score.
    Sequence,
}

/// Whether a use prolongs a life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Sliding {
    No,
    Yes,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            prefix: "memolith".to_owned(),
            stripes: 1,
            scope: Scope::Function,
            scores: Scores::Time,
            space_ttl: None,
            sliding: Sliding::No,
            timeout: Duration::from_millis(250),
            claim_ttl: Duration::from_secs(2),
        }
    }
}

impl Options {
    /// Takes a parameter of a URL. No message repeats what was given: it may be a secret in the wrong place.
    pub(crate) fn set(&mut self, name: &str, value: &str) -> Result<()> {
        match name {
            "prefix" => self.prefix = parsed(value, "`prefix` is text, write `prefix=myapp`", prefix)?,
            "stripes" => self.stripes = parsed(value, "`stripes` is 1 to 1024, write `stripes=8`", stripes)?,
            "scope" => self.scope = parsed(value, "`scope` is `function` or `shared`", scope)?,
            "scores" => self.scores = parsed(value, "`scores` is `time` or `sequence`", scores)?,
            "space_ttl" => {
                self.space_ttl = Some(parsed(value, "write `space_ttl=1h`, with ms, s, m, h or d", duration)?)
            }
            "sliding" => self.sliding = parsed(value, "`sliding` is `yes` or `no`", sliding)?,
            "timeout" => self.timeout = parsed(value, "write `timeout=250ms`, with ms, s, m, h or d", duration)?,
            "claim_ttl" => self.claim_ttl = parsed(value, "write `claim_ttl=2s`, with ms, s, m, h or d", duration)?,
            _ => {
                return Err(config(
                    "a parameter of the url is unknown, there are `prefix`, `stripes`, `scope`, `scores`, `space_ttl`, \
                     `sliding`, `timeout`, `claim_ttl`, `db`, `ca`, `sentinel_user` and `sentinel_password`",
                ));
            }
        }
        Ok(())
    }

    /// Whether a space is kept in two keys, which bounds and a time for all of it need.
    pub(crate) fn has_pairs(&self) -> bool {
        self.scope == Scope::Shared || self.space_ttl.is_some()
    }
}

fn parsed<T>(value: &str, message: &str, parse: impl FnOnce(&str) -> Option<T>) -> Result<T> {
    parse(value).ok_or_else(|| config(message))
}

fn config(message: &str) -> Error {
    Error::new(ErrorKind::Config, message)
}

fn prefix(value: &str) -> Option<String> {
    (!value.is_empty() && value.len() <= 200).then(|| value.to_owned())
}

fn stripes(value: &str) -> Option<u16> {
    value.parse().ok().filter(|number| (1..=1_024).contains(number))
}

fn scope(value: &str) -> Option<Scope> {
    match value {
        "function" => Some(Scope::Function),
        "shared" => Some(Scope::Shared),
        _ => None,
    }
}

fn scores(value: &str) -> Option<Scores> {
    match value {
        "time" => Some(Scores::Time),
        "sequence" => Some(Scores::Sequence),
        _ => None,
    }
}

fn sliding(value: &str) -> Option<Sliding> {
    match value {
        "yes" | "true" => Some(Sliding::Yes),
        "no" | "false" => Some(Sliding::No),
        _ => None,
    }
}

/// At least a millisecond, at most a hundred years, which every server can add to its clock.
fn duration(value: &str) -> Option<Duration> {
    let units = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
    let (number, unit) = units.iter().find_map(|(unit, millis)| Some((value.strip_suffix(unit)?, *millis)))?;
    let millis = number.parse::<u64>().ok()?.checked_mul(unit)?;
    (1..=100 * 365 * 86_400_000).contains(&millis).then(|| Duration::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_taken() {
        let mut options = Options::default();
        let given = [("prefix", "app"), ("stripes", "8"), ("scope", "shared"), ("scores", "sequence")];
        let times = [("space_ttl", "2h"), ("sliding", "yes"), ("timeout", "90ms"), ("claim_ttl", "5s")];
        for (name, value) in given.into_iter().chain(times) {
            options.set(name, value).expect("it is one of the parameters");
        }
        let expected = Options {
            prefix: "app".into(),
            stripes: 8,
            scope: Scope::Shared,
            scores: Scores::Sequence,
            space_ttl: Some(Duration::from_secs(7_200)),
            sliding: Sliding::Yes,
            timeout: Duration::from_millis(90),
            claim_ttl: Duration::from_secs(5),
        };
        assert_eq!(options, expected);
    }

    #[test]
    fn what_is_wrong_is_refused_and_not_repeated() {
        for name in ["prefix", "stripes", "scope", "scores", "space_ttl", "sliding", "timeout", "claim_ttl", "marker"] {
            for value in ["", "0", "-1", "marker", "1.5s", "99999999999999999999d", "0ms", "70000", "365001d"] {
                let mut options = Options::default();
                match options.set(name, value) {
                    Ok(()) => assert!(name == "prefix" && !value.is_empty(), "{name}={value}"),
                    Err(error) => {
                        assert_eq!(error.kind(), ErrorKind::Config);
                        assert!(!error.to_string().contains("marker"), "{error}");
                        assert_eq!(options, Options::default());
                    }
                }
            }
        }
    }
}
