//! A value on both sides: a Python object, and its bytes until they are used.

use super::Reason;
use super::text::Text;
use memolith::{Error, ErrorKind};
use pyo3::prelude::*;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

/// A value of the core's cache: cloned and dropped on any thread, attached to the interpreter or not.
///
/// What the function returned is there from the start; what a backend had becomes an object when somebody wants it,
/// once, so that all callers get the identical one.
#[derive(Clone)]
pub(crate) struct Held(Arc<Both>);

struct Both {
    object: OnceLock<Py<PyAny>>,
    /// No Python code runs under this lock, and nothing waits there.
    bytes: Mutex<Bytes>,
    /// How many bytes there were.
    size: usize,
    label: Label,
}

/// What is said of a value that is an entry of a mapping.
#[derive(Clone, Default)]
pub(crate) struct Label {
    /// When it ends, in microseconds since 1970; 0 is never, or not known.
    pub(crate) ends: u64,
    pub(crate) tags: Tags,
}

/// The tags of an entry, of which most have none.
pub(crate) type Tags = Box<[Box<str>]>;

enum Bytes {
    /// For the codec: to be written by who has computed the value, to be decoded by who has found it.
    Ready(Text),
    /// Why there are none.
    Refused(Reason),
    /// They have been used, or never were.
    Gone,
}

impl Held {
    /// A computed value, with its bytes or the reason why it has none.
    pub(crate) fn computed(object: Py<PyAny>, encoded: PyResult<Text>, label: Label) -> Self {
        let size = encoded.as_ref().map_or(0, |bytes| bytes.len());
        let bytes = encoded.map_or_else(|raised| Bytes::Refused(raised.into()), Bytes::Ready);
        Held(Arc::new(Both { object: OnceLock::from(object), bytes: Mutex::new(bytes), size, label }))
    }

    /// A value that goes nowhere but into memory, or to who waits for it.
    pub(crate) fn bare(object: Py<PyAny>) -> Self {
        Held(Arc::new(Both {
            object: OnceLock::from(object),
            bytes: Mutex::new(Bytes::Gone),
            size: 0,
            label: Label::default(),
        }))
    }

    /// A value that a backend had.
    pub(crate) fn found(bytes: &[u8], label: Label) -> Self {
        let ready = Mutex::new(Bytes::Ready(bytes.into()));
        Held(Arc::new(Both { object: OnceLock::new(), bytes: ready, size: bytes.len(), label }))
    }

    /// The object; made by `decode` from the bytes if nobody did before.
    ///
    /// # Errors
    /// Those of `decode`.
    #[inline]
    pub(crate) fn object<'py>(
        mut self,
        py: Python<'py>,
        decode: impl FnOnce(&[u8]) -> PyResult<Bound<'py, PyAny>>,
    ) -> PyResult<Bound<'py, PyAny>> {
        if let Some(object) = self.0.object.get() {
            return Ok(object.bind(py).clone());
        }
        if let Some(both) = Arc::get_mut(&mut self.0)
            && let Bytes::Ready(bytes) = both.bytes.get_mut().unwrap_or_else(PoisonError::into_inner)
        {
            // Nobody else has it: memory keeps nothing.
            return decode(bytes);
        }
        let Some(bytes) = self.text() else {
            // Who took the bytes has left the object.
            let object = self.0.object.get().expect("bytes go when the object is there");
            return Ok(object.bind(py).clone());
        };
        let object = decode(&bytes)?;
        // Of several threads that decode at once the first to end wins.
        if self.0.object.set(object.clone().unbind()).is_err() {
            let object = self.0.object.get().expect("who was first has set it");
            return Ok(object.bind(py).clone());
        }
        self.release();
        Ok(object)
    }

    /// The object, if there is one already.
    #[inline]
    pub(crate) fn ready<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyAny>> {
        self.0.object.get().map(|object| object.bind(py).clone())
    }

    /// The bytes, while they are there.
    pub(crate) fn text(&self) -> Option<Text> {
        match &*self.bytes() {
            Bytes::Ready(bytes) => Some(bytes.clone()),
            Bytes::Refused(_) | Bytes::Gone => None,
        }
    }

    /// Appends the bytes for a codec of the core.
    ///
    /// # Errors
    /// The reason why there are none.
    pub(crate) fn write(&self, out: &mut Vec<u8>) -> memolith::Result<()> {
        if let Some(bytes) = self.text() {
            out.extend_from_slice(&bytes);
            return Ok(());
        }
        let error = Error::new(ErrorKind::Codec, "the value has no form in bytes, so it stays in memory");
        let bytes = std::mem::replace(&mut *self.bytes(), Bytes::Gone);
        Err(match bytes {
            Bytes::Refused(reason) => error.with_source(reason),
            Bytes::Ready(_) | Bytes::Gone => error,
        })
    }

    /// Lets go of bytes that have been written.
    pub(crate) fn release(&self) {
        let used = std::mem::replace(&mut *self.bytes(), Bytes::Gone);
        drop(used);
    }

    /// How many bytes it has, or had.
    pub(crate) fn size(&self) -> usize {
        self.0.size
    }

    pub(crate) fn label(&self) -> &Label {
        &self.0.label
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
