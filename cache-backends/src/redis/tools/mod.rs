//! Small tools over the same connections.

pub(crate) mod lock;
pub(crate) mod rate;
pub(crate) mod session;
pub(crate) mod tool;
