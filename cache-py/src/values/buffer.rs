//! The bytes of an object that shows its memory: `bytes`, `bytearray`, `memoryview`, an array.

use pyo3::ffi;
use pyo3::prelude::*;
use std::marker::PhantomData;
use std::mem::MaybeUninit;

/// Appends the memory of `object` to `out`.
///
/// # Errors
/// `TypeError` or `BufferError` if it has none, or none in one piece.
pub(super) fn append(object: &Bound<'_, PyAny>, out: &mut Vec<u8>) -> PyResult<()> {
    let view = View::new(object)?;
    out.extend_from_slice(view.bytes());
    Ok(())
}

/// A view that is released when it is dropped.
struct View<'a, 'py> {
    /// Stays where it was filled: who fills it may point into it.
    buffer: Box<ffi::Py_buffer>,
    /// Who holds this is attached.
    object: PhantomData<&'a Bound<'py, PyAny>>,
}

impl<'a, 'py> View<'a, 'py> {
    fn new(object: &'a Bound<'py, PyAny>) -> PyResult<Self> {
        let mut buffer = Box::new(MaybeUninit::<ffi::Py_buffer>::zeroed());
        // SAFETY: the object is alive, the thread is attached, and the structure may be filled.
        let failed = unsafe { ffi::PyObject_GetBuffer(object.as_ptr(), buffer.as_mut_ptr(), ffi::PyBUF_SIMPLE) } != 0;
        if failed {
            return Err(PyErr::fetch(object.py()));
        }
        // SAFETY: CPython filled it, since the call succeeded; the type that is certain now has the same layout.
        let buffer = unsafe { Box::from_raw(Box::into_raw(buffer).cast()) };
        Ok(View { buffer, object: PhantomData })
    }

    /// What is there now. Nobody may write meanwhile; those who do, in another thread without a GIL, get a torn copy.
    fn bytes(&self) -> &[u8] {
        if self.buffer.buf.is_null() || self.buffer.len <= 0 {
            return &[];
        }
        // SAFETY: a simple view is `len` bytes at `buf` until it is released, which `drop` does.
        unsafe { std::slice::from_raw_parts(self.buffer.buf.cast(), self.buffer.len as usize) }
    }
}

impl Drop for View<'_, '_> {
    fn drop(&mut self) {
        // SAFETY: filled by `PyObject_GetBuffer`, released once; the thread is attached as long as `object` is
        // borrowed.
        unsafe { ffi::PyBuffer_Release(&mut *self.buffer) }
    }
}
