//! Objects to bytes.

use super::handlers;
use super::level::{below, level};
use super::settings::Native;
use super::{MAX_DEPTH, tag};
use crate::values::{buffer, changed};
use pyo3::PyTypeInfo;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{
    PyBool, PyByteArray, PyBytes, PyComplex, PyDict, PyFloat, PyFrozenSet, PyInt, PyList, PySet, PyString, PyTuple,
};
use std::ptr;

/// Bytes that a value may take: one that holds a part twice, and that part another one twice, doubles with each level.
const LONGEST: usize = u32::MAX as usize;

/// Appends one value to `out`.
pub(super) struct Encoder<'a> {
    native: &'a Native,
    out: &'a mut Vec<u8>,
    depth: usize,
    unfit: bool,
}

impl<'a> Encoder<'a> {
    pub(super) fn new(native: &'a Native, out: &'a mut Vec<u8>) -> Self {
        Encoder { native, out, depth: level(), unfit: false }
    }

    /// Whether the form has no place for the value, which pickle may have.
    pub(super) fn is_unfit(&self) -> bool {
        self.unfit
    }

    /// # Errors
    /// `TypeError` for a value without a form, `ValueError` for one nested too deeply, and what handlers raise.
    pub(super) fn value(&mut self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        if self.scalar(value)? {
            return Ok(());
        }
        if self.depth >= MAX_DEPTH {
            self.unfit = true;
            return Err(too_deep());
        }
        if self.out.len() > LONGEST {
            self.unfit = true;
            return Err(PyValueError::new_err("the value takes more than 4 GiB, perhaps it holds a part many times"));
        }
        self.depth += 1;
        let encoded = self.container(value);
        self.depth -= 1;
        encoded
    }

    /// Whether it was one. Apart from `value`, so that a level of nesting takes little of the stack.
    #[inline]
    fn scalar(&mut self, value: &Bound<'_, PyAny>) -> PyResult<bool> {
        if let Some(text) = exact::<PyString>(value) {
            return self.text(text).map(|()| true);
        }
        if let Some(int) = exact::<PyInt>(value) {
            return self.int(int).map(|()| true);
        }
        if let Some(float) = exact::<PyFloat>(value) {
            self.out.push(tag::FLOAT);
            self.out.extend_from_slice(&float.value().to_le_bytes());
            return Ok(true);
        }
        if value.is_none() {
            self.out.push(tag::NONE);
            return Ok(true);
        }
        if let Some(bool) = exact::<PyBool>(value) {
            self.out.push(if bool.is_true() { tag::TRUE } else { tag::FALSE });
            return Ok(true);
        }
        if let Some(bytes) = exact::<PyBytes>(value) {
            self.bytes(tag::BYTES, bytes.as_bytes());
            return Ok(true);
        }
        Ok(false)
    }

    fn container(&mut self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        if let Some(tuple) = exact::<PyTuple>(value) {
            self.head(tag::TUPLE, tuple.len());
            return tuple.iter_borrowed().try_for_each(|item| self.value(&item));
        }
        if let Some(list) = exact::<PyList>(value) {
            return self.list(list);
        }
        if let Some(dict) = exact::<PyDict>(value) {
            return self.dict(dict);
        }
        if let Some(set) = exact::<PySet>(value) {
            return self.set(tag::SET, set.len(), set);
        }
        if let Some(set) = exact::<PyFrozenSet>(value) {
            return self.set(tag::FROZENSET, set.len(), set);
        }
        self.rest(value)
    }

    /// What is rare.
    fn rest(&mut self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        if let Some(bytes) = exact::<PyByteArray>(value) {
            let bytes = bytes.to_vec();
            self.bytes(tag::BYTEARRAY, &bytes);
            return Ok(());
        }
        if let Some(complex) = exact::<PyComplex>(value) {
            self.out.push(tag::COMPLEX);
            self.out.extend_from_slice(&complex.real().to_le_bytes());
            self.out.extend_from_slice(&complex.imag().to_le_bytes());
            return Ok(());
        }
        self.handled(value)
    }

    fn head(&mut self, tag: u8, length: usize) {
        self.out.push(tag);
        tag::length(self.out, length);
    }

    fn bytes(&mut self, tag: u8, bytes: &[u8]) {
        self.head(tag, bytes.len());
        self.out.extend_from_slice(bytes);
    }

    fn text(&mut self, text: &Bound<'_, PyString>) -> PyResult<()> {
        let Ok(plain) = text.to_str() else {
            let bytes = text.call_method1("encode", ("utf-8", "surrogatepass"))?;
            self.bytes(tag::SURROGATES, bytes.cast::<PyBytes>()?.as_bytes());
            return Ok(());
        };
        match plain.len() {
            length @ 0..64 => {
                self.out.push(tag::SHORT_TEXT | length as u8);
                self.out.extend_from_slice(plain.as_bytes());
            }
            _ => self.bytes(tag::TEXT, plain.as_bytes()),
        }
        Ok(())
    }

