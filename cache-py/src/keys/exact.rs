//! What a function's code holds, told apart also where it is equal: 1, 1.0 and `True` make different functions.

use super::code::write_code;
use super::depth::Depth;
use super::fingerprint::{Seen, write_function};
use super::grammar;
use super::place::{is_found, path};
use super::write::{pairs, write as write_canonical};
use pyo3::exceptions::PyTypeError;
use pyo3::ffi;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{
    PyCFunction, PyCode, PyComplex, PyDict, PyFloat, PyFrozenSet, PyFunction, PyList, PyModule, PySet, PyTuple, PyType,
};

/// Appends a constant, a default or a closure's value.
///
/// # Errors
/// `TypeError` for an object that says nothing about what it does.
pub(super) fn write_exact(object: &Bound<'_, PyAny>, seen: &mut Seen, out: &mut Vec<u8>) -> PyResult<()> {
    if let Ok(code) = object.cast::<PyCode>() {
        return write_code(code.as_any(), seen, out);
    }
    if object.is_instance_of::<PyFunction>() {
        return write_function(object, seen, out);
    }
    if let Ok(float) = object.cast_exact::<PyFloat>() {
        return tagged("float bits", bits(float.value()), out);
    }
    if let Ok(complex) = object.cast_exact::<PyComplex>() {
        let both = [bits(complex.real()), bits(complex.imag())].concat();
        return tagged("complex bits", both, out);
    }
    if write_container(object, seen, out)? {
        return Ok(());
    }
    if let Ok(class) = object.cast::<PyType>() {
        return write_class(class, out);
    }
    if object.is_instance_of::<PyModule>() || is_native(object)? {
        return write_name(object, out);
    }
    write_callable(object, seen, out)
}

fn bits(value: f64) -> Vec<u8> {
    value.to_bits().to_le_bytes().to_vec()
}

fn tagged(class: &str, bytes: Vec<u8>, out: &mut Vec<u8>) -> PyResult<()> {
    grammar::extension(out, class);
    grammar::bytes(out, &bytes);
    Ok(())
}

/// Appends a container of anything. Whether it was one.
fn write_container(object: &Bound<'_, PyAny>, seen: &mut Seen, out: &mut Vec<u8>) -> PyResult<bool> {
    let depth = seen.depth;
    if object.is_exact_instance_of::<PyTuple>() || object.is_exact_instance_of::<PyList>() {
        seen.depth = depth.deeper()?;
        let items: Vec<Bound<'_, PyAny>> = object.extract()?;
        match object.is_exact_instance_of::<PyTuple>() {
            true => grammar::tuple(out, items.len()),
            false => grammar::list(out, items.len()),
        }
        items.iter().try_for_each(|item| write_exact(item, seen, out))?;
    } else if object.is_exact_instance_of::<PySet>() || object.is_exact_instance_of::<PyFrozenSet>() {
        seen.depth = depth.deeper()?;
        let elements: Vec<Bound<'_, PyAny>> = object.try_iter()?.collect::<PyResult<_>>()?;
        let elements: PyResult<Vec<_>> = elements.iter().map(|item| exact(item, seen)).collect();
        grammar::extension(out, &path(object.get_type().as_any())?);
        grammar::set(out, elements?);
    } else if object.is_exact_instance_of::<PyDict>() {
        seen.depth = depth.deeper()?;
        // In its own order, by which a function may go.
        let entries = pairs(object.as_borrowed())?;
        grammar::extension(out, "dict");
        grammar::list(out, entries.len());
        for (key, value) in entries {
            grammar::tuple(out, 2);
            write_exact(&key, seen, out)?;
            write_exact(&value, seen, out)?;
        }
    } else {
        return Ok(false);
    }
    seen.depth = depth;
    Ok(true)
}

fn exact(object: &Bound<'_, PyAny>, seen: &mut Seen) -> PyResult<Vec<u8>> {
    let mut out = Vec::new();
    write_exact(object, seen, &mut out)?;
    Ok(out)
}

/// Whether this is a built-in function of a module.
fn is_native(object: &Bound<'_, PyAny>) -> PyResult<bool> {
    if !object.is_instance_of::<PyCFunction>() {
        return Ok(false);
    }
    let of = object.getattr(intern!(object.py(), "__self__"))?;
    Ok(of.is_none() || of.is_instance_of::<PyModule>())
}

/// A class is its name where that leads to it: those that a function makes have one name, and do different things.
fn write_class(class: &Bound<'_, PyType>, out: &mut Vec<u8>) -> PyResult<()> {
    // SAFETY: a live class.
    let is_made = unsafe { ffi::PyType_GetFlags(class.as_type_ptr()) } & ffi::Py_TPFLAGS_HEAPTYPE != 0;
    if is_made && !is_found(class.as_any().as_borrowed()).unwrap_or(false) {
        let message = format!(
            "a function that holds the class {}, which is not found by that name, has no fingerprint: give \
             version=\"..\"",
            path(class.as_any())?
        );
        return Err(PyTypeError::new_err(message));
    }
    write_name(class.as_any(), out)
}

/// A module, a built-in function, or a class of a known name: what it does is not looked at.
fn write_name(object: &Bound<'_, PyAny>, out: &mut Vec<u8>) -> PyResult<()> {
    let name = match object.cast::<PyModule>() {
        Ok(module) => module.name()?.extract()?,
        Err(_) => path(object)?,
    };
    grammar::extension(out, "name");
    grammar::text(out, &name);
    Ok(())
}

/// A function and what it is bound to, or an object that stands for itself.
fn write_callable(object: &Bound<'_, PyAny>, seen: &mut Seen, out: &mut Vec<u8>) -> PyResult<()> {
    let py = object.py();
    let class = path(object.get_type().as_any())?;
    let parts: &[&str] = match class.as_str() {
        "method" => &["__func__", "__self__"],
        "method_descriptor" | "wrapper_descriptor" => &["__objclass__", "__name__"],
        "functools.partial" => &["func", "args", "keywords"],
        "builtin_function_or_method" => &["__name__", "__self__"],
        // Of other objects, what they wrap says not what they make of it.
        "staticmethod" | "classmethod" | "functools._lru_cache_wrapper" | "memolith.CachedFunction" => &["__wrapped__"],
        _ => &[],
    };
    grammar::extension(out, &class);
    if matches!(class.as_str(), "operator.itemgetter" | "operator.attrgetter" | "operator.methodcaller") {
        return write_exact(&object.call_method0(intern!(py, "__reduce__"))?, seen, out);
    }
    if parts.is_empty() {
        return match write_canonical(object.as_borrowed(), Depth::TOP, out) {
            Err(error) if error.is_instance_of::<PyTypeError>(py) => Err(unknown(&class, error, py)),
            other => other,
        };
    }
    let depth = seen.depth;
    seen.depth = depth.deeper()?;
    grammar::tuple(out, parts.len());
    for part in parts {
        write_exact(&object.getattr(*part)?, seen, out)?;
    }
    seen.depth = depth;
    Ok(())
}

/// Says that a function holds what nothing is known about.
pub(super) fn unknown(class: &str, cause: PyErr, py: Python<'_>) -> PyErr {
    let message = format!("a function that holds a {class} object has no fingerprint: give version=\"..\"");
    let error = PyTypeError::new_err(message);
    error.set_cause(py, Some(cause));
    error
}
