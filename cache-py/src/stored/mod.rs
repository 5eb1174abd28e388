//! A function with a backend: the core's `Cache` over the canonical bytes of its arguments.
//!
//! What tasks need of it is public to them: `cache`, `key`, `held`, `object` and `is_kept`.

mod held;

pub(crate) use held::Held;

use crate::call::Call;
use crate::options::Options;
use memolith::{Cache, CacheInfo};
use memolith_core::__private::PortableKey;
use pyo3::prelude::*;
use std::sync::Arc;

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

    /// The core's cache, opened at the first call. The thread is attached; what follows a memory or near hit is done
    /// detached.
    pub(crate) fn cache(&self, _py: Python<'_>) -> &Arc<Cache<PortableKey, Held>> {
        todo!()
    }

    /// The key of a call.
    ///
    /// # Errors
    /// `TypeError` for arguments without canonical form; what `key=` or the arguments' own code raises.
    pub(crate) fn key(&self, _py: Python<'_>, _call: Call<'_>) -> PyResult<PortableKey> {
        todo!()
    }

    /// `value` as the cache keeps it, with its bytes, to be given to `Lease::fill` or `Cache::insert`. A value without
    /// a form in bytes is told by the core when it wants them, and kept in memory.
    pub(crate) fn held(&self, _key: &[u8], _value: &Bound<'_, PyAny>) -> Held {
        todo!()
    }

    /// The object of a value that was found. `None`, which has been reported: it does not decode, so compute it anew
    /// and `Cache::insert` it.
    pub(crate) fn object<'py>(&self, _py: Python<'py>, _key: &[u8], _held: &Held) -> Option<Bound<'py, PyAny>> {
        todo!()
    }

    /// Whether `cache_if` keeps `value`; one that is not kept goes to those who wait by `Lease::answer`.
    ///
    /// # Errors
    /// What `cache_if` raises.
    pub(crate) fn is_kept(&self, _value: &Bound<'_, PyAny>) -> PyResult<bool> {
        todo!()
    }

    /// Whether callers of one key wait for each other. If not: `Cache::get`, compute, `Cache::insert`.
    pub(crate) fn is_single_flight(&self) -> bool {
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
