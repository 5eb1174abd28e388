//! Connections, and what goes over them.

pub(crate) mod dial;
pub(crate) mod fault;
pub(crate) mod ghosts;
pub(crate) mod login;
pub(crate) mod parse;
pub(crate) mod random;
pub(crate) mod reply;
pub(crate) mod request;
pub(crate) mod stream;
#[cfg(feature = "tls")]
pub(crate) mod tls;
