//! Where faults are told: they never reach the caller of a cached function.

use crate::errors::exception;
use crate::outside;
use memolith::Error;
use pyo3::prelude::*;
use std::error::Error as _;

/// Tells faults to `on_error`, or to the logger `memolith`.
pub(crate) struct Faults(pub(crate) Option<Py<PyAny>>);

impl Faults {
    /// Tells one, from any thread. What the listener raises goes to `sys.unraisablehook`.
    pub(crate) fn tell(&self, error: &Error) {
        // At the end of the interpreter there is nobody left to tell.
        let _ = outside::attach(|py| {
            let exception = exception(py, error);
            exception.set_cause(py, cause(py, error));
            let listener = self.0.as_ref().map(|listener| listener.bind(py));
            let told = match listener {
                Some(listener) => listener.call1((exception.value(py),)).map(drop),
                None => warn(py, &exception),
            };
            if let Err(raised) = told {
                raised.write_unraisable(py, listener);
            }
        });
    }
}

fn warn(py: Python<'_>, exception: &PyErr) -> PyResult<()> {
    let logger = py.import("logging")?.call_method1("getLogger", ("memolith",))?;
    logger.call_method1("warning", ("%s", exception.value(py))).map(drop)
}

/// The exception that was the reason, if Python code gave it.
fn cause(py: Python<'_>, error: &Error) -> Option<PyErr> {
    error.source()?.downcast_ref::<PyErr>().map(|cause| cause.clone_ref(py))
}
