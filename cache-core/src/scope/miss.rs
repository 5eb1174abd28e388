//! A miss that must not be computed, on its way to who asked for that.

use super::around::is_caught;
use std::any::Any;
use std::fmt;
use std::panic::resume_unwind;

/// Something is neither in memory nor in the backend, and must not be computed: see
/// [`Scope::never_compute`](crate::Scope::never_compute).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Miss {}

impl fmt::Display for Miss {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the value is not cached, and the scope says never_compute")
    }
}

impl std::error::Error for Miss {}

/// Ends what runs up to the next [`try_run`](crate::Scope::try_run).
pub(crate) fn raise() -> ! {
    match is_caught() {
        true => resume_unwind(Box::new(Miss {})),
        // By the hook, so that it is seen.
        false => panic!("{}; call Scope::try_run to be told by a result", Miss {}),
    }
}

/// What `try_run` returns of what ended like this.
pub(super) fn caught<T>(ended: Result<T, Box<dyn Any + Send>>) -> Result<T, Miss> {
    ended.map_err(|payload| match payload.downcast::<Miss>() {
        Ok(miss) => *miss,
        Err(other) => resume_unwind(other),
    })
}
