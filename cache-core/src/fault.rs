//! Faults of the code behind the seams: where they are told, and how a panic becomes one.

use crate::error::{Error, ErrorKind, Result};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// Where errors of the byte tier go.
pub(crate) type Report = Arc<dyn Fn(&Error) + Send + Sync>;

/// Who panicked, in a message.
pub(crate) const BACKEND: &str = "backend";
pub(crate) const CODEC: &str = "codec";

/// A backend or a codec of somebody else's may panic; for us that is one more fault.
pub(crate) fn unpanicked<T>(whose: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(panicked(whose)))
}

pub(crate) fn panicked(whose: &str) -> Error {
    Error::new(ErrorKind::Unavailable, format!("the {whose} panicked"))
}
