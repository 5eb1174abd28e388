//! What the tests look at.

use super::{Binder, Fit, Said, arguments, space, write_object};
use crate::call::Call;
use pyo3::ffi::PyObject;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyTuple};

/// Adds `_canonical`, `_canonical_call` and `_space`.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(_canonical, module)?)?;
    module.add_function(wrap_pyfunction!(_canonical_call, module)?)?;
    module.add_function(wrap_pyfunction!(_bound, module)?)?;
    module.add_function(wrap_pyfunction!(_space, module)?)
}

/// The canonical bytes of an object.
#[pyfunction]
#[pyo3(signature = (object, typed=false))]
fn _canonical<'py>(object: &Bound<'py, PyAny>, typed: bool) -> PyResult<Bound<'py, PyBytes>> {
    let mut out = Vec::new();
    write_object(object, typed, &mut out)?;
    Ok(PyBytes::new(object.py(), &out))
}

/// The canonical bytes of a call, or `None` if the function would refuse the arguments.
#[pyfunction]
#[pyo3(signature = (function, args, kwargs, typed=false, skip=Vec::new()))]
fn _canonical_call<'py>(
    function: &Bound<'py, PyAny>,
    args: &Bound<'py, PyTuple>,
    kwargs: &Bound<'py, PyDict>,
    typed: bool,
    skip: Vec<String>,
) -> PyResult<Option<Bound<'py, PyBytes>>> {
    let py = function.py();
    let binder = Binder::new(function, &skip)?;
    let mut out = Vec::new();
    let fit = with_call(args, kwargs, |call| arguments::write_call(py, binder.as_ref(), call, typed, &mut out))?;
    Ok((fit? == Fit::Bound).then(|| PyBytes::new(py, &out)))
}

/// The arguments of a call in the order of the signature, and the names of the last; `None` if they do not fit.
#[pyfunction]
#[pyo3(signature = (function, args, kwargs, skip=Vec::new()))]
#[expect(clippy::type_complexity, reason = "values and names")]
fn _bound<'py>(
    function: &Bound<'py, PyAny>,
    args: &Bound<'py, PyTuple>,
    kwargs: &Bound<'py, PyDict>,
    skip: Vec<String>,
) -> PyResult<Option<(Vec<Bound<'py, PyAny>>, Vec<String>)>> {
    let py = function.py();
    let Some(binder) = Binder::new(function, &skip)? else { return Ok(None) };
    with_call(args, kwargs, |call| {
        let Some(arguments) = binder.bind(py, call)? else { return Ok(None) };
        let call = arguments.call();
        let values = (0..call.len()).map(|at| call.argument(py, at).to_owned()).collect();
        let names = (0..call.nkw()).map(|at| {
            // SAFETY: names are live text.
            let name: Borrowed<'_, '_, PyAny> = unsafe { Borrowed::from_ptr(py, call.name(at)) };
            name.extract()
        });
        Ok(Some((values, names.collect::<PyResult<_>>()?)))
    })?
}

/// The name of a function's space.
#[pyfunction]
#[pyo3(signature = (function, name=None, version=None))]
fn _space(function: &Bound<'_, PyAny>, name: Option<&str>, version: Option<&str>) -> PyResult<String> {
    space(function, Said { name, version, ..Said::default() })
}

/// Hands over the arguments as vectorcall would.
fn with_call<T>(
    args: &Bound<'_, PyTuple>,
    kwargs: &Bound<'_, PyDict>,
    use_it: impl FnOnce(Call<'_>) -> T,
) -> PyResult<T> {
    let names = PyTuple::new(args.py(), kwargs.keys())?;
    let values: Vec<Bound<'_, PyAny>> = args.iter().chain(kwargs.values()).collect();
    let pointers: Vec<*mut PyObject> = values.iter().map(Bound::as_ptr).collect();
    Ok(use_it(Call::named(&pointers, args.len(), names.as_ptr())))
}
