//! A number for what a function does.

use super::code::write_code;
use super::depth::Depth;
use super::exact::write_exact;
use super::grammar;
use super::place::path;
use super::space::Said;
use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::ffi::PyObject;
use pyo3::intern;
use pyo3::prelude::*;
use pyo3::types::{PyFunction, PyType};
use xxhash_rust::xxh3::xxh3_64;

/// Where a walk through functions is.
pub(super) struct Seen {
    /// The functions it is in, outermost first: one that calls itself is told by its place among them.
    functions: Vec<*mut PyObject>,
    pub(super) depth: Depth,
}

/// The fingerprint of `function`: its code and constants, its defaults, the values and functions in its closure, how
/// the keys of its calls are made, and the version of the interpreter. Functions and values that it finds by a global
/// name count with that name.
///
/// # Errors
/// `TypeError` for a function that holds an object without a canonical form, and for callable objects.
pub(super) fn fingerprint(function: &Bound<'_, PyAny>, said: Said<'_, '_>) -> PyResult<u64> {
    let py = function.py();
    if function.is_instance_of::<PyType>() {
        let message = format!("the class {} has no fingerprint: give version=\"..\"", path(function)?);
        return Err(PyTypeError::new_err(message));
    }
    let mut out = Vec::new();
    let tag: String = py.import("sys")?.getattr("implementation")?.getattr("cache_tag")?.str()?.extract()?;
    grammar::text(&mut out, &tag);
    let mut seen = Seen { functions: Vec::new(), depth: Depth::TOP };
    let written = write_exact(function, &mut seen, &mut out).and_then(|()| write_keys(said, &mut seen, &mut out));
    match written {
        Ok(()) => Ok(xxh3_64(&out)),
        Err(error) if error.is_instance_of::<PyValueError>(py) => {
            let message =
                "a function whose closure holds itself or is too deep has no fingerprint: give version=\"..\"";
            Err(PyTypeError::new_err(message))
        }
        Err(error) => Err(error),
    }
}

fn write_keys(said: Said<'_, '_>, seen: &mut Seen, out: &mut Vec<u8>) -> PyResult<()> {
    if let Some(key) = said.key {
        grammar::extension(out, "key");
        write_exact(key, seen, out)?;
    }
    let mut skip = said.skip.to_vec();
    skip.sort_unstable();
    skip.iter().for_each(|name| grammar::text(out, name));
    Ok(())
}

/// Appends a function that is written in Python.
pub(super) fn write_function(function: &Bound<'_, PyAny>, seen: &mut Seen, out: &mut Vec<u8>) -> PyResult<()> {
    debug_assert!(function.is_instance_of::<PyFunction>());
    if let Some(at) = seen.functions.iter().position(|known| *known == function.as_ptr()) {
        grammar::extension(out, "recursion");
        grammar::int(out, at as i128);
        return Ok(());
    }
    let depth = seen.depth;
    seen.depth = depth.deeper()?;
    seen.functions.push(function.as_ptr());
    let written = write_parts(function, seen, out);
    seen.functions.pop();
    seen.depth = depth;
    written
}

fn write_parts(function: &Bound<'_, PyAny>, seen: &mut Seen, out: &mut Vec<u8>) -> PyResult<()> {
    let py = function.py();
    grammar::extension(out, "function");
    grammar::tuple(out, 4);
    write_code(&function.getattr(intern!(py, "__code__"))?, seen, out)?;
    write_exact(&function.getattr(intern!(py, "__defaults__"))?, seen, out)?;
    write_exact(&function.getattr(intern!(py, "__kwdefaults__"))?, seen, out)?;
    let closure = function.getattr(intern!(py, "__closure__"))?;
    if closure.is_none() {
        grammar::none(out);
        return Ok(());
    }
    let cells: Vec<Bound<'_, PyAny>> = closure.extract()?;
    grammar::tuple(out, cells.len());
    for cell in cells {
        match cell.getattr(intern!(py, "cell_contents")) {
            Ok(value) => write_exact(&value, seen, out)?,
            Err(error) if error.is_instance_of::<PyValueError>(py) => {
                grammar::extension(out, "empty");
                grammar::none(out);
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
