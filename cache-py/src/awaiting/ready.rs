//! An awaitable that has its result already.
//!
//! Of raw slots, because `await` asks for two of them at every hit: the iterator, which is the object itself, and one
//! step, which hands the value over. No Python code runs, and no exception is made where the interpreter takes the
//! value through `am_send`.

mod spare;

use pyo3::ffi::{self, PyObject};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyType;
use std::ffi::{CStr, c_int, c_void};
use std::ptr::{self, NonNull};

static TYPE: PyOnceLock<Py<PyType>> = PyOnceLock::new();

/// The object. `memolith.Ready` in Python.
#[repr(C)]
pub(super) struct Ready {
    head: PyObject,
    /// Owned; null when it was taken.
    value: *mut PyObject,
}

/// An awaitable that has its result already: a coroutine that ends at its first step.
#[inline]
pub(crate) fn ready<'py>(value: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    let py = value.py();
    let class = TYPE.get_or_try_init(py, || class(py))?.as_ptr().cast();
    // SAFETY: the type is alive and of objects of this layout, and the thread is attached.
    let Some(object) = (unsafe { spare::take(class) }) else { return Err(PyErr::fetch(py)) };
    // SAFETY: the object is ours alone, and not tracked yet. What cannot be part of a cycle need not be tracked.
    unsafe {
        let value = value.into_ptr();
        (*object.as_ptr()).value = value;
        if ffi::PyObject_IS_GC(value) != 0 {
            ffi::PyObject_GC_Track(object.as_ptr().cast());
        }
        Ok(Bound::from_owned_ptr(py, object.as_ptr().cast()))
    }
}

fn class(py: Python<'_>) -> PyResult<Py<PyType>> {
    let mut methods = vec![
        method(c"send", send, ffi::METH_O, c"The one step: raises StopIteration with the result."),
        method(c"throw", throw, ffi::METH_VARARGS, c"Raises the exception in place of the result."),
        method(c"close", close, ffi::METH_NOARGS, c"Gives the result up."),
    ];
    // SAFETY: an entry of zeros ends the list.
    methods.push(unsafe { std::mem::zeroed() });
    // The type looks its methods up there for as long as the process lives.
    let methods = Box::leak(methods.into_boxed_slice());
    let slot = |slot: c_int, pfunc: *mut c_void| ffi::PyType_Slot { slot, pfunc };
    let mut slots = [
        slot(ffi::Py_tp_dealloc, dealloc as ffi::destructor as *mut c_void),
        slot(ffi::Py_tp_traverse, traverse as ffi::traverseproc as *mut c_void),
        slot(ffi::Py_tp_clear, clear as ffi::inquiry as *mut c_void),
        slot(ffi::Py_tp_iter, itself as ffi::getiterfunc as *mut c_void),
        slot(ffi::Py_tp_iternext, next as ffi::iternextfunc as *mut c_void),
        slot(ffi::Py_am_await, itself as ffi::unaryfunc as *mut c_void),
        slot(ffi::Py_am_send, step as ffi::sendfunc as *mut c_void),
        slot(ffi::Py_tp_methods, methods.as_mut_ptr().cast()),
        slot(ffi::Py_tp_doc, c"The result of an awaited function that was in its cache.".as_ptr().cast_mut().cast()),
        slot(0, ptr::null_mut()),
    ];
    let mut spec = ffi::PyType_Spec {
        name: c"memolith.Ready".as_ptr(),
        basicsize: size_of::<Ready>() as c_int,
        itemsize: 0,
        flags: (ffi::Py_TPFLAGS_DEFAULT | ffi::Py_TPFLAGS_HAVE_GC | ffi::Py_TPFLAGS_DISALLOW_INSTANTIATION) as _,
        slots: slots.as_mut_ptr(),
    };
    // SAFETY: the spec is complete, its slots have the types that their numbers ask for; a new reference or null
    // returns.
    let class = unsafe { Bound::from_owned_ptr_or_err(py, ffi::PyType_FromSpec(&mut spec)) }?;
    Ok(class.cast_into::<PyType>()?.unbind())
}

