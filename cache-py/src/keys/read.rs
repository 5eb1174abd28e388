//! From canonical bytes back to an object, for those who go through the keys of a store.

use super::depth::Depth;
use super::grammar::{Item, Items};
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyFrozenSet, PyInt, PyList, PyTuple};

/// An object that is equal to the one whose canonical bytes these are: a number that was `1.0` is `1`, a set is frozen.
///
/// # Errors
/// `TypeError` for an object of a class that only its name is known of, `ValueError` for bytes that are no key.
pub(crate) fn read_object<'py>(py: Python<'py>, bytes: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    let mut items = Items::new(bytes);
    let object = read(py, &mut items, Depth::TOP)?;
    if items.is_at_end() { Ok(object) } else { Err(no_key()) }
}

fn read<'py>(py: Python<'py>, items: &mut Items<'_>, depth: Depth) -> PyResult<Bound<'py, PyAny>> {
    let item = items.next().ok_or_else(no_key)?.map_err(|_| no_key())?;
    let mut parts = |count: usize| -> PyResult<Vec<Bound<'py, PyAny>>> {
        let deeper = depth.deeper()?;
        (0..count).map(|_| read(py, items, deeper)).collect()
    };
    Ok(match item {
        Item::None => py.None().into_bound(py),
        Item::Int(number) => number.into_pyobject(py)?.into_any(),
        Item::Big { is_negative, bytes } => big(py, is_negative, bytes)?,
        Item::Float(number) => number.into_pyobject(py)?.into_any(),
        Item::Text(text) => text.into_pyobject(py)?.into_any(),
        Item::Surrogates(bytes) => PyBytes::new(py, bytes).call_method1("decode", ("utf-8", "surrogatepass"))?,
        Item::Bytes(bytes) => PyBytes::new(py, bytes).into_any(),
        Item::Tuple(count) => PyTuple::new(py, parts(count)?)?.into_any(),
        Item::List(count) => PyList::new(py, parts(count)?)?.into_any(),
        Item::Set(count) => PyFrozenSet::new(py, parts(count)?)?.into_any(),
        Item::Dict(count) => {
            let dict = PyDict::new(py);
            // The bytes hold a key and a value for each, so twice the count is no number to fear.
            for pair in parts(count.saturating_mul(2))?.chunks_exact(2) {
                dict.set_item(&pair[0], &pair[1])?;
            }
            dict.into_any()
        }
        Item::Extension(class) => {
            let message =
                format!("a key of the class `{class}` cannot be made again from its bytes, so it is left out");
            return Err(PyTypeError::new_err(message));
        }
    })
}

/// n, or -1 - n.
fn big<'py>(py: Python<'py>, is_negative: bool, bytes: &[u8]) -> PyResult<Bound<'py, PyAny>> {
    let number = py.get_type::<PyInt>().call_method1("from_bytes", (PyBytes::new(py, bytes), "big"))?;
    if is_negative { number.call_method0("__invert__") } else { Ok(number) }
}

fn no_key() -> PyErr {
    PyValueError::new_err("the bytes are not those of a key, clear the cache")
}
