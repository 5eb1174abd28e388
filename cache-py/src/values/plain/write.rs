//! Objects as data of serde.

use super::Format;
use crate::values::changed;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyInt, PyList, PyString};
use serde::ser::{Error as _, Serialize, SerializeMap, SerializeSeq, Serializer};
use std::cell::RefCell;
use std::ptr;

/// One object for one format. What is refused is told through `refusal`, since the errors of the formats are texts.
#[derive(Clone, Copy)]
pub(super) struct Plain<'a, 'py> {
    value: &'a Bound<'py, PyAny>,
    format: Format,
    refusal: &'a RefCell<Option<PyErr>>,
    /// Containers it is in.
    depth: usize,
}

impl<'a, 'py> Plain<'a, 'py> {
    pub(super) fn new(value: &'a Bound<'py, PyAny>, format: Format, refusal: &'a RefCell<Option<PyErr>>) -> Self {
        Plain { value, format, refusal, depth: 0 }
    }

    fn refuse<S: Serializer>(&self, refusal: PyErr) -> S::Error {
        *self.refusal.borrow_mut() = Some(refusal);
        S::Error::custom("refused")
    }

    fn wrong_type<S: Serializer>(&self, what: &str, instead: &str) -> S::Error {
        let message = format!("{} has no form for {what}, return {instead} instead", self.format.name());
        self.refuse::<S>(PyTypeError::new_err(message))
    }

    fn wrong_value<S: Serializer>(&self, what: &str, instead: &str) -> S::Error {
        let message = format!("{} has no form for {what}, return {instead} instead", self.format.name());
        self.refuse::<S>(PyValueError::new_err(message))
    }

    fn inside<'b>(&self, value: &'b Bound<'py, PyAny>) -> Plain<'b, 'py>
    where
        'a: 'b,
    {
        Plain { value, depth: self.depth + 1, ..*self }
    }

    fn int<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        if let Ok(int) = self.value.extract::<i64>() {
            return serializer.serialize_i64(int);
        }
        if let Ok(int) = self.value.extract::<u64>() {
            return serializer.serialize_u64(int);
        }
        match self.value.extract::<i128>() {
            Ok(int) if self.format == Format::Cbor => serializer.serialize_i128(int),
            _ => Err(self.wrong_value::<S>("an int of that size", "its text")),
        }
    }

    fn list<S: Serializer>(&self, list: &Bound<'py, PyList>, serializer: S) -> Result<S::Ok, S::Error> {
        let length = list.len();
        let mut items = serializer.serialize_seq(Some(length))?;
        for at in 0..length {
            let item = list.get_item(at).map_err(|_| self.refuse::<S>(changed()))?;
            items.serialize_element(&self.inside(&item))?;
        }
        items.end()
    }

    fn dict<S: Serializer>(&self, dict: &Bound<'py, PyDict>, serializer: S) -> Result<S::Ok, S::Error> {
        // Without a GIL other threads may write between two steps: a copy of our own stays as it is.
        #[cfg(Py_GIL_DISABLED)]
        let dict = &dict.copy().map_err(|error| self.refuse::<S>(error))?;
        let mut items = serializer.serialize_map(Some(dict.len()))?;
        let mut at = 0;
        let (mut key, mut item) = (ptr::null_mut(), ptr::null_mut());
        // SAFETY: the dict is alive, and nothing changes it: no code of Python runs here.
        while unsafe { ffi::PyDict_Next(dict.as_ptr(), &mut at, &mut key, &mut item) } != 0 {
            let py = dict.py();
            // SAFETY: both were set, and the dict keeps them.
            let (key, item) = unsafe { (Bound::from_borrowed_ptr(py, key), Bound::from_borrowed_ptr(py, item)) };
            if self.format == Format::Json && !key.is_exact_instance_of::<PyString>() {
                return Err(self.wrong_type::<S>(
                    "keys of a dict that are no `str`",
                    "a list of pairs, or use \"messagepack\" or \"cbor\",",
                ));
            }
            items.serialize_entry(&self.inside(&key), &self.inside(&item))?;
        }
        items.end()
    }

    fn other<S: Serializer>(&self) -> S::Error {
        let class = self.value.get_type();
        let name = class.fully_qualified_name().map_or_else(|_| "unknown".to_owned(), |name| name.to_string());
        let instead = match name.as_str() {
            "tuple" | "set" | "frozenset" => "a list",
            "bytearray" | "memoryview" => "bytes",
            _ => "plain data: None, bool, int, float, str, list, dict,",
        };
        self.wrong_type::<S>(&format!("a value of type `{name}`"), instead)
    }
}

impl Serialize for Plain<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let value = self.value;
        if let Ok(text) = value.cast_exact::<PyString>() {
            return match text.to_str() {
                Ok(text) => serializer.serialize_str(text),
                Err(_) => Err(self.wrong_value::<S>("a text with lone surrogates", "bytes or an escaped text")),
            };
        }
        if value.is_none() {
            return serializer.serialize_none();
        }
        if let Ok(bool) = value.cast_exact::<PyBool>() {
            return serializer.serialize_bool(bool.is_true());
        }
        if value.is_exact_instance_of::<PyInt>() {
            return self.int(serializer);
        }
        if let Ok(float) = value.cast_exact::<PyFloat>() {
            let float = float.value();
            if self.format == Format::Json && !float.is_finite() {
                return Err(self.wrong_value::<S>("infinities and NaN", "None or a text"));
            }
            return serializer.serialize_f64(float);
        }
        if let Ok(bytes) = value.cast_exact::<PyBytes>() {
            return match self.format {
                Format::Json => Err(self.wrong_type::<S>("bytes", "a text, as of `base64.b64encode`,")),
                Format::MessagePack | Format::Cbor => serializer.serialize_bytes(bytes.as_bytes()),
            };
        }
        if self.depth == self.format.depth() {
            return Err(self.wrong_value::<S>("a value nested so deeply, or in itself", "a flatter one"));
        }
        if let Ok(list) = value.cast_exact::<PyList>() {
            return self.list(list, serializer);
        }
        if let Ok(dict) = value.cast_exact::<PyDict>() {
            return self.dict(dict, serializer);
        }
        Err(self.other::<S>())
    }
}
