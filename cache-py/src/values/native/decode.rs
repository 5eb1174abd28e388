//! Bytes to objects. The bytes may be anybody's.

use super::level::{below, level};
use super::settings::Native;
use super::{MAX_DEPTH, handlers, tag};
use crate::values::damaged;
use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{
    PyBool, PyByteArray, PyBytes, PyComplex, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PySet, PyTuple,
};

/// Takes values from the front of `rest`.
pub(super) struct Decoder<'a, 'py> {
    py: Python<'py>,
    native: &'a Native,
    rest: &'a [u8],
    /// The items of containers that are not whole yet: nothing is reserved for what a count only claims.
    items: Vec<Bound<'py, PyAny>>,
    depth: usize,
}

impl<'a, 'py> Decoder<'a, 'py> {
    pub(super) fn new(py: Python<'py>, native: &'a Native, bytes: &'a [u8]) -> Self {
        Decoder { py, native, rest: bytes, items: Vec::new(), depth: level() }
    }

    /// # Errors
    /// `ValueError` for bytes that are not those of one value; what handlers raise.
    pub(super) fn whole(mut self) -> PyResult<Bound<'py, PyAny>> {
        let value = self.value()?;
        if self.rest.is_empty() { Ok(value) } else { Err(damaged()) }
    }

    fn value(&mut self) -> PyResult<Bound<'py, PyAny>> {
        let [tag] = *self.array()?;
        if !(tag::TUPLE..=tag::FROZENSET).contains(&tag) {
            return self.scalar(tag);
        }
        if self.depth >= MAX_DEPTH {
            return Err(damaged());
        }
        self.depth += 1;
        let container = if tag == tag::DICT { self.dict() } else { self.container(tag) };
        self.depth -= 1;
        container
    }

    /// Apart from `value`, so that a level of nesting takes little of the stack.
    #[inline]
    fn scalar(&mut self, tag: u8) -> PyResult<Bound<'py, PyAny>> {
        let py = self.py;
        match tag {
            tag::SMALL_INT.. => Ok((tag & !tag::SMALL_INT).into_pyobject(py)?.into_any()),
            tag::SHORT_TEXT..=tag::LAST_SHORT_TEXT => {
                let text = self.take(usize::from(tag - tag::SHORT_TEXT))?;
                self.text(text, c"strict")
            }
            tag::INT..=tag::LAST_INT => self.int(usize::from(tag - tag::INT) + 1),
            tag::FLOAT => Ok(PyFloat::new(py, self.float()?).into_any()),
            tag::NONE => Ok(py.None().into_bound(py)),
            tag::FALSE => Ok(PyBool::new(py, false).to_owned().into_any()),
            tag::TRUE => Ok(PyBool::new(py, true).to_owned().into_any()),
            tag::TEXT => {
                let text = self.sized()?;
                self.text(text, c"strict")
            }
            tag::SURROGATES => {
                let text = self.sized()?;
                self.text(text, c"surrogatepass")
            }
            tag::BYTES => Ok(PyBytes::new(py, self.sized()?).into_any()),
            tag::BYTEARRAY => Ok(PyByteArray::new(py, self.sized()?).into_any()),
            tag::COMPLEX => {
                let (real, imag) = (self.float()?, self.float()?);
                Ok(PyComplex::from_doubles(py, real, imag).into_any())
            }
            tag::BIG_INT => self.big_int(),
            tag::HANDLED => self.handled(),
            _ => Err(damaged()),
        }
    }

    fn container(&mut self, tag: u8) -> PyResult<Bound<'py, PyAny>> {
        let start = self.items.len();
        for _ in 0..self.count()? {
            let item = self.value()?;
            self.items.push(item);
        }
        self.gathered(tag, start)
    }

    /// The container of the items from `start` on.
    fn gathered(&mut self, tag: u8, start: usize) -> PyResult<Bound<'py, PyAny>> {
        let py = self.py;
        let items = self.items.drain(start..);
        match tag {
            tag::TUPLE => Ok(PyTuple::new(py, items)?.into_any()),
            tag::LIST => Ok(PyList::new(py, items)?.into_any()),
            tag::SET => PySet::new(py, items).map(Bound::into_any).map_err(|error| unhashable(py, error)),
            _ => PyFrozenSet::new(py, items).map(Bound::into_any).map_err(|error| unhashable(py, error)),
        }
    }

    fn dict(&mut self) -> PyResult<Bound<'py, PyAny>> {
        let py = self.py;
        let dict = PyDict::new(py);
        for _ in 0..self.count()? {
            let key = self.value()?;
            let item = self.value()?;
            dict.set_item(key, item).map_err(|error| unhashable(py, error))?;
        }
        Ok(dict.into_any())
    }

    fn text(&self, text: &[u8], errors: &std::ffi::CStr) -> PyResult<Bound<'py, PyAny>> {
        let (start, length) = (text.as_ptr().cast(), text.len() as ffi::Py_ssize_t);
        // SAFETY: `length` bytes are at `start`; a new reference or null comes back.
        unsafe {
            let text = ffi::PyUnicode_DecodeUTF8(start, length, errors.as_ptr());
            Bound::from_owned_ptr_or_err(self.py, text)
        }
    }

    fn int(&mut self, length: usize) -> PyResult<Bound<'py, PyAny>> {
        let bytes = self.take(length)?;
        let mut wide = [0; 8];
        wide[8 - length..].copy_from_slice(bytes);
        let int = i64::from_le_bytes(wide) >> (64 - 8 * length);
        Ok(int.into_pyobject(self.py)?.into_any())
    }

    fn big_int(&mut self) -> PyResult<Bound<'py, PyAny>> {
        let bytes = PyBytes::new(self.py, self.sized()?);
        let signed = PyDict::new(self.py);
        signed.set_item("signed", true)?;
        self.py.get_type::<PyInt>().call_method("from_bytes", (bytes, "little"), Some(&signed))
    }

    fn float(&mut self) -> PyResult<f64> {
        self.array().map(|bytes| f64::from_le_bytes(*bytes))
    }

    fn handled(&mut self) -> PyResult<Bound<'py, PyAny>> {
        let name = std::str::from_utf8(self.sized()?).map_err(|_| damaged())?;
        let length = usize::try_from(u64::from_le_bytes(*self.array()?)).map_err(|_| damaged())?;
        let bytes = self.take(length)?;
        if self.depth >= MAX_DEPTH {
            return Err(damaged());
        }
        below(self.depth + 1, || handlers::decoded(self.py, name, bytes, self.native))
    }

    fn count(&mut self) -> PyResult<usize> {
        length(&mut self.rest).ok_or_else(damaged)
    }

    fn sized(&mut self) -> PyResult<&'a [u8]> {
        let length = self.count()?;
        self.take(length)
    }

    fn take(&mut self, length: usize) -> PyResult<&'a [u8]> {
        let (front, rest) = self.rest.split_at_checked(length).ok_or_else(damaged)?;
        self.rest = rest;
        Ok(front)
    }

    fn array<const N: usize>(&mut self) -> PyResult<&'a [u8; N]> {
        let (front, rest) = self.rest.split_first_chunk().ok_or_else(damaged)?;
        self.rest = rest;
        Ok(front)
    }
}

/// Takes a length or a count from the front; see `tag::length`.
pub(crate) fn length(rest: &mut &[u8]) -> Option<usize> {
    let mut length = 0u64;
    for shift in (0..63).step_by(7) {
        let (&byte, behind) = rest.split_first()?;
        *rest = behind;
        length |= u64::from(byte & 0x7F) << shift;
        if byte < 0x80 {
            return usize::try_from(length).ok();
        }
    }
    None
}

/// Sets and keys of dicts that were written could be hashed, so these were not.
fn unhashable(py: Python<'_>, error: PyErr) -> PyErr {
    if error.is_instance_of::<PyTypeError>(py) { damaged() } else { error }
}
