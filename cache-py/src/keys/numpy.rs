//! Scalars and arrays of numpy.

use super::depth::Depth;
use super::write::write;
use super::{grammar, refuse};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyComplex, PyFloat, PyInt, PyString};

/// Appends a scalar: the Python object of the same value, a date or a duration as numpy has it.
pub(super) fn write_scalar(object: Borrowed<'_, '_, PyAny>, depth: Depth, out: &mut Vec<u8>) -> PyResult<()> {
    let dtype = object.getattr("dtype")?;
    let kind: String = dtype.getattr("kind")?.extract()?;
    if kind == "M" || kind == "m" {
        grammar::extension(out, "numpy.scalar");
        grammar::tuple(out, 2);
        write(dtype.getattr("str")?.as_borrowed(), depth.deeper()?, out)?;
        return write(object.call_method0("tobytes")?.as_borrowed(), depth.deeper()?, out);
    }
    let item = object.call_method0("item")?;
    let plain = item.is_exact_instance_of::<PyBool>()
        || item.is_exact_instance_of::<PyInt>()
        || item.is_exact_instance_of::<PyFloat>()
        || item.is_exact_instance_of::<PyComplex>()
        || item.is_exact_instance_of::<PyString>()
        || item.is_exact_instance_of::<PyBytes>();
    if plain { write(item.as_borrowed(), depth.deeper()?, out) } else { Err(refuse(object)) }
}

/// Appends an array: type, shape, and elements in C order. One of records is an array for each field.
pub(super) fn write_array(object: Borrowed<'_, '_, PyAny>, depth: Depth, out: &mut Vec<u8>) -> PyResult<()> {
    let depth = depth.deeper()?;
    let dtype = object.getattr("dtype")?;
    let names = dtype.getattr("names")?;
    grammar::extension(out, "numpy.ndarray");
    grammar::tuple(out, 3);
    write(object.getattr("shape")?.as_borrowed(), depth, out)?;
    if !names.is_none() {
        let names: Vec<Bound<'_, PyAny>> = names.extract()?;
        grammar::none(out);
        grammar::list(out, names.len());
        for name in names {
            grammar::tuple(out, 2);
            write(name.as_borrowed(), depth, out)?;
            write(object.get_item(name)?.as_borrowed(), depth, out)?;
        }
        return Ok(());
    }
    let code: String = dtype.getattr("char")?.extract()?;
    // Objects have addresses for bytes, raw records and long doubles have gaps.
    if matches!(code.as_str(), "O" | "V" | "g" | "G") || dtype.getattr("hasobject")?.is_truthy()? {
        return Err(refuse(object));
    }
    write(dtype.getattr("str")?.as_borrowed(), depth, out)?;
    write(object.call_method0("tobytes")?.as_borrowed(), depth, out)
}