fn method(name: &'static CStr, function: ffi::PyCFunction, flags: c_int, doc: &'static CStr) -> ffi::PyMethodDef {
    let ml_meth = ffi::PyMethodDefPointer { PyCFunction: function };
    ffi::PyMethodDef { ml_name: name.as_ptr(), ml_meth, ml_flags: flags, ml_doc: doc.as_ptr() }
}

/// Takes the value out; none if that was done, and then an exception is set.
///
/// # Safety
/// `object` is a live [`Ready`], and the thread is attached.
#[inline]
unsafe fn taken(object: *mut PyObject) -> Option<NonNull<PyObject>> {
    // SAFETY: the caller's word; nobody else is at the value, see `exchange`.
    let value = unsafe { exchange(object) };
    if value.is_none() {
        let message = c"cannot reuse already awaited coroutine";
        // SAFETY: the thread is attached.
        unsafe { ffi::PyErr_SetString(ffi::PyExc_RuntimeError, message.as_ptr()) };
    }
    value
}

/// The value, which is gone from the object then.
///
/// # Safety
/// As [`taken`].
#[inline]
unsafe fn exchange(object: *mut PyObject) -> Option<NonNull<PyObject>> {
    let place = object.cast::<Ready>();
    #[cfg(not(Py_GIL_DISABLED))]
    // SAFETY: the object is alive; threads take turns.
    let value = unsafe { ptr::replace(&raw mut (*place).value, ptr::null_mut()) };
    #[cfg(Py_GIL_DISABLED)]
    // SAFETY: the object is alive, and the field is aligned. One of those who take it at a time gets it; Acquire pairs
    // with Release so that who finds null finds what was done before.
    let value = unsafe {
        let shared = std::sync::atomic::AtomicPtr::from_ptr(&raw mut (*place).value);
        shared.swap(ptr::null_mut(), std::sync::atomic::Ordering::AcqRel)
    };
    NonNull::new(value)
}

// SAFETY (of the functions below): CPython calls them with a live object of the type they are slots of, attached.

unsafe extern "C" fn itself(object: *mut PyObject) -> *mut PyObject {
    // SAFETY: see above.
    unsafe { ffi::Py_NewRef(object) }
}

unsafe extern "C" fn step(
    object: *mut PyObject,
    _sent: *mut PyObject,
    result: *mut *mut PyObject,
) -> ffi::PySendResult {
    // SAFETY: see above; `result` is where the caller wants the value.
    unsafe {
        let value = taken(object);
        *result = value.map_or(ptr::null_mut(), NonNull::as_ptr);
        if value.is_some() { ffi::PySendResult::PYGEN_RETURN } else { ffi::PySendResult::PYGEN_ERROR }
    }
}

unsafe extern "C" fn next(object: *mut PyObject) -> *mut PyObject {
    // SAFETY: see above; the value is ours.
    unsafe {
        if let Some(value) = taken(object) {
            stop(value.as_ptr());
            ffi::Py_DECREF(value.as_ptr());
        }
    }
    ptr::null_mut()
}

unsafe extern "C" fn send(object: *mut PyObject, _sent: *mut PyObject) -> *mut PyObject {
    // SAFETY: see above; the value is ours. A method that returns null has to set an exception, also for None.
    unsafe {
        if let Some(value) = taken(object) {
            stop(value.as_ptr());
            ffi::Py_DECREF(value.as_ptr());
            if ffi::PyErr_Occurred().is_null() {
                ffi::PyErr_SetNone(ffi::PyExc_StopIteration);
            }
        }
    }
    ptr::null_mut()
}

unsafe extern "C" fn throw(object: *mut PyObject, args: *mut PyObject) -> *mut PyObject {
    let (mut kind, mut value, mut traceback) = (ptr::null_mut(), ptr::null_mut(), ptr::null_mut());
    // SAFETY: see above; `args` is a tuple, what is read from it is borrowed from it.
    unsafe {
        let read = ffi::PyArg_UnpackTuple(args, c"throw".as_ptr(), 1, 3, &mut kind, &mut value, &mut traceback);
        let Some(given_up) = (if read != 0 { taken(object) } else { None }) else { return ptr::null_mut() };
        ffi::Py_DECREF(given_up.as_ptr());
        raise(Python::assume_attached(), kind, value, traceback);
    }
    ptr::null_mut()
}

