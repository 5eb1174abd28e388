//! The name of a function's space.

use super::fingerprint::fingerprint;
use super::place::path;
use pyo3::intern;
use pyo3::prelude::*;

/// What a user says of a function's space.
#[derive(Clone, Copy, Default)]
pub(crate) struct Said<'a, 'py> {
    pub(crate) name: Option<&'a str>,
    pub(crate) version: Option<&'a str>,
    /// Makes the key of a call: one that makes other keys would find other results under them.
    pub(crate) key: Option<&'a Bound<'py, PyAny>>,
    /// Parameters that are no part of the key, likewise.
    pub(crate) skip: &'a [String],
}

/// The name of a function's space: `name`, or `python:` and its path, and `version` or a fingerprint of what it does.
///
/// In a script the file's path takes the place of the module's name, which is `__main__` for all scripts.
///
/// # Errors
/// `TypeError` for a function without a fingerprint when no version is given.
pub(crate) fn space(function: &Bound<'_, PyAny>, said: Said<'_, '_>) -> PyResult<String> {
    let name = match said.name {
        Some(name) => name.to_string(),
        None => format!("python:{}", place(&innermost(function)?)?),
    };
    match said.version {
        // As the core has it, so that functions of other languages can be given the same.
        Some(version) => Ok(format!("{name}@v:{version}")),
        None => Ok(format!("{name}@{:016x}", fingerprint(function, said)?)),
    }
}

/// What has a name: the function of a partial, the class of a callable object.
fn innermost<'py>(function: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let mut function = function.clone();
    while !function.hasattr(intern!(function.py(), "__qualname__"))? {
        function = match function.getattr(intern!(function.py(), "func")) {
            Ok(inner) => inner,
            Err(_) => function.get_type().into_any(),
        };
    }
    Ok(function)
}

fn place(function: &Bound<'_, PyAny>) -> PyResult<String> {
    let path = path(function)?;
    let Some(name) = path.strip_prefix("__main__.") else { return Ok(path) };
    let main = function.py().import("__main__")?;
    let Ok(file) = main.getattr("__file__") else { return Ok(name.to_string()) };
    let file = function.py().import("os.path")?.call_method1("abspath", (file,))?;
    Ok(format!("{}.{name}", file.str()?.to_string_lossy()))
}
