//! Calls of plain functions whose results are kept in memory: the way that has to be short.

use super::object::CachedFunction;
use super::route;
use crate::call::Call;
use crate::memory::{Look, Mode, Ticket};
use crate::scope;
use pyo3::ffi::{self, PyObject};
use pyo3::prelude::*;
use std::ptr;

/// The function for caches of this mode.
pub(super) fn vectorcall(mode: Mode) -> ffi::vectorcallfunc {
    const ALL: [ffi::vectorcallfunc; 16] = [
        call::<0>, call::<1>, call::<2>, call::<3>, call::<4>, call::<5>, call::<6>, call::<3>, call::<8>, call::<9>,
        call::<10>, call::<3>, call::<12>, call::<13>, call::<14>, call::<3>,
    ];
    ALL[usize::from(mode.bits())]
}

/// # Safety
/// Called by CPython as the vectorcall of an instance.
unsafe extern "C" fn call<const MODE: u8>(
    this: *mut PyObject,
    args: *const *mut PyObject,
    nargsf: usize,
    kwnames: *mut PyObject,
) -> *mut PyObject {
    if scope::is_any() {
        // SAFETY: passed on.
        return unsafe { call_around::<MODE>(this, args, nargsf, kwnames) };
    }
    // SAFETY: vectorcall gives what `Call` asks for, and the caller keeps the instance alive.
    unsafe {
        if kwnames.is_null() && ffi::PyVectorcall_NARGS(nargsf) == 1 {
            let call = Call::new(args, nargsf, ptr::null_mut());
            return match (*this.cast::<CachedFunction>()).parts.memory.glance(&call, Mode::from_bits(MODE)) {
                Some(value) => value,
                None => search_one::<MODE>(this, args, nargsf, kwnames),
            };
        }
        call_many::<MODE>(this, args, nargsf, kwnames)
    }
}

/// A call while somebody is inside of a scope.
///
/// # Safety
/// As [`call`].
#[cold]
#[inline(never)]
unsafe extern "C" fn call_around<const MODE: u8>(
    this: *mut PyObject,
    args: *const *mut PyObject,
    nargsf: usize,
    kwnames: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: passed on; CPython calls, so the thread is attached.
    unsafe {
        match scope::is_here(Python::assume_attached()) {
            true => route::vectorcall(this, args, nargsf, kwnames),
            false => call_many::<MODE>(this, args, nargsf, kwnames),
        }
    }
}

/// The rest for one argument. Not inlined: what a glance finds does not pay for the room that this needs.
///
/// # Safety
/// As [`call`].
#[inline(never)]
unsafe extern "C" fn search_one<const MODE: u8>(
    this: *mut PyObject,
    args: *const *mut PyObject,
    nargsf: usize,
    _kwnames: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: vectorcall gives what `Call` asks for.
    unsafe { search::<MODE>(this.cast(), Call::new(args, nargsf, ptr::null_mut())) }
}

/// The same for any number of arguments, apart from the short code for one.
///
/// # Safety
/// As [`call`].
#[inline(never)]
unsafe extern "C" fn call_many<const MODE: u8>(
    this: *mut PyObject,
    args: *const *mut PyObject,
    nargsf: usize,
    kwnames: *mut PyObject,
) -> *mut PyObject {
    // SAFETY: vectorcall gives what `Call` asks for, and the caller keeps the instance alive.
    unsafe {
        let call = Call::new(args, nargsf, kwnames);
        match (*this.cast::<CachedFunction>()).parts.memory.glance(&call, Mode::from_bits(MODE)) {
            Some(value) => value,
            None => search::<MODE>(this.cast(), call),
        }
    }
}

/// # Safety
/// `this` is an instance, kept alive by the caller, and the thread is attached.
#[inline(always)]
unsafe fn search<const MODE: u8>(this: *mut CachedFunction, call: Call<'_>) -> *mut PyObject {
    let mode = Mode::from_bits(MODE);
    // SAFETY: passed on.
    match unsafe { (*this).parts.memory.look(&call, mode) } {
        Look::Hit(value) => value,
        // SAFETY: passed on.
        Look::Miss(ticket) => unsafe { compute(this, &call, ticket, mode) },
        Look::Raised => ptr::null_mut(),
    }
}

/// Calls the function and keeps what it returns.
///
/// # Safety
/// As [`search`].
#[inline(never)]
unsafe fn compute(this: *mut CachedFunction, call: &Call<'_>, ticket: Option<Ticket>, mode: Mode) -> *mut PyObject {
    // SAFETY: callers of a vectorcall hold what they call; held once more, it outlives whatever the function does.
    unsafe {
        (*this).parts.memory.count_miss();
        let function = (*this).function;
        if function.is_null() {
            let message = c"this function was collected as garbage";
            ffi::PyErr_SetString(ffi::PyExc_RuntimeError, message.as_ptr());
            return ptr::null_mut();
        }
        ffi::Py_INCREF(this.cast());
        // The interpreter counts the calls of functions in Python itself.
        let value = if ptr::eq(ffi::Py_TYPE(function), &raw const ffi::PyFunction_Type) {
            call.forward_straight(function)
        } else if ffi::Py_EnterRecursiveCall(c" while calling a cached function".as_ptr()) == 0 {
            let value = call.forward(function);
            ffi::Py_LeaveRecursiveCall();
            value
        } else {
            ptr::null_mut()
        };
        let value = match ticket {
            Some(ticket) if !value.is_null() => match (*this).parts.memory.keep(call, ticket, value, mode) {
                Ok(()) => value,
                Err(_) => {
                    ffi::Py_DECREF(value);
                    ptr::null_mut()
                }
            },
            _ => value,
        };
        ffi::Py_DECREF(this.cast());
        value
    }
}
