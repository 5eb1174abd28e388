//! From the arguments of a call to bytes that are the same in every process.

use crate::call::Call;
use pyo3::ffi::PyObject;
use pyo3::prelude::*;

/// Makes the parts of this module that are tested from Python reachable as `_memolith.canonical` and `.fingerprint`.
pub(crate) fn register(_module: &Bound<'_, PyModule>) -> PyResult<()> {
    Ok(())
}

/// How the arguments of a function are put in the order of its signature.
pub(crate) struct Binder {}

/// Arguments in the order of the signature, defaults filled in, skipped parameters left out.
pub(crate) struct Arguments<'a> {
    /// Borrowed from the call or the binder; the items of `*args` follow the named parameters, in their place.
    pub(crate) values: Vec<*mut PyObject>,
    pub(crate) call: Call<'a>,
}

impl Binder {
    /// Looks at the signature of `function`. `None` for one that cannot tell it (some built-in functions), unless
    /// something is to be skipped.
    ///
    /// # Errors
    /// `TypeError` where `skip` names a parameter that there is not.
    pub(crate) fn new(_function: &Bound<'_, PyAny>, _skip: &[String]) -> PyResult<Option<Self>> {
        todo!()
    }
}

/// Appends the canonical bytes of a call's arguments: a tuple of them.
///
/// # Errors
/// `TypeError` for an argument that has no canonical form; what the arguments' own code raises.
pub(crate) fn write_call(
    _py: Python<'_>,
    _binder: Option<&Binder>,
    _call: Call<'_>,
    _typed: bool,
    _out: &mut Vec<u8>,
) -> PyResult<()> {
    todo!()
}

/// Appends the canonical bytes of one object: equal for objects that are equal.
///
/// # Errors
/// As [`write_call`].
pub(crate) fn write_object(_object: &Bound<'_, PyAny>, _typed: bool, _out: &mut Vec<u8>) -> PyResult<()> {
    todo!()
}

/// The name of a function's space: `name` or its path, and `version` or a fingerprint of its code.
///
/// # Errors
/// `TypeError` for a function without code (a built-in, a callable object) when no version is given.
pub(crate) fn space(_function: &Bound<'_, PyAny>, _name: Option<&str>, _version: Option<&str>) -> PyResult<String> {
    todo!()
}
