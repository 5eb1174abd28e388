//! Code that CPython calls on a thread that is attached to it.

use pyo3::prelude::*;

/// Runs `body` with a token for the thread, which is attached. `Python::attach` would ask whether the interpreter is
/// there, and panic while that ends, when functions are still called and dropped.
///
/// # Safety
/// The thread is attached, as CPython calls us.
pub(super) unsafe fn attached<T>(body: impl FnOnce(Python<'_>) -> T) -> T {
    // SAFETY: the caller's word; to attach once more to what one is attached to is always possible.
    unsafe { Python::attach_unchecked(body) }
}
