//! Calls that need more than a look into memory.

use super::attached;
use super::object::{CachedFunction, Key, Kind};
use crate::awaiting::{Miss, Waiting, ready};
use crate::call::Call;
use crate::memory::Memory;
use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi::{self, PyObject};
use pyo3::prelude::*;
use std::ptr;

/// # Safety
/// Called by CPython as the vectorcall of an instance.
pub(super) unsafe extern "C" fn vectorcall(
    this: *mut PyObject,
    args: *const *mut PyObject,
    nargsf: usize,
    kwnames: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: vectorcall gives what `Call` asks for, and the caller keeps the instance alive.
    let (call, instance) = unsafe { (Call::new(args, nargsf, kwnames), &*this.cast::<CachedFunction>()) };
    if let (Kind::Async(_), Key::Arguments, None) = (instance.parts.kind, &instance.parts.key, &instance.parts.stored) {
        // Most calls end here.
        // SAFETY: the instance is alive, and the thread attached.
        let value = unsafe { Memory::get((&raw const instance.parts.memory).cast_mut(), call) };
        if !value.is_null() {
            // SAFETY: as above, and the reference is ours.
            return unsafe { await_ready(value) };
        }
        // SAFETY: the thread is attached.
        if !unsafe { ffi::PyErr_Occurred() }.is_null() {
            return ptr::null_mut();
        }
    }
    let run = |py: Python<'_>| {
        // SAFETY: the instance is alive.
        let owner = unsafe { Bound::from_borrowed_ptr(py, this) };
        // SAFETY: as above.
        match unsafe { answer(&owner, instance, call) } {
            Ok(value) => value.into_ptr(),
            Err(error) => {
                error.restore(py);
                ptr::null_mut()
            }
        }
    };
    // SAFETY: CPython calls.
    unsafe { attached(run) }
}

/// # Safety
/// `value` is a new reference, and the thread attached.
unsafe fn await_ready(value: *mut PyObject) -> *mut PyObject {
    // SAFETY: the caller vouches for both.
    let (py, value) = unsafe {
        let py = Python::assume_attached();
        (py, Bound::from_owned_ptr(py, value))
    };
    match ready(value) {
        Ok(awaitable) => awaitable.into_ptr(),
        Err(error) => {
            error.restore(py);
            ptr::null_mut()
        }
    }
}

/// # Safety
/// `instance` is that of `owner`.
unsafe fn answer<'py>(
    owner: &Bound<'py, PyAny>,
    instance: &CachedFunction,
    call: Call<'_>,
) -> PyResult<Bound<'py, PyAny>> {
    let py = owner.py();
    // SAFETY: an instance that is called has its function; a cleared one does not.
    let function = unsafe { Bound::from_borrowed_ptr_or_opt(py, instance.function) };
    let Some(function) = function else {
        return Err(PyRuntimeError::new_err("this function was collected as garbage"));
    };
    if let Some(stored) = &instance.parts.stored {
        return match instance.parts.kind {
            Kind::Plain => stored.call(&function, call),
            Kind::Async(_) => stored.call_async(owner, &function, call),
        };
    }
    keyed(py, instance, call, |key| {
        // SAFETY: null, or alive as the instance is.
        let cache_if = unsafe { Bound::from_borrowed_ptr_or_opt(py, instance.cache_if) };
        let memory = (&raw const instance.parts.memory).cast_mut();
        // SAFETY: the owner holds the memory.
        let found = unsafe { Bound::from_owned_ptr_or_opt(py, Memory::get(memory, key)) };
        match (found, instance.parts.kind) {
            (Some(value), Kind::Plain) => return Ok(value),
            (Some(value), Kind::Async(_)) => return ready(value),
            (None, _) => {}
        }
        if let Some(error) = PyErr::take(py) {
            return Err(error);
        }
        let miss = Miss { owner, memory, function: &function, call, key, cache_if: cache_if.as_ref(), ttl: None };
        // SAFETY: the owner holds the memory.
        unsafe {
            match (instance.parts.kind, &instance.parts.flights) {
                (Kind::Async(waiting), Some(flights)) => flights.call_async(miss, waiting),
                (Kind::Plain, Some(flights)) => flights.call(miss),
                (Kind::Plain | Kind::Async(Waiting::Shared | Waiting::Alone), None) => compute(&miss),
            }
        }
    })
}

/// Hands the key of a call to `use_it`: its arguments, or what the decorator was told to make of them.
///
/// # Errors
/// What `key=` raises; the function's own error for arguments that it does not take.
pub(super) fn keyed<'py, T>(
    py: Python<'py>,
    instance: &CachedFunction,
    call: Call<'_>,
    use_it: impl FnOnce(Call<'_>) -> PyResult<T>,
) -> PyResult<T> {
    match &instance.parts.key {
        Key::Arguments => use_it(call),
        Key::Made(make) => {
            let made = call.run(make.bind(py))?;
            // An argument by itself may be equal to less than a part of a key is, so there is a second, which is cheap.
            let none = py.None();
            use_it(Call::positional(&[made.as_ptr(), none.as_ptr()]))
        }
        Key::Bound(binder) => match binder.bind(py, call)? {
            Some(arguments) => use_it(arguments.call()),
            None => use_it(call),
        },
    }
}

/// Calls the function and keeps what it returns, unless `cache_if` declines.
///
/// # Safety
/// The owner holds the memory.
unsafe fn compute<'py>(miss: &Miss<'_, 'py>) -> PyResult<Bound<'py, PyAny>> {
    let py = miss.owner.py();
    // SAFETY: the owner holds the memory; the thread is attached.
    unsafe {
        (*miss.memory).begin(py)?;
        if ffi::Py_EnterRecursiveCall(c" while calling a cached function".as_ptr()) != 0 {
            return Err(PyErr::fetch(py));
        }
        let value = miss.call.run(miss.function);
        ffi::Py_LeaveRecursiveCall();
        let value = value?;
        let is_wanted = match miss.cache_if {
            None => true,
            Some(cache_if) => cache_if.call1((&value,))?.is_truthy()?,
        };
        if is_wanted && Memory::insert(miss.memory, miss.key, value.as_ptr(), None).is_err() {
            return Err(PyErr::fetch(py));
        }
        Ok(value)
    }
}
