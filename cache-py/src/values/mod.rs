//! Values to bytes and back.

use pyo3::prelude::*;

/// Adds what Python sees of this module.
pub(crate) fn register(_module: &Bound<'_, PyModule>) -> PyResult<()> {
    Ok(())
}

/// How the values of one cache become bytes. Made from `codec=` and `sign=`.
pub(crate) struct Codec {}

impl Codec {
    /// # Errors
    /// `ValueError` for a codec that there is not; `TypeError` for an object without `encode` and `decode`.
    pub(crate) fn new(_codec: Option<&Bound<'_, PyAny>>, _sign: Option<&[u8]>) -> PyResult<Self> {
        todo!()
    }

    /// What names the codec in every record; see `memolith::Codec::id`.
    pub(crate) fn id(&self) -> u8 {
        todo!()
    }

    /// Whether other languages read it: the bytes are those of the value and nothing else.
    pub(crate) fn is_interoperable(&self) -> bool {
        todo!()
    }

    /// Appends the bytes of `value`. `place`, the space and the key, goes into the signature if there is one, so that no
    /// value can be moved under another key.
    ///
    /// # Errors
    /// `TypeError` for a value without a form in bytes; what handlers raise.
    pub(crate) fn encode(&self, _value: &Bound<'_, PyAny>, _place: &[&[u8]], _out: &mut Vec<u8>) -> PyResult<()> {
        todo!()
    }

    /// The value that `bytes` are.
    ///
    /// # Errors
    /// `ValueError` for bytes that are not those of a value, or whose signature is wrong; what handlers raise.
    pub(crate) fn decode<'py>(&self, _py: Python<'py>, _bytes: &[u8], _place: &[&[u8]]) -> PyResult<Bound<'py, PyAny>> {
        todo!()
    }
}
