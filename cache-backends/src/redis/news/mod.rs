//! What others have removed.

pub(crate) mod bell;
pub(crate) mod keeper;
pub(crate) mod line;
pub(crate) mod puts;
pub(crate) mod subscription;
mod unsure;
pub(crate) mod watched;
