//! Equality of objects where it can be told without running Python code.

use super::raw::{characters, compact, is_exactly, kept_hash};
use pyo3::ffi::{self, PyObject};

/// What is known about two objects.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Same {
    Yes,
    No,
    /// Only Python code can tell.
    Ask,
}

impl From<bool> for Same {
    #[inline(always)]
    fn from(is_same: bool) -> Self {
        if is_same { Same::Yes } else { Same::No }
    }
}

/// Whether `kept` is the same as `given`, as a dict would find.
///
/// # Safety
/// Both are alive and the thread is attached.
#[inline(always)]
pub(super) unsafe fn same(kept: *mut PyObject, given: *mut PyObject) -> Same {
    if kept == given {
        return Same::Yes;
    }
    // SAFETY: the types are looked at before what depends on them.
    unsafe {
        let tuple = &raw mut ffi::PyTuple_Type;
        if is_exactly(kept, tuple) && is_exactly(given, tuple) {
            return same_tuples(kept, given);
        }
        same_items(kept, given)
    }
}

/// # Safety
/// As [`same`]; both are exact tuples.
#[inline(never)]
unsafe fn same_tuples(kept: *mut PyObject, given: *mut PyObject) -> Same {
    // SAFETY: live tuples have as many items as they say, and keep them alive.
    unsafe {
        let length = ffi::PyTuple_GET_SIZE(kept);
        if length != ffi::PyTuple_GET_SIZE(given) {
            return Same::No;
        }
        for at in 0..length {
            match same_items(ffi::PyTuple_GET_ITEM(kept, at), ffi::PyTuple_GET_ITEM(given, at)) {
                Same::Yes => {}
                other => return other,
            }
        }
    }
    Same::Yes
}

/// As [`same`], without a look into tuples.
///
/// # Safety
/// As [`same`].
#[inline(always)]
unsafe fn same_items(kept: *mut PyObject, given: *mut PyObject) -> Same {
    if kept == given {
        return Same::Yes;
    }
    // SAFETY: the types are looked at before what depends on them.
    unsafe {
        let class = ffi::Py_TYPE(kept);
        if !is_exactly(given, class) {
            return Same::Ask;
        }
        if class == &raw mut ffi::PyUnicode_Type {
            return same_texts(kept, given);
        }
        if class == &raw mut ffi::PyLong_Type {
            if let (Some(kept), Some(given)) = (compact(kept), compact(given)) {
                return Same::from(kept == given);
            }
            return compared(kept, given);
        }
        if class == &raw mut ffi::PyFloat_Type || class == &raw mut ffi::PyBytes_Type {
            return compared(kept, given);
        }
    }
    Same::Ask
}

/// # Safety
/// As [`same`]; both are exact strings.
#[inline(always)]
unsafe fn same_texts(kept: *mut PyObject, given: *mut PyObject) -> Same {
    // SAFETY: the caller vouches for both.
    unsafe {
        let (ours, theirs) = (kept_hash(kept), kept_hash(given));
        if ours != theirs && ours != -1 && theirs != -1 {
            return Same::No;
        }
        match (characters(kept), characters(given)) {
            (Some(kept), Some(given)) => Same::from(kept == given),
            _ => compared(kept, given),
        }
    }
}

/// By CPython's own comparison, which for two exact ints, floats, strings or bytes runs no code but its own and raises
/// nothing.
///
/// # Safety
/// As [`same`]; both are of one of these types.
#[inline(never)]
unsafe fn compared(kept: *mut PyObject, given: *mut PyObject) -> Same {
    // SAFETY: the caller vouches for both.
    match unsafe { ffi::PyObject_RichCompareBool(kept, given, ffi::Py_EQ) } {
        1 => Same::Yes,
        0 => Same::No,
        // Asked again outside, where it may raise.
        _ => {
            // SAFETY: the thread is attached.
            unsafe { ffi::PyErr_Clear() };
            Same::Ask
        }
    }
}
