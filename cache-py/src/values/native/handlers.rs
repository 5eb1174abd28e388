//! The handlers and methods of compression that Python has; see `memolith/_handlers.py`.

use super::settings::Native;
use crate::values::damaged;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyAny, PyByteArray, PyBytes, PyString};

/// What a handler made of a value: its name, and bytes in one or several pieces.
pub(super) struct Handled<'py> {
    pub(super) name: Bound<'py, PyString>,
    pub(super) pieces: Vec<Bound<'py, PyAny>>,
}

/// None if no handler takes the value.
///
/// # Errors
/// What the handler raises; `TypeError` if it does not return bytes.
pub(super) fn encoded<'py>(value: &Bound<'py, PyAny>, native: &Native) -> PyResult<Option<Handled<'py>>> {
    static ENCODE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let py = value.py();
    let encode = ENCODE.import(py, "memolith._handlers", "encode")?;
    let found: Option<(Bound<'py, PyString>, Vec<Bound<'py, PyAny>>)> =
        encode.call1((value, native.object.as_ref()))?.extract()?;
    Ok(found.map(|(name, pieces)| Handled { name, pieces }))
}

/// What the handler called `name` makes of `bytes`, of which it gets its own copy.
///
/// # Errors
/// `ValueError` if there is no such handler; what it raises.
pub(super) fn decoded<'py>(py: Python<'py>, name: &str, bytes: &[u8], native: &Native) -> PyResult<Bound<'py, PyAny>> {
    static DECODE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let decode = DECODE.import(py, "memolith._handlers", "decode")?;
    if native.writable {
        return decode.call1((name, PyByteArray::new(py, bytes)));
    }
    decode.call1((name, PyBytes::new(py, bytes)))
}

/// # Errors
/// What the library that compresses raises.
pub(super) fn compressed<'py>(py: Python<'py>, method: u8, bytes: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    static COMPRESS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let compress = COMPRESS.import(py, "memolith._compression", "compress")?;
    Ok(compress.call1((method, PyBytes::new(py, bytes)))?.cast_into()?)
}

/// # Errors
/// `ValueError` for bytes that nobody compressed.
pub(super) fn decompressed<'py>(py: Python<'py>, method: u8, bytes: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    static DECOMPRESS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let mut rest = bytes;
    let length = super::decode::length(&mut rest).ok_or_else(damaged)?;
    let decompress = DECOMPRESS.import(py, "memolith._compression", "decompress")?;
    Ok(decompress.call1((method, PyBytes::new(py, rest), length))?.cast_into()?)
}
