//! Errors of the core as Python exceptions.

use memolith::{Error, ErrorKind};
use pyo3::create_exception;
use pyo3::exceptions::{PyException, PyLookupError, PyValueError};
use pyo3::prelude::*;

create_exception!(
    memolith,
    CacheError,
    PyException,
    "A backend, a codec or a stored value failed; `kind` says how: unavailable, busy, damaged, codec, \
     config or unsupported."
);

create_exception!(
    memolith,
    CacheMiss,
    PyLookupError,
    "Something is neither in memory nor in the backend, and a scope says that it must not be computed."
);

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("CacheError", module.py().get_type::<CacheError>())?;
    module.add("CacheMiss", module.py().get_type::<CacheMiss>())
}

/// The exception that says what `error` says, with its kind.
pub(crate) fn exception(py: Python<'_>, error: &Error) -> PyErr {
    let exception = CacheError::new_err(error.to_string());
    // An exception without its kind still says all there is to read.
    let _ = exception.value(py).setattr("kind", kind(error.kind()));
    exception
}

/// A wrong argument.
pub(crate) fn wrong(message: impl Into<String>) -> PyErr {
    PyValueError::new_err(message.into())
}

fn kind(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::Unavailable => "unavailable",
        ErrorKind::Busy => "busy",
        ErrorKind::Damaged => "damaged",
        ErrorKind::Codec => "codec",
        ErrorKind::Config => "config",
        ErrorKind::Unsupported => "unsupported",
        _ => "other",
    }
}
