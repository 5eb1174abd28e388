//! What decorated functions offer besides calls.

use super::attached;
use super::object::{CachedFunction, Kind};
use super::route::keyed;
use crate::call::Call;
use crate::memory::Memory;
use crate::scope::Marked;
use pyo3::ffi::{self, PyObject};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict};
use std::ffi::c_void;
use std::ptr;

unsafe extern "C" {
    /// In CPython's headers, not in those of PyO3.
    fn PyMethod_New(function: *mut PyObject, instance: *mut PyObject) -> *mut PyObject;
}

/// # Safety
/// Called by CPython as the method `cache_info`.
pub(super) unsafe extern "C" fn cache_info(this: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    // SAFETY: methods are called on instances.
    let instance = unsafe { &*this.cast::<CachedFunction>() };
    enter(|py| {
        let parts = &instance.parts;
        let info = parts.stored.as_ref().map_or_else(|| parts.memory.info(), |stored| stored.info(py));
        let counts = (
            info.hits,
            info.misses,
            parts.maxsize,
            info.currsize,
            info.coalesced,
            info.evictions,
            info.expired,
            info.backend_hits,
            info.errors,
            info.stale,
        );
        // SAFETY: null only once the instance was collected.
        let class = unsafe { Bound::from_borrowed_ptr_or_opt(py, instance.info) };
        class.map_or_else(|| Ok(py.None()), |class| Ok(class.call1(counts)?.unbind()))
    })
}

/// # Safety
/// Called by CPython as the method `cache_clear`.
pub(super) unsafe extern "C" fn cache_clear(this: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    // SAFETY: methods are called on instances.
    let instance = unsafe { &*this.cast::<CachedFunction>() };
    enter(|py| {
        if let Some(flights) = &instance.parts.flights {
            flights.forget_all(py);
        }
        if let Some(stored) = &instance.parts.stored {
            stored.clear(py)?;
        }
        // SAFETY: the caller holds the instance.
        unsafe { Memory::clear((&raw const instance.parts.memory).cast_mut()) };
        Ok(py.None())
    })
}

/// # Safety
/// Called by CPython as the method `flush`.
pub(super) unsafe extern "C" fn flush(this: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    // SAFETY: methods are called on instances.
    let parts = unsafe { &(*this.cast::<CachedFunction>()).parts };
    enter(|py| {
        parts.stored.as_ref().map_or(Ok(()), |stored| stored.flush(py))?;
        Ok(py.None())
    })
}

/// # Safety
/// Called by CPython as the method `cache_parameters`.
pub(super) unsafe extern "C" fn cache_parameters(this: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    // SAFETY: methods are called on instances.
    let instance = unsafe { &*this.cast::<CachedFunction>() };
    enter(|py| {
        let parameters = PyDict::new(py);
        parameters.set_item("maxsize", instance.parts.maxsize)?;
        // SAFETY: the caller holds the instance, which holds it; null after the garbage collector's clear.
        let typed = unsafe { Bound::from_borrowed_ptr_or_opt(py, instance.typed) };
        parameters.set_item("typed", typed)?;
        Ok(parameters.into_any().unbind())
    })
}

/// # Safety
/// Called by CPython as the method `invalidate`.
pub(super) unsafe extern "C" fn invalidate(
    this: *mut PyObject,
    args: *const *mut PyObject,
    nargs: ffi::Py_ssize_t,
    kwnames: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: methods are called on instances, with arguments as in a vectorcall.
    let (instance, call) = unsafe { (&*this.cast::<CachedFunction>(), Call::new(args, nargs as usize, kwnames)) };
    enter(|py| {
        let parts = &instance.parts;
        if let Some(stored) = &parts.stored {
            return Ok(PyBool::new(py, stored.invalidate(py, call)?).to_owned().into_any().unbind());
        }
        let removed = keyed(py, instance, call, |key| {
            if let Some(flights) = &parts.flights {
                flights.forget(py, key)?;
            }
            // SAFETY: the caller holds the instance.
            let removed = unsafe { Memory::remove((&raw const parts.memory).cast_mut(), key) };
            removed.map(Option::unwrap_or_default).map_err(|()| PyErr::fetch(py))
        })?;
        Ok(PyBool::new(py, removed).to_owned().into_any().unbind())
    })
}

