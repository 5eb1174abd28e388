//! What a [`Redis`](super::Redis) was told beside where its servers are.

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
    /// After which the whole of a space is forgotten, and whether a use begins it anew.
    pub(crate) space_ttl: Option<(Duration, Sliding)>,
    /// How long a connection, or a reply, may take.
    pub(crate) timeout: Duration,
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
            timeout: Duration::from_millis(250),
        }
    }
}
