//! The one error of the library: a kind to decide on, a message to read, a source to follow.

use std::error::Error as StdError;
use std::fmt;

/// A result whose error is [`Error`].
pub type Result<T, E = Error> = std::result::Result<T, E>;

/// Why a backend, a codec or a builder could not do what was asked.
///
/// A cached function never returns one: its cache counts the error, reports it through `on_error`, and computes.
/// Only operations that must not fail silently (`remove`, `clear`, `open`) hand it to the caller.
pub struct Error {
    kind: ErrorKind,
    message: String,
    source: Option<Box<dyn StdError + Send + Sync>>,
}

/// What sort of thing went wrong, and so what a program can do about it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum ErrorKind {
    /// The backend could not be reached, read or written. It may heal by itself.
    Unavailable,
    /// Somebody else holds the backend longer than its time-out. It heals when they let go.
    Busy,
    /// Stored bytes are not what was written: damaged, foreign, or of another type. They are treated as absent.
    Damaged,
    /// A key or a value has no form in bytes under the chosen codec.
    Codec,
    /// The request itself is wrong: a bad URL, a bound that cannot be kept, a refused path. It will not heal.
    Config,
    /// The backend does not offer this operation.
    Unsupported,
}

impl Error {
    /// An error of `kind`; the message says what failed, then what to do, in lower case and without a full stop.
    pub fn new(kind: ErrorKind, message: impl Into<String>) -> Self {
        Error { kind, message: message.into(), source: None }
    }

    /// The same with the error that caused it, reachable through [`std::error::Error::source`].
    #[must_use]
    pub fn with_source(mut self, source: impl Into<Box<dyn StdError + Send + Sync>>) -> Self {
        self.source = Some(source.into());
        self
    }

    /// What sort of error this is.
    pub fn kind(&self) -> ErrorKind {
        self.kind
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)?;
        match &self.source {
            Some(source) => write!(f, ": {source}"),
            None => Ok(()),
        }
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}: {self}", self.kind)
    }
}

impl StdError for Error {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        self.source.as_deref().map(|source| source as _)
    }
}