unsafe extern "C" fn close(object: *mut PyObject, _none: *mut PyObject) -> *mut PyObject {
    // SAFETY: see above; the value is ours.
    unsafe {
        if let Some(value) = exchange(object) {
            ffi::Py_DECREF(value.as_ptr());
        }
        ffi::Py_NewRef(ffi::Py_None())
    }
}

unsafe extern "C" fn traverse(object: *mut PyObject, visit: ffi::visitproc, arg: *mut c_void) -> c_int {
    // SAFETY: see above; the collector stops the world. A heap type is referred to by its objects.
    unsafe {
        let value = (*object.cast::<Ready>()).value;
        let visited = if value.is_null() { 0 } else { visit(value, arg) };
        if visited != 0 { visited } else { visit(ffi::Py_TYPE(object).cast(), arg) }
    }
}

unsafe extern "C" fn clear(object: *mut PyObject) -> c_int {
    // SAFETY: see above; the value is ours.
    unsafe {
        if let Some(value) = exchange(object) {
            ffi::Py_DECREF(value.as_ptr());
        }
    }
    0
}

unsafe extern "C" fn dealloc(object: *mut PyObject) {
    // SAFETY: see above; nobody refers to the object any more. The value goes last, since its destructor may run
    // anything.
    unsafe {
        ffi::PyObject_GC_UnTrack(object.cast());
        let value = exchange(object);
        spare::give(object.cast());
        if let Some(value) = value {
            ffi::Py_DECREF(value.as_ptr());
        }
    }
}

/// Sets the `StopIteration` that carries `value`; none for None, which a step without an exception means.
///
/// # Safety
/// `value` is a live object, and the thread is attached.
unsafe fn stop(value: *mut PyObject) {
    // SAFETY: the caller's word.
    unsafe {
        if value == ffi::Py_None() {
            return;
        }
        let kind = ffi::PyExc_StopIteration;
        if ffi::PyTuple_Check(value) == 0 && ffi::PyExceptionInstance_Check(value) == 0 {
            return ffi::PyErr_SetObject(kind, value);
        }
        // These two would be taken for arguments, or for the exception itself.
        let exception = ffi::PyObject_CallFunctionObjArgs(kind, value, ptr::null_mut::<PyObject>());
        if !exception.is_null() {
            ffi::PyErr_SetObject(kind, exception);
            ffi::Py_DECREF(exception);
        }
    }
}

/// Sets the exception that `throw(kind, value, traceback)` means.
///
/// # Safety
/// Each is a live object or null; `kind` is not null.
unsafe fn raise(py: Python<'_>, kind: *mut PyObject, value: *mut PyObject, traceback: *mut PyObject) {
    // SAFETY: the caller's word.
    let (kind, value, traceback) = unsafe {
        let optional = |object| Bound::from_borrowed_ptr_or_opt(py, object).filter(|object| !object.is_none());
        (Bound::from_borrowed_ptr(py, kind), optional(value), optional(traceback))
    };
    let exception = match (kind.cast::<PyType>(), value) {
        (Err(_), _) => Ok(kind),
        (Ok(class), Some(value)) if value.is_instance(class).unwrap_or(false) => Ok(value),
        (Ok(_), Some(value)) => kind.call1((value,)),
        (Ok(_), None) => kind.call0(),
    };
    let error = exception.and_then(|exception| {
        if let Some(traceback) = traceback {
            exception.setattr("__traceback__", traceback)?;
        }
        Ok(exception)
    });
    match error {
        Ok(exception) if exception.is_instance_of::<pyo3::exceptions::PyBaseException>() => {
            PyErr::from_value(exception).restore(py);
        }
        Ok(_) => pyo3::exceptions::PyTypeError::new_err("throw() takes an exception").restore(py),
        Err(error) => error.restore(py),
    }
}
