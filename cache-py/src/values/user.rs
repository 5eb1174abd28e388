//! A codec of the user: an object with `encode` and `decode`.

use super::buffer;
use crate::errors::wrong;
use pyo3::exceptions::PyTypeError;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// The object, and its number: its attribute `id`, or one made from the name of its class.
pub(super) struct User {
    codec: Py<PyAny>,
    id: u8,
}

/// Numbers below are for the codecs of the library.
const FIRST: u8 = 128;

impl User {
    /// # Errors
    /// `ValueError` if `id` is not from 128 to 255.
    pub(super) fn new(codec: &Bound<'_, PyAny>) -> PyResult<Self> {
        let id = match codec.getattr_opt("id")? {
            Some(id) => id.extract::<u8>().ok().filter(|id| *id >= FIRST).ok_or_else(|| {
                wrong("the `id` of a codec is a number from 128 to 255, smaller ones are those of the library")
            })?,
            None => derived(codec)?,
        };
        Ok(User { codec: codec.clone().unbind(), id })
    }

    pub(super) fn object(&self) -> &Py<PyAny> {
        &self.codec
    }

    pub(super) fn id(&self) -> u8 {
        self.id
    }

    /// # Errors
    /// What `encode` raises; `TypeError` if it does not return bytes.
    pub(super) fn encode(&self, value: &Bound<'_, PyAny>, out: &mut Vec<u8>) -> PyResult<()> {
        let py = value.py();
        let bytes = self.codec.bind(py).call_method1(intern!(py, "encode"), (value,))?;
        buffer::append(&bytes, out).map_err(|_| PyTypeError::new_err("`encode` of the codec must return bytes"))
    }

    /// # Errors
    /// What `decode` raises.
    pub(super) fn decode<'py>(&self, py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyAny>> {
        self.codec.bind(py).call_method1(intern!(py, "decode"), (PyBytes::new(py, bytes),))
    }
}

/// The same number in every process. Codecs of one space that must not meet give themselves an `id`.
fn derived(codec: &Bound<'_, PyAny>) -> PyResult<u8> {
    let class = codec.get_type();
    let name = format!("{}.{}", class.module()?, class.qualname()?);
    Ok(FIRST | blake3::hash(name.as_bytes()).as_bytes()[0])
}
