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
mod standing;
mod stored;
mod values;

use pyo3::prelude::*;

/// What `memolith/__init__.py` takes from here.
#[pymodule(gil_used = false)]
fn _memolith(module: &Bound<'_, PyModule>) -> PyResult<()> {
    outside::register(module)?;
    awaiting::register(module)?;
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    errors::register(module)?;
    function::register(module)?;
    keys::register(module)?;
    mapping::register(module)?;
    stored::register(module)?;
    values::register(module)
}
