//! A value on both sides: a Python object, and its bytes until they are used.

use memolith::{Error, ErrorKind};
use pyo3::prelude::*;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// A value of the core's cache: cloned and dropped on any thread, attached to the interpreter or not.
///
/// What the function returned is there from the start; what a backend had becomes an object when somebody wants it, once,
/// so that all callers get the identical one.
#[derive(Clone)]
pub(crate) struct Held(Arc<Both>);

struct Both {
    object: OnceLock<Py<PyAny>>,
    bytes: Mutex<Bytes>,
}

enum Bytes {
    /// For the codec: to be written by who has computed the value, to be decoded by who has found it.
    Ready(Box<[u8]>),
    /// Why there are none.
    Refused(PyErr),
    /// They have been used, or never were.
    Gone,
}

impl Held {
    /// A computed value, with its bytes or the reason why it has none.
    pub(crate) fn computed(object: Py<PyAny>, encoded: PyResult<Vec<u8>>) -> Self {
        let bytes = match encoded {
            Ok(bytes) => Bytes::Ready(bytes.into()),
            Err(reason) => Bytes::Refused(reason),
        };
        Held(Arc::new(Both { object: OnceLock::from(object), bytes: Mutex::new(bytes) }))
    }

    /// A value that a backend had.
    pub(crate) fn found(bytes: &[u8]) -> Self {
        Held(Arc::new(Both { object: OnceLock::new(), bytes: Mutex::new(Bytes::Ready(bytes.into())) }))
    }

    /// The object; made by `decode` from the bytes if nobody did before.
    ///
    /// # Errors
    /// Those of `decode`.
    pub(crate) fn object<'py>(
        &self,
        py: Python<'py>,
        decode: impl FnOnce(&[u8]) -> PyResult<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        if let Some(object) = self.0.object.get() {
            return Ok(object.bind(py).clone());
        }
        // Taken out, because no Python code runs under a lock; who comes meanwhile takes a copy that is put back below.
        let bytes = match &*self.bytes() {
            Bytes::Ready(bytes) => bytes.clone(),
            _ => Box::default(),
        };
        // Of two threads that decode at once the first to end wins. Who finds no bytes finds the object that took them.
        if let Some(object) = self.0.object.get() {
            return Ok(object.bind(py).clone());
        }
        let object = decode(&bytes)?.unbind();
        let object = match self.0.object.set(object) {
            Ok(()) | Err(_) => self.0.object.get().expect("it was set by us or by who was first"),
        };
        *self.bytes() = Bytes::Gone;
        Ok(object.bind(py).clone())
    }

    /// Appends the bytes for a codec of the core.
    ///
    /// # Errors
    /// The reason why there are none.
    pub(crate) fn write(&self, out: &mut Vec<u8>) -> memolith::Result<()> {
        let mut bytes = self.bytes();
        match std::mem::replace(&mut *bytes, Bytes::Gone) {
            Bytes::Ready(ready) => {
                out.extend_from_slice(&ready);
                *bytes = Bytes::Ready(ready);
                Ok(())
            }
            Bytes::Refused(reason) => Err(Error::new(ErrorKind::Codec, "the value has no form in bytes").with_source(reason)),
            Bytes::Gone => Err(Error::new(ErrorKind::Codec, "the bytes of the value were used before")),
        }
    }

    /// Lets go of bytes that have been written.
    pub(crate) fn written(&self) {
        let used = std::mem::replace(&mut *self.bytes(), Bytes::Gone);
        drop(used);
    }

    fn bytes(&self) -> MutexGuard<'_, Bytes> {
        self.0.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Held").field("is_object", &self.0.object.get().is_some()).finish_non_exhaustive()
    }
}
