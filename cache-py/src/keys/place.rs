//! Where classes and functions are found.

use super::refuse;
use pyo3::intern;
use pyo3::prelude::*;

/// The module and the name in it, `module.qualname`; a built-in has its name alone.
///
/// A module that runs as a script is `__main__`, also in the children of `multiprocessing`, which call it otherwise.
pub(super) fn path(object: &Bound<'_, PyAny>) -> PyResult<String> {
    let py = object.py();
    let name: String = object.getattr(intern!(py, "__qualname__"))?.extract()?;
    let module = object.getattr(intern!(py, "__module__"))?;
    if module.is_none() {
        return Ok(name);
    }
    Ok(match module.extract::<String>()?.as_str() {
        "builtins" => name,
        "__mp_main__" => format!("__main__.{name}"),
        module => format!("{module}.{name}"),
    })
}

/// The path of a class whose instances are told by it.
///
/// # Errors
/// `TypeError`, about `object`, for a class that is not found by it, such as one made by a function: another may have
/// the same path.
pub(super) fn class_path(object: Borrowed<'_, '_, PyAny>) -> PyResult<String> {
    let class = object.get_type();
    let Ok(true) = is_found(class.as_any().as_borrowed()) else { return Err(refuse(object)) };
    path(class.as_any())
}

/// The path of a class or function that is found by it.
///
/// # Errors
/// `TypeError` for lambdas, for what a function has made, and for what its module has another object for.
pub(super) fn own_path(object: Borrowed<'_, '_, PyAny>) -> PyResult<String> {
    let Ok(true) = is_found(object) else { return Err(refuse(object)) };
    path(&object)
}

/// Whether this is what its module has under its name.
pub(super) fn is_found(object: Borrowed<'_, '_, PyAny>) -> PyResult<bool> {
    let py = object.py();
    let module = object.getattr(intern!(py, "__module__"))?;
    let module = if module.is_none() { intern!(py, "builtins").clone().into_any() } else { module };
    let mut found = py.import(intern!(py, "sys"))?.getattr(intern!(py, "modules"))?.get_item(module)?;
    let name: String = object.getattr(intern!(py, "__qualname__"))?.extract()?;
    for part in name.split('.') {
        found = found.getattr(part)?;
    }
    Ok(found.is(object))
}