/// # Safety
/// Called by CPython as the method `get`.
pub(super) unsafe extern "C" fn get(
    this: *mut PyObject,
    args: *const *mut PyObject,
    nargs: ffi::Py_ssize_t,
    kwnames: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: methods are called on instances, with arguments as in a vectorcall.
    let (instance, call) = unsafe { (&*this.cast::<CachedFunction>(), Call::new(args, nargs as usize, kwnames)) };
    enter(|py| {
        let parts = &instance.parts;
        let value = match &parts.stored {
            Some(stored) => stored.get(py, call)?,
            None => keyed(py, instance, call, |key| {
                // SAFETY: the caller holds the instance; a new reference or null returns.
                let value = unsafe {
                    let value = Memory::get((&raw const parts.memory).cast_mut(), key);
                    Bound::from_owned_ptr_or_opt(py, value)
                };
                match PyErr::take(py) {
                    Some(error) if value.is_none() => Err(error),
                    _ => Ok(value),
                }
            })?,
        };
        Ok(value.map_or_else(|| py.None(), Bound::unbind))
    })
}

/// Pickled by name, as functions are.
///
/// # Safety
/// Called by CPython as the method `__reduce__`.
pub(super) unsafe extern "C" fn reduce(this: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    // SAFETY: the instance is alive and the thread attached.
    unsafe { ffi::PyObject_GetAttrString(this, c"__qualname__".as_ptr()) }
}

/// The instance itself, for copies.
///
/// # Safety
/// Called by CPython as the methods `__copy__` and `__deepcopy__`.
pub(super) unsafe extern "C" fn itself(this: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    // SAFETY: the instance is alive.
    unsafe { ffi::Py_INCREF(this) };
    this
}

/// `CachedFunction[[int], str]`, for annotations.
///
/// # Safety
/// Called by CPython as the class method `__class_getitem__`.
pub(super) unsafe extern "C" fn generic(class: *mut PyObject, parameters: *mut PyObject) -> *mut PyObject {
    // SAFETY: CPython hands over the class and a live object.
    unsafe { ffi::Py_GenericAlias(class, parameters) }
}

/// # Safety
/// Called by CPython for the attribute `uncached`.
pub(super) unsafe extern "C" fn uncached(this: *mut PyObject, _: *mut c_void) -> *mut PyObject {
    // SAFETY: attributes are asked of instances; a cleared one has no function any more.
    unsafe {
        let function = (*this.cast::<CachedFunction>()).function;
        let function = if function.is_null() { ffi::Py_None() } else { function };
        ffi::Py_INCREF(function);
        function
    }
}

/// # Safety
/// Called by CPython for the attribute `is_async`.
pub(super) unsafe extern "C" fn is_async(this: *mut PyObject, _: *mut c_void) -> *mut PyObject {
    // SAFETY: attributes are asked of instances; the two objects live for ever.
    unsafe {
        let is_plain = (*this.cast::<CachedFunction>()).parts.kind == Kind::Plain;
        let answer = if is_plain { ffi::Py_False() } else { ffi::Py_True() };
        ffi::Py_INCREF(answer);
        answer
    }
}

/// # Safety
/// Called by CPython for the attribute `_mark`.
pub(super) unsafe extern "C" fn mark(this: *mut PyObject, _: *mut c_void) -> *mut PyObject {
    // SAFETY: attributes are asked of instances.
    let parts = unsafe { &(*this.cast::<CachedFunction>()).parts };
    enter(|py| {
        let mark = parts.stored.as_ref().map_or_else(|| parts.memory.mark(), |stored| stored.tier(py).mark());
        Ok(Bound::new(py, Marked(mark.clone()))?.into_any().unbind())
    })
}

/// A method of `object`, or the function itself where it is read from a class.
///
/// # Safety
/// Called by CPython as `tp_descr_get`.
pub(super) unsafe extern "C" fn bind(this: *mut PyObject, object: *mut PyObject, _: *mut PyObject) -> *mut PyObject {
    // SAFETY: the instance is alive, and so is the object if there is one.
    unsafe {
        if object.is_null() || object == ffi::Py_None() {
            ffi::Py_INCREF(this);
            return this;
        }
        PyMethod_New(this, object)
    }
}

/// Runs a method's body with a token, and leaves its error where CPython looks for it.
fn enter(body: impl FnOnce(Python<'_>) -> PyResult<Py<PyAny>>) -> *mut PyObject {
    let run = |py: Python<'_>| match body(py) {
        Ok(value) => value.into_ptr(),
        Err(error) => {
            error.restore(py);
            ptr::null_mut()
        }
    };
    // SAFETY: methods are called by CPython.
    unsafe { attached(run) }
}