    fn int(&mut self, int: &Bound<'_, PyInt>) -> PyResult<()> {
        let mut overflow = 0;
        // SAFETY: it is an int, of which this reads the value; no code of Python runs.
        let small = unsafe { ffi::PyLong_AsLongLongAndOverflow(int.as_ptr(), &mut overflow) };
        if overflow != 0 {
            return self.big_int(int);
        }
        if let Ok(tiny @ 0..128) = u8::try_from(small) {
            self.out.push(tag::SMALL_INT | tiny);
            return Ok(());
        }
        // The bits that are needed, and one for the sign.
        let bits = 65 - (small ^ (small >> 63)).leading_zeros() as usize;
        let length = bits.div_ceil(8);
        self.out.push(tag::INT + length as u8 - 1);
        // All eight and then fewer: a copy of a fixed length is two instructions.
        self.out.extend_from_slice(&small.to_le_bytes());
        self.out.truncate(self.out.len() - (8 - length));
        Ok(())
    }

    fn big_int(&mut self, int: &Bound<'_, PyInt>) -> PyResult<()> {
        let bits: usize = int.call_method0("bit_length")?.extract()?;
        let signed = pyo3::types::PyDict::new(int.py());
        signed.set_item("signed", true)?;
        let bytes = int.call_method("to_bytes", (bits / 8 + 1, "little"), Some(&signed))?;
        self.bytes(tag::BIG_INT, bytes.cast::<PyBytes>()?.as_bytes());
        Ok(())
    }

    fn list(&mut self, list: &Bound<'_, PyList>) -> PyResult<()> {
        let length = list.len();
        self.head(tag::LIST, length);
        let mut left = length;
        // The iterator looks at the length before every step, and ends where the list does.
        for item in list.iter() {
            left = left.checked_sub(1).ok_or_else(changed)?;
            self.value(&item)?;
        }
        if left == 0 && list.len() == length { Ok(()) } else { Err(changed()) }
    }

    fn dict(&mut self, dict: &Bound<'_, PyDict>) -> PyResult<()> {
        // Without a GIL other threads may write between two steps: a copy of our own stays as it is.
        #[cfg(Py_GIL_DISABLED)]
        let dict = &dict.copy()?;
        let (py, length) = (dict.py(), dict.len());
        self.head(tag::DICT, length);
        let (mut at, mut left) = (0, length);
        let (mut key, mut item) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: the dict is alive and no other thread has it, or runs; a dict that changed between two steps, by code
        // of a handler, is one that this call still walks within its bounds.
        while unsafe { ffi::PyDict_Next(dict.as_ptr(), &mut at, &mut key, &mut item) } != 0 {
            // SAFETY: both were set, and are borrowed from the dict: the references keep them whatever happens to it.
            let (key, item) = unsafe { (Bound::from_borrowed_ptr(py, key), Bound::from_borrowed_ptr(py, item)) };
            left = left.checked_sub(1).ok_or_else(changed)?;
            self.value(&key)?;
            self.value(&item)?;
        }
        if left == 0 { Ok(()) } else { Err(changed()) }
    }

    /// Through Python's own iterator, which raises if the set changes.
    fn set(&mut self, tag: u8, length: usize, set: &Bound<'_, PyAny>) -> PyResult<()> {
        self.head(tag, length);
        let mut left = length;
        for item in set.try_iter()? {
            left = left.checked_sub(1).ok_or_else(changed)?;
            self.value(&item?)?;
        }
        if left == 0 { Ok(()) } else { Err(changed()) }
    }

    fn handled(&mut self, value: &Bound<'_, PyAny>) -> PyResult<()> {
        let Some(handled) = below(self.depth, || handlers::encoded(value, self.native))? else {
            self.unfit = true;
            return Err(unknown(value));
        };
        self.bytes(tag::HANDLED, handled.name.to_str()?.as_bytes());
        // Eight bytes for the length, which is known last, so that no piece is copied twice.
        let at = self.out.len();
        self.out.extend_from_slice(&[0; 8]);
        for piece in &handled.pieces {
            buffer::append(piece, self.out).map_err(|_| {
                let message = format!("handler {} must return bytes or a list of buffers", handled.name);
                PyTypeError::new_err(message)
            })?;
        }
        let length = self.out.len() - at - 8;
        self.out[at..at + 8].copy_from_slice(&(length as u64).to_le_bytes());
        Ok(())
    }
}

/// `value`, if its type is `T` itself.
#[inline(always)]
fn exact<'a, 'py, T: PyTypeInfo>(value: &'a Bound<'py, PyAny>) -> Option<&'a Bound<'py, T>> {
    // SAFETY: the type is the one that `T` stands for.
    value.is_exact_instance_of::<T>().then(|| unsafe { value.cast_unchecked() })
}

fn too_deep() -> PyErr {
    PyValueError::new_err(format!("the value is nested deeper than {MAX_DEPTH} levels, or in itself"))
}

fn unknown(value: &Bound<'_, PyAny>) -> PyErr {
    let class = value.get_type();
    let name = class.fully_qualified_name().map_or_else(|_| "unknown".to_owned(), |name| name.to_string());
    PyTypeError::new_err(format!(
        "a value of type `{name}` has no form in bytes: return plain data, give it one with \
         `memolith.register_handler`, or allow pickle with `codec=\"pickle\"` and `sign=`"
    ))
}
