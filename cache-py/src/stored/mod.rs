//! A function with a backend: the core's `Cache` over the canonical bytes of its arguments.

use crate::call::Call;
use crate::options::Options;
use memolith::CacheInfo;
use pyo3::prelude::*;

/// Adds `open` and `Backend`.
pub(crate) fn register(_module: &Bound<'_, PyModule>) -> PyResult<()> {
    Ok(())
}

/// The cache behind one function. It holds the options' callables, and reports faults to `on_error` or to the logger
/// `memolith`.
pub(crate) struct Stored {}

impl Stored {
    pub(crate) fn new(
        _function: &Bound<'_, PyAny>,
        _maxsize: Option<usize>,
        _typed: bool,
        _options: Options,
    ) -> PyResult<Self> {
        todo!()
    }

    /// The result of a call of a plain function.
    pub(crate) fn call<'py>(&self, _function: &Bound<'py, PyAny>, _call: Call<'_>) -> PyResult<Bound<'py, PyAny>> {
        todo!()
    }

    /// An awaitable for the result of a call of an `async def`.
    pub(crate) fn call_async<'py>(
        &self,
        _function: &Bound<'py, PyAny>,
        _call: Call<'_>,
    ) -> PyResult<Bound<'py, PyAny>> {
        todo!()
    }

    /// The value of a call, if memory or the backend has it; never computes.
    pub(crate) fn get<'py>(&self, _py: Python<'py>, _call: Call<'_>) -> PyResult<Option<Bound<'py, PyAny>>> {
        todo!()
    }

    /// Removes the value of a call. Whether there was one.
    pub(crate) fn invalidate(&self, _py: Python<'_>, _call: Call<'_>) -> PyResult<bool> {
        todo!()
    }

    pub(crate) fn info(&self, _py: Python<'_>) -> CacheInfo {
        todo!()
    }

    pub(crate) fn clear(&self, _py: Python<'_>) -> PyResult<()> {
        todo!()
    }

    /// The Python objects it holds besides values, for the garbage collector.
    pub(crate) fn objects(&self) -> Vec<&Py<PyAny>> {
        todo!()
    }
}
