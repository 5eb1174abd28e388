//! Values to bytes and back.
//!
//! Three kinds of codecs are behind one [`Codec`]: the [`native`] form, which knows Python's own types exactly and asks
//! the registered handlers for others; the [`plain`] formats that other languages read; and objects of the user. Over
//! the bytes of each there may be a [`signature`].

mod buffer;
mod codec;
mod native;
mod plain;
mod python;
mod signature;
mod user;

pub(crate) use codec::Codec;
pub(crate) use native::{read_length, write_length};
pub(crate) use python::register;

use pyo3::PyErr;
use pyo3::exceptions::PyValueError;

/// Bytes that are not those of a value.
fn damaged() -> PyErr {
    PyValueError::new_err("the bytes are not those of a value, clear the cache")
}

/// A container that another thread, or the code of a handler, changed meanwhile.
fn changed() -> PyErr {
    PyValueError::new_err("a container changed while it was encoded, return a copy")
}
