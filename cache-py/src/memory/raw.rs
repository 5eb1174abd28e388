//! What is read from Python's own objects without a call, and never runs Python code.

use pyo3::ffi::{self, PyObject, PyTypeObject};
use std::ptr;

/// The type of `object`, borrowed.
///
/// # Safety
/// `object` is alive.
#[inline(always)]
pub(crate) unsafe fn class(object: *mut PyObject) -> *mut PyTypeObject {
    // SAFETY: the caller vouches for the object.
    unsafe { ffi::Py_TYPE(object) }
}

/// Whether the type of `object` is `class`, and no subclass of it.
///
/// # Safety
/// `object` is alive.
#[inline(always)]
pub(super) unsafe fn is_exactly(object: *mut PyObject, exact: *mut PyTypeObject) -> bool {
    // SAFETY: the caller vouches for the object.
    ptr::eq(unsafe { class(object) }, exact)
}

/// Whether functools takes `object` for a key as it is when it is the only argument: an `int` or a `str`, no subclass.
///
/// # Safety
/// `object` is alive.
#[inline(always)]
pub(super) unsafe fn is_plain(object: *mut PyObject) -> bool {
    // SAFETY: the caller vouches for the object.
    unsafe { is_exactly(object, &raw mut ffi::PyLong_Type) || is_exactly(object, &raw mut ffi::PyUnicode_Type) }
}

/// The value of an exact `int` that has one digit.
///
/// # Safety
/// `int` is alive and an exact `int`.
#[inline(always)]
#[cfg(all(not(Py_GIL_DISABLED), target_pointer_width = "64"))]
pub(super) unsafe fn compact(int: *mut PyObject) -> Option<i64> {
    /// CPython's own layout: up to 3.11 the number of digits with the sign, from then on a tag.
    #[repr(C)]
    struct Digits {
        header: PyObject,
        tag: usize,
        first: u32,
    }
    // SAFETY: an exact int has this layout in all versions this is built for, on machines of 64 bits with digits of 30.
    let digits = unsafe { &*int.cast::<Digits>() };
    let first = i64::from(digits.first);
    #[cfg(not(Py_3_12))]
    return match digits.tag as isize {
        size @ -1..=1 => Some(size as i64 * first),
        _ => None,
    };
    // The two lowest bits are the sign, 0 to 2 for more than, equal to and less than nothing; the third is a flag.
    #[cfg(Py_3_12)]
    return (digits.tag < 16).then(|| (1 - (digits.tag & 3) as i64) * first);
}

/// Elsewhere the layout is left alone.
///
/// # Safety
/// None is needed.
#[inline(always)]
#[cfg(not(all(not(Py_GIL_DISABLED), target_pointer_width = "64")))]
pub(super) unsafe fn compact(_int: *mut PyObject) -> Option<i64> {
    None
}

/// The hash that an exact `str` has kept, -1 if it was not asked for one yet.
///
/// # Safety
/// `text` is alive and an exact `str`.
#[inline(always)]
pub(super) unsafe fn kept_hash(text: *mut PyObject) -> isize {
    #[cfg(not(Py_GIL_DISABLED))]
    // SAFETY: all strings begin like this.
    return unsafe { (*text.cast::<ffi::PyASCIIObject>()).hash };
    // Another thread may be writing it.
    #[cfg(Py_GIL_DISABLED)]
    {
        let _ = text;
        -1
    }
}

/// The characters of an exact `str` with how many bytes each has, if they can be had without a call.
///
/// # Safety
/// `text` is alive and an exact `str`.
#[inline(always)]
#[cfg(not(any(Py_GIL_DISABLED, Py_3_14)))]
pub(super) unsafe fn characters<'a>(text: *mut PyObject) -> Option<(u32, &'a [u8])> {
    // SAFETY: a string that is ready has as many characters of its kind; kind 0 are those from deprecated functions of
    // C that are not ready.
    unsafe {
        let kind = ffi::PyUnicode_KIND(text);
        if kind == 0 {
            return None;
        }
        let length = (*text.cast::<ffi::PyASCIIObject>()).length as usize * kind as usize;
        Some((kind, std::slice::from_raw_parts(ffi::PyUnicode_DATA(text).cast::<u8>(), length)))
    }
}

/// Elsewhere that costs a call, and CPython's own comparison is no slower.
///
/// # Safety
/// None is needed.
#[inline(always)]
#[cfg(any(Py_GIL_DISABLED, Py_3_14))]
pub(super) unsafe fn characters<'a>(_text: *mut PyObject) -> Option<(u32, &'a [u8])> {
    None
}

/// Whether `object` hashes by its identity, as `object()` does.
///
/// # Safety
/// `object` is alive.
#[inline(always)]
pub(super) unsafe fn is_hashed_by_identity(object: *mut PyObject) -> bool {
    // SAFETY: the caller vouches for the object; the slot of a static type is written once, before any module is
    // loaded.
    let (given, plain) = unsafe { ((*class(object)).tp_hash, (*ptr::addr_of!(ffi::PyBaseObject_Type)).tp_hash) };
    // Types copy the address when they inherit it.
    given.map(|hash| hash as usize) == plain.map(|hash| hash as usize)
}
