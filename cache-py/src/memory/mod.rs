//! The memory tier of functions without a backend: a table over Python's own hashes and comparisons.

use crate::call::Call;
use crate::options::Options;
use memolith::CacheInfo;
use pyo3::ffi::PyObject;
use pyo3::prelude::*;

/// Entries by the arguments of calls.
///
/// Methods that may run Python code (comparisons, hashes, the drop of a value) take a raw pointer and hold no reference
/// to the table meanwhile: that code may call the same function.
pub(crate) struct Memory {}

impl Memory {
    pub(crate) fn new(_maxsize: Option<usize>, _typed: bool, _options: &Options) -> Self {
        todo!()
    }

    /// The value of a call, a new reference, counted as a hit; null with no exception set if there is none, which is not
    /// counted; null with an exception if a hash or a comparison raised.
    ///
    /// # Safety
    /// `memory` is alive until this returns, and the thread is attached.
    pub(crate) unsafe fn get(_memory: *mut Self, _call: Call<'_>) -> *mut PyObject {
        todo!()
    }

    /// Keeps `value` (borrowed) as the value of a call, for `ttl` nanoseconds if given, else as the cache says.
    /// `Err` with an exception set if a hash or a comparison raised.
    ///
    /// # Safety
    /// As [`get`](Self::get); `value` is a live object.
    #[expect(clippy::result_unit_err, reason = "the exception is set")]
    pub(crate) unsafe fn insert(
        _memory: *mut Self,
        _call: Call<'_>,
        _value: *mut PyObject,
        _ttl: Option<u64>,
    ) -> Result<(), ()> {
        todo!()
    }

    /// Removes the value of a call. Whether there was one.
    ///
    /// # Safety
    /// As [`get`](Self::get).
    #[expect(clippy::result_unit_err, reason = "the exception is set")]
    pub(crate) unsafe fn remove(_memory: *mut Self, _call: Call<'_>) -> Result<bool, ()> {
        todo!()
    }

    /// Counts a call that had to compute.
    pub(crate) fn count_miss(&mut self) {
        todo!()
    }

    /// A hit that waited for another caller.
    pub(crate) fn count_coalesced(&mut self) {
        todo!()
    }

    pub(crate) fn info(&mut self) -> CacheInfo {
        todo!()
    }

    /// Forgets entries and counters.
    ///
    /// # Safety
    /// As [`get`](Self::get): what is forgotten is dropped, which may run Python code.
    pub(crate) unsafe fn clear(_memory: *mut Self) {
        todo!()
    }

    /// Whether there is a live value for a call. Counts nothing, and is no use for the policy.
    ///
    /// # Safety
    /// As [`get`](Self::get).
    #[expect(clippy::result_unit_err, reason = "the exception is set")]
    pub(crate) unsafe fn contains(_memory: *mut Self, _call: Call<'_>) -> Result<bool, ()> {
        todo!()
    }

    /// Changes the bound; what has to leave is dropped.
    ///
    /// # Safety
    /// As [`get`](Self::get).
    pub(crate) unsafe fn set_maxsize(_memory: *mut Self, _maxsize: Option<usize>) {
        todo!()
    }

    /// Shows every object held, keys and values, to the garbage collector.
    pub(crate) fn visit(&self, _each: &mut dyn FnMut(*mut PyObject)) {
        todo!()
    }

    /// The keys (of one argument) and values of all live entries, new references.
    pub(crate) fn entries(&mut self, _py: Python<'_>) -> Vec<(Py<PyAny>, Py<PyAny>)> {
        todo!()
    }
}
