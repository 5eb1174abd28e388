//! Results that are awaited, and computations that are waited for.

use crate::call::Call;
use crate::memory::Memory;
use pyo3::prelude::*;

/// An awaitable that has its result already: a coroutine that ends at its first step.
pub(crate) fn ready<'py>(_value: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    todo!()
}

/// Where the callers of one function without a backend meet who ask for the same key at the same time.
pub(crate) struct Flights {}

impl Flights {
    pub(crate) fn new(_typed: bool) -> Self {
        todo!()
    }

    /// What a call does that `Memory::get` could not answer: waits for who computes the same key, or computes, keeps the
    /// result unless `cache_if` declines, and hands it to those who wait.
    ///
    /// # Safety
    /// `owner` holds `memory`, which therefore lives as long as it.
    pub(crate) unsafe fn call<'py>(
        &self,
        _owner: &Bound<'py, PyAny>,
        _memory: *mut Memory,
        _function: &Bound<'py, PyAny>,
        _call: Call<'_>,
    ) -> PyResult<Bound<'py, PyAny>> {
        todo!()
    }

    /// The same for an `async def`: an awaitable. Where `is_single` is false nobody waits for anybody.
    ///
    /// # Safety
    /// As [`call`](Self::call); the awaitable holds `owner`.
    pub(crate) unsafe fn call_async<'py>(
        &self,
        _owner: &Bound<'py, PyAny>,
        _memory: *mut Memory,
        _function: &Bound<'py, PyAny>,
        _call: Call<'_>,
    ) -> PyResult<Bound<'py, PyAny>> {
        todo!()
    }
}
