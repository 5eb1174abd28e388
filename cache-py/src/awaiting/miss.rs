//! A call that memory could not answer.

use crate::call::{Call, OwnedCall};
use crate::memory::Memory;
use memolith_core::__private::Mode;
use pyo3::ffi::PyObject;
use pyo3::prelude::*;
use pyo3::types::PyTuple;

/// A call of a function without a backend that memory could not answer.
pub(crate) struct Miss<'a, 'py> {
    /// What keeps `memory` alive.
    pub(crate) owner: &'a Bound<'py, PyAny>,
    pub(crate) memory: *mut Memory,
    pub(crate) function: &'a Bound<'py, PyAny>,
    /// What `function` is called with.
    pub(crate) call: Call<'a>,
    /// What memory knows the result by: `call` itself unless the decorator was told otherwise.
    pub(crate) key: Call<'a>,
    /// Whether a result is kept.
    pub(crate) cache_if: Option<&'a Bound<'py, PyAny>>,
    /// Nanoseconds that it lives, if not as the cache says.
    pub(crate) ttl: Option<u64>,
}

/// The same, after the call has returned an awaitable.
pub(super) struct KeptMiss {
    owner: Py<PyAny>,
    memory: *mut Memory,
    function: Py<PyAny>,
    call: OwnedCall,
    /// None if it is `call`.
    key: Option<OwnedCall>,
    cache_if: Option<Py<PyAny>>,
    ttl: Option<u64>,
}

// SAFETY: the table behind the pointer lives as long as its owner, which is held; it is used by attached threads alone,
// as `Memory` asks for.
unsafe impl Send for KeptMiss {}
// SAFETY: as above; the fields do not change.
unsafe impl Sync for KeptMiss {}

impl<'py> Miss<'_, 'py> {
    /// What memory has by now.
    ///
    /// # Safety
    /// `memory` is alive as long as `owner`.
    pub(super) unsafe fn find(&self) -> PyResult<Option<Bound<'py, PyAny>>> {
        // SAFETY: the owner is held, and the token of its thread says that it is attached.
        let found = unsafe { Memory::get(self.memory, self.key) };
        new_or_none(self.owner.py(), found)
    }

    /// Calls the function, which is counted as a miss.
    ///
    /// # Safety
    /// As [`find`](Self::find).
    pub(super) unsafe fn compute(&self) -> PyResult<Bound<'py, PyAny>> {
        // SAFETY: the owner is held, and no other reference to the table is alive.
        unsafe { (*self.memory).begin(self.owner.py()) }?;
        self.call.run(self.function)
    }

    /// Counts a hit that waited for another caller.
    ///
    /// # Safety
    /// As [`find`](Self::find).
    pub(super) unsafe fn count_coalesced(&self) {
        // SAFETY: as in `compute`.
        unsafe { (*self.memory).count_coalesced(self.owner.py()) };
    }

    /// What the scopes around it let it do.
    ///
    /// # Safety
    /// As [`find`](Self::find).
    pub(super) unsafe fn limits(&self) -> Mode {
        // SAFETY: as in `compute`.
        unsafe { (*self.memory).limits(self.owner.py()) }
    }

    /// Keeps the value, unless `cache_if` declines or it `is_outdated` by then.
    ///
    /// # Safety
    /// As [`find`](Self::find).
    pub(super) unsafe fn keep(
        &self,
        value: &Bound<'py, PyAny>,
        is_outdated: impl FnOnce() -> PyResult<bool>,
    ) -> PyResult<()> {
        if let Some(cache_if) = self.cache_if
            && !cache_if.call1((value,))?.is_truthy()?
        {
            return Ok(());
        }
        if is_outdated()? {
            return Ok(());
        }
        // SAFETY: the owner is held, and the value is alive.
        let kept = unsafe { Memory::insert(self.memory, self.key, value.as_ptr(), self.ttl) };
        kept.map(drop).map_err(|()| PyErr::fetch(value.py()))
    }

    /// The same without borrows.
    pub(super) fn keep_call(&self) -> KeptMiss {
        let py = self.owner.py();
        KeptMiss {
            owner: self.owner.clone().unbind(),
            memory: self.memory,
            function: self.function.clone().unbind(),
            call: self.call.keep(py),
            key: (!self.call.is(&self.key)).then(|| self.key.keep(py)),
            cache_if: self.cache_if.map(|cache_if| cache_if.clone().unbind()),
            ttl: self.ttl,
        }
    }
}

impl KeptMiss {
    /// Hands the miss to `use_it`.
    pub(super) fn with<'py, T>(&self, py: Python<'py>, use_it: impl FnOnce(Miss<'_, 'py>) -> T) -> T {
        self.call.with(|call| match &self.key {
            None => use_it(self.miss(py, call, call)),
            Some(key) => key.with(|key| use_it(self.miss(py, call, key))),
        })
    }

    fn miss<'a, 'py>(&'a self, py: Python<'py>, call: Call<'a>, key: Call<'a>) -> Miss<'a, 'py> {
        Miss {
            owner: self.owner.bind(py),
            memory: self.memory,
            function: self.function.bind(py),
            call,
            key,
            cache_if: self.cache_if.as_ref().map(|cache_if| cache_if.bind(py)),
            ttl: self.ttl,
        }
    }

    /// The objects it holds, for the garbage collector.
    pub(super) fn objects(&self) -> impl Iterator<Item = &Py<PyAny>> {
        let calls = self.call.objects().chain(self.key.iter().flat_map(OwnedCall::objects));
        calls.chain([&self.owner, &self.function]).chain(&self.cache_if)
    }
}

/// By what the callers of one key find each other: all that makes calls equal or different.
pub(super) fn key<'py>(py: Python<'py>, call: Call<'_>, typed: bool) -> PyResult<Bound<'py, PyTuple>> {
    let names = (0..call.nkw()).map(|at| {
        // SAFETY: names live as long as the call.
        unsafe { Borrowed::<PyAny>::from_ptr(py, call.name(at)) }.to_owned()
    });
    let arguments = (0..call.len()).map(|at| call.argument(py, at).to_owned());
    let mut parts: Vec<Bound<'py, PyAny>> = arguments.collect();
    if typed {
        let types: Vec<_> = parts.iter().map(|part| part.get_type().into_any()).collect();
        parts.extend(types);
    }
    parts.extend(names);
    // Tells f(1, 2) from f(1, b=2), and f("a", 1) from f(1, a="a"): the same parts in other roles.
    let roles = call.nargs().into_pyobject(py)?.into_any();
    parts.push(roles);
    PyTuple::new(py, parts)
}

/// The object that a new reference refers to; null means none, or an exception.
fn new_or_none(py: Python<'_>, object: *mut PyObject) -> PyResult<Option<Bound<'_, PyAny>>> {
    // SAFETY: the caller has got it as a new reference, or null.
    match unsafe { Bound::from_owned_ptr_or_opt(py, object) } {
        Some(object) => Ok(Some(object)),
        None => PyErr::take(py).map_or(Ok(None), Err),
    }
}
