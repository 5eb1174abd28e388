//! The Python package `memolith`: a thin layer over the Rust crate of the same name.
//!
//! A function without a backend is answered by [`memory`], a table that knows Python's objects and CPython's calls; one
//! with a backend by [`stored`], which is the core's `Cache` over canonical bytes of the arguments.

mod awaiting;
mod call;
mod errors;
mod function;
mod keys;
mod mapping;
mod memory;
mod options;
mod outside;
mod scope;
mod standing;
mod stored;
mod values;

use pyo3::exceptions::PyImportError;
use pyo3::ffi;
use pyo3::prelude::*;
use std::ptr;

/// What `memolith/__init__.py` takes from here.
#[pymodule(gil_used = false)]
fn _memolith(module: &Bound<'_, PyModule>) -> PyResult<()> {
    refuse_subinterpreters()?;
    outside::register(module)?;
    awaiting::register(module)?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    errors::register(module)?;
    function::register(module)?;
    keys::register(module)?;
    mapping::register(module)?;
    scope::register(module)?;
    stored::register(module)?;
    values::register(module)
}

/// Types and caches are shared by the whole process. CPython refuses by itself from 3.12 on; before, calls would wait
/// for the GIL of the main interpreter for ever.
fn refuse_subinterpreters() -> PyResult<()> {
    // SAFETY: a module is made on an attached thread.
    if unsafe { ptr::eq(ffi::PyInterpreterState_Get(), ffi::PyInterpreterState_Main()) } {
        return Ok(());
    }
    Err(PyImportError::new_err("memolith does not support subinterpreters, import it in the main interpreter"))
}
