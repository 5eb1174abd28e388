//! Python code on threads that Python has not started, such as those that wait for files in the core.
//!
//! An interpreter that ends does not wait for them: one that is attached by then, or waits to be, is torn down in the
//! middle of its work, or takes the process with it. So before that they are let out, and nobody new is let in.

use memolith_core::__private::apart;
use pyo3::ffi;
use pyo3::prelude::*;
use std::sync::atomic::Ordering::SeqCst;
use std::sync::atomic::{AtomicBool, AtomicUsize};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// How long the end of the interpreter waits: a fork has inherited a count of threads that it has not got.
const PATIENCE: Duration = Duration::from_secs(1);

static INSIDE: AtomicUsize = AtomicUsize::new(0);
static IS_OVER: AtomicBool = AtomicBool::new(false);

/// Runs `work` attached to the interpreter, unless that has come to its end.
pub(crate) fn attach<T>(work: impl FnOnce(Python<'_>) -> T) -> Option<T> {
    // SAFETY: may be asked on any thread.
    if !unsafe { ffi::PyGILState_GetThisThreadState() }.is_null() {
        return Python::try_attach(work);
    }
    let _inside = Inside::enter();
    // Asked after entering, as `leave` counts after closing: one of the two sees the other.
    if IS_OVER.load(SeqCst) { None } else { Python::try_attach(work) }
}

/// What a signal's handler raises in this thread, which asks while it waits in the core; nothing once the interpreter
/// goes away.
pub(crate) fn signals() -> PyResult<()> {
    apart(|| Python::try_attach(|py| py.check_signals())).unwrap_or(Ok(()))
}

/// One thread that is inside.
struct Inside;

impl Inside {
    fn enter() -> Self {
        INSIDE.fetch_add(1, SeqCst);
        Inside
    }
}

impl Drop for Inside {
    fn drop(&mut self) {
        INSIDE.fetch_sub(1, SeqCst);
    }
}

/// Waits until all are out.
#[pyfunction]
fn _leave(py: Python<'_>) {
    IS_OVER.store(true, SeqCst);
    let until = Instant::now() + PATIENCE;
    py.detach(|| {
        while INSIDE.load(SeqCst) > 0 && Instant::now() < until {
            sleep(Duration::from_millis(1));
        }
    });
}

/// Has the interpreter call `_leave` at its end, after all that is registered later.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let leave = wrap_pyfunction!(_leave, module)?;
    module.py().import("atexit")?.call_method1("register", (leave,)).map(drop)
}
