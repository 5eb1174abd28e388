//! Why a server gave no answer, told to everybody who waits for one.

use super::parse::Garbled;
use memolith_core::{Error, ErrorKind};
use std::borrow::Cow;
use std::io;

/// An error that can be told more than once.
#[derive(Clone, Debug)]
pub(crate) struct Fault {
    kind: ErrorKind,
    text: Cow<'static, str>,
}

impl Fault {
    pub(crate) fn unavailable(text: impl Into<Cow<'static, str>>) -> Self {
        Fault { kind: ErrorKind::Unavailable, text: text.into() }
    }

    /// What will not heal by itself, such as a wrong password.
    pub(crate) fn config(text: impl Into<Cow<'static, str>>) -> Self {
        Fault { kind: ErrorKind::Config, text: text.into() }
    }

    /// The server has not done its part in time.
    pub(crate) fn late() -> Self {
        Fault::unavailable("the server did not answer in time, is it reachable and not overloaded?")
    }

    /// The server has hung up.
    pub(crate) fn closed() -> Self {
        Fault::unavailable("the server closed the connection, it is tried again at the next use")
    }

    /// What callers are told while the server is left alone because of this: of the same kind, so that a wrong password is
    /// not taken for a server that is away.
    pub(crate) fn left_alone(&self) -> Self {
        let text = format!("the server is left alone after three failures, until it answers; {}", self.text);
        Fault { kind: self.kind, text: text.into() }
    }

    pub(crate) fn into_error(self) -> Error {
        Error::new(self.kind, self.text)
    }
}

/// Which of two reasons is told where there is room for one: what will not heal by itself, else the later.
pub(crate) fn graver(before: Option<Error>, error: Error) -> Error {
    before.filter(|before| before.kind() == ErrorKind::Config).unwrap_or(error)
}

/// The same error once more, for one more of those whom it concerns.
pub(crate) fn again(error: &Error) -> Error {
    Error::new(error.kind(), error.to_string())
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Fault::late(),
            _ => Fault::unavailable(format!("the connection to the server failed: {error}")),
        }
    }
}

impl From<Garbled> for Fault {
    fn from(_: Garbled) -> Self {
        Fault::unavailable(
            "the server's bytes are not of its protocol, is it a Redis or Valkey server, and without TLS?",
        )
    }
}
