//! What `memolith.Native` says.

use super::decode::Decoder;
use super::encode::Encoder;
use super::{handlers, tag};
use crate::values::{buffer, damaged};
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyType};

/// The native codec with its settings. The defaults are those of `codec=None`.
#[derive(Default)]
pub(in crate::values) struct Native {
    pub(super) pickle: Pickle,
    /// Whether the memory of what handlers make may be written.
    pub(super) writable: bool,
    compression: Option<Compression>,
    /// The object itself, for handlers; none is all defaults.
    pub(super) object: Option<Py<PyAny>>,
}

/// Whether pickle is the last resort.
#[derive(Clone, Copy, Default, PartialEq)]
pub(super) enum Pickle {
    #[default]
    Refused,
    Signed,
    Unsigned,
}

/// Values of at least `threshold` bytes are compressed, where that makes them shorter.
struct Compression {
    method: u8,
    threshold: usize,
}

impl Native {
    pub(in crate::values) const ID: u8 = 6;

    pub(in crate::values) fn signed_pickle() -> Self {
        Native { pickle: Pickle::Signed, ..Native::default() }
    }

    pub(in crate::values) fn unsigned_pickle() -> Self {
        Native { pickle: Pickle::Unsigned, ..Native::default() }
    }

    pub(in crate::values) fn object(&self) -> Option<&Py<PyAny>> {
        self.object.as_ref()
    }

    /// Whether a signature is needed.
    pub(in crate::values) fn is_unsafe(&self) -> bool {
        self.pickle == Pickle::Signed
    }

    /// None if `codec` is no `memolith.Native`.
    pub(in crate::values) fn read(codec: &Bound<'_, PyAny>) -> PyResult<Option<Self>> {
        static CLASS: PyOnceLock<Py<PyType>> = PyOnceLock::new();
        let class = CLASS.import(codec.py(), "memolith._native", "Native")?;
        if !codec.is_instance(class)? {
            return Ok(None);
        }
        let is = |name: &str| codec.getattr(name)?.extract::<bool>();
        let pickle = match (is("pickle")?, is("trusted")?) {
            (false, _) => Pickle::Refused,
            (true, false) => Pickle::Signed,
            (true, true) => Pickle::Unsigned,
        };
        let method: u8 = codec.getattr("_method")?.extract()?;
        let compression = match method {
            0 => None,
            _ => Some(Compression { method, threshold: codec.getattr("threshold")?.extract()? }),
        };
        Ok(Some(Native { pickle, writable: is("writable")?, compression, object: Some(codec.clone().unbind()) }))
    }

    /// # Errors
    /// `TypeError` for a value without a form, `ValueError` for one nested too deeply, and what handlers raise.
    pub(in crate::values) fn encode(&self, value: &Bound<'_, PyAny>, out: &mut Vec<u8>) -> PyResult<()> {
        let start = out.len();
        let mut encoder = Encoder::new(self, out);
        if let Err(error) = encoder.value(value) {
            if self.pickle == Pickle::Refused || !encoder.is_unfit() {
                return Err(error);
            }
            // The whole value, since what is shared and cyclic within it stays so in a pickle.
            out.truncate(start);
            out.push(tag::PICKLED);
            buffer::append(&pickled(value)?, out)?;
        }
        match &self.compression {
            Some(compression) => compression.apply(value.py(), start, out),
            None => Ok(()),
        }
    }

    /// # Errors
    /// `ValueError` for bytes that are not those of a value; what handlers raise.
    pub(in crate::values) fn decode<'py>(&self, py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyAny>> {
        if let [tag::COMPRESSED, method, rest @ ..] = bytes {
            let plain = handlers::decompressed(py, *method, rest)?;
            return self.uncompressed(py, plain.as_bytes());
        }
        self.uncompressed(py, bytes)
    }

    fn uncompressed<'py>(&self, py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyAny>> {
        let [tag::PICKLED, pickle @ ..] = bytes else {
            return Decoder::new(py, self, bytes).whole();
        };
        match self.pickle {
            Pickle::Refused => Err(damaged()),
            Pickle::Signed | Pickle::Unsigned => unpickled(py, pickle),
        }
    }
}

impl Compression {
    /// Compresses what is in `out` from `start` on.
    fn apply(&self, py: Python<'_>, start: usize, out: &mut Vec<u8>) -> PyResult<()> {
        let plain = &out[start..];
        if plain.len() < self.threshold {
            return Ok(());
        }
        let compressed = handlers::compressed(py, self.method, plain)?;
        let mut head = vec![tag::COMPRESSED, self.method];
        tag::length(&mut head, plain.len());
        if head.len() + compressed.as_bytes().len() < plain.len() {
            out.truncate(start);
            out.extend_from_slice(&head);
            out.extend_from_slice(compressed.as_bytes());
        }
        Ok(())
    }
}

fn pickled<'py>(value: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = value.py();
    // Protocol 5 is that of every CPython we run on.
    py.import(intern!(py, "pickle"))?.call_method1(intern!(py, "dumps"), (value, 5))
}

fn unpickled<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    py.import(intern!(py, "pickle"))?.call_method1(intern!(py, "loads"), (PyBytes::new(py, bytes),))
}
