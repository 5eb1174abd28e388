//! What Python sees of this module.

use super::Codec;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// Adds it.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(_encode, module)?)?;
    module.add_function(wrap_pyfunction!(_decode, module)?)
}

/// The bytes of a value under a codec, as a record of `place` has them. Handlers use it for the parts of their values.
#[pyfunction]
#[pyo3(signature = (value, codec=None, sign=None, place=None))]
fn _encode<'py>(
    value: &Bound<'py, PyAny>,
    codec: Option<&Bound<'py, PyAny>>,
    sign: Option<&[u8]>,
    place: Option<&[u8]>,
) -> PyResult<Bound<'py, PyBytes>> {
    let mut out = Vec::new();
    Codec::new(codec, sign)?.encode(value, &[place.unwrap_or_default()], &mut out)?;
    Ok(PyBytes::new(value.py(), &out))
}

/// The value of such bytes.
#[pyfunction]
#[pyo3(signature = (bytes, codec=None, sign=None, place=None))]
fn _decode<'py>(
    py: Python<'py>,
    bytes: &[u8],
    codec: Option<&Bound<'py, PyAny>>,
    sign: Option<&[u8]>,
    place: Option<&[u8]>,
) -> PyResult<Bound<'py, PyAny>> {
    Codec::new(codec, sign)?.decode(py, bytes, &[place.unwrap_or_default()])
}
