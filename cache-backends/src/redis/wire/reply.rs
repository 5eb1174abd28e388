//! What a server answers: RESP2 and RESP3.
//!
//! <https://redis.io/docs/latest/develop/reference/protocol-spec/>

use memolith_core::{Error, ErrorKind, Result};

/// One reply.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Reply {
    Nil,
    Int(i64),
    /// A bulk string, or a simple one.
    Bytes(Vec<u8>),
    /// An array, a set, or a map as keys and values in turn.
    Array(Vec<Reply>),
    /// What nobody asked for: news of a subscription.
    Push(Vec<Reply>),
    Error(ServerError),
}

/// What a server refuses. The code is the first word, such as `WRONGTYPE`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ServerError {
    pub(crate) code: String,
    pub(crate) message: String,
}

/// What is said, under no code of its own, where a script does what its user may not: before version 7.2, and since.
const FORBIDDEN: [&str; 2] = ["The user executing the script", "ACL failure in script"];

impl Reply {
    /// The reply, unless it is an error.
    pub(crate) fn checked(self) -> Result<Reply> {
        match self {
            Reply::Error(error) => Err(error.into_error()),
            reply => Ok(reply),
        }
    }

    pub(crate) fn into_bytes(self) -> Result<Option<Vec<u8>>> {
        match self.checked()? {
            Reply::Nil => Ok(None),
            Reply::Bytes(bytes) => Ok(Some(bytes)),
            _ => Err(unexpected()),
        }
    }

    pub(crate) fn into_int(self) -> Result<i64> {
        match self.checked()? {
            Reply::Int(number) => Ok(number),
            _ => Err(unexpected()),
        }
    }

    pub(crate) fn into_array(self) -> Result<Vec<Reply>> {
        match self.checked()? {
            Reply::Array(items) => Ok(items),
            _ => Err(unexpected()),
        }
    }
}

impl ServerError {
    /// As an error of the library. Its text is the server's, which never repeats credentials.
    pub(crate) fn into_error(self) -> Error {
        let kind = match self.code.as_str() {
            "WRONGTYPE" => ErrorKind::Damaged,
            "BUSY" | "LOADING" | "TRYAGAIN" => ErrorKind::Busy,
            "NOAUTH" | "WRONGPASS" | "NOPERM" => ErrorKind::Config,
            _ if FORBIDDEN.iter().any(|words| self.message.contains(words)) => ErrorKind::Config,
            _ => ErrorKind::Unavailable,
        };
        // An unknown command is repeated with what was to be stored.
        let message =
            self.message.split_once(", with args beginning with").map_or(&*self.message, |(message, _)| message);
        Error::new(kind, format!("the server refused: {} {message}", self.code))
    }
}

pub(crate) fn unexpected() -> Error {
    Error::new(ErrorKind::Damaged, "the server's reply is not what the command gives, is it a Redis or Valkey server?")
}
