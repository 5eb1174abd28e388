//! Data of serde as objects.

use pyo3::IntoPyObjectExt;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyFloat, PyList, PyString};
use serde::de::{Deserialize, DeserializeSeed, Deserializer, Error, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// Makes objects of what a format describes.
#[derive(Clone, Copy)]
pub(super) struct Objects<'py>(pub(super) Python<'py>);

/// An object for readers that take no seed.
pub(super) struct Object(pub(super) Py<PyAny>);

impl<'de> Deserialize<'de> for Object {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Python::attach(|py| Objects(py).deserialize(deserializer).map(|object| Object(object.unbind())))
    }
}

impl<'de, 'py> DeserializeSeed<'de> for Objects<'py> {
    type Value = Bound<'py, PyAny>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'py> Objects<'py> {
    fn int<E: Error>(self, int: impl IntoPyObjectExt<'py>) -> Result<Bound<'py, PyAny>, E> {
        int.into_bound_py_any(self.0).map_err(E::custom)
    }
}

impl<'de, 'py> Visitor<'de> for Objects<'py> {
    type Value = Bound<'py, PyAny>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("None, a bool, a number, a text, bytes, a list or a map")
    }

    fn visit_unit<E: Error>(self) -> Result<Self::Value, E> {
        Ok(self.0.None().into_bound(self.0))
    }

    fn visit_none<E: Error>(self) -> Result<Self::Value, E> {
        self.visit_unit()
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        self.deserialize(deserializer)
    }

    fn visit_bool<E: Error>(self, value: bool) -> Result<Self::Value, E> {
        Ok(PyBool::new(self.0, value).to_owned().into_any())
    }

    fn visit_i64<E: Error>(self, value: i64) -> Result<Self::Value, E> {
        self.int(value)
    }

    fn visit_u64<E: Error>(self, value: u64) -> Result<Self::Value, E> {
        self.int(value)
    }

    fn visit_i128<E: Error>(self, value: i128) -> Result<Self::Value, E> {
        self.int(value)
    }

    fn visit_u128<E: Error>(self, value: u128) -> Result<Self::Value, E> {
        self.int(value)
    }

    fn visit_f64<E: Error>(self, value: f64) -> Result<Self::Value, E> {
        Ok(PyFloat::new(self.0, value).into_any())
    }

    fn visit_str<E: Error>(self, value: &str) -> Result<Self::Value, E> {
        Ok(PyString::new(self.0, value).into_any())
    }

    fn visit_bytes<E: Error>(self, value: &[u8]) -> Result<Self::Value, E> {
        Ok(PyBytes::new(self.0, value).into_any())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element_seed(self)? {
            items.push(item);
        }
        Ok(PyList::new(self.0, items).map_err(A::Error::custom)?.into_any())
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<Self::Value, A::Error> {
        let dict = PyDict::new(self.0);
        while let Some((key, item)) = access.next_entry_seed(self, self)? {
            dict.set_item(key, item).map_err(A::Error::custom)?;
        }
        Ok(dict.into_any())
    }
}
