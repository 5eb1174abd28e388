//! Calls of Python code on threads that an interpreter may end in the middle of them.
//!
//! Until 3.13, CPython ends a daemon thread that wants the GIL while the interpreter goes away by unwinding its stack.
//! The frames of Rust on it would drop what they hold without the GIL, and take the process with them. So such a thread
//! stands still instead, as CPython has it from 3.14 on.

use pyo3::ffi::{self, PyObject};
use std::ffi::c_int;

#[cfg(not(Py_3_14))]
type Call = unsafe extern "C-unwind" fn(*mut PyObject, *const *mut PyObject, usize, *mut PyObject) -> *mut PyObject;
#[cfg(not(Py_3_14))]
type Hash = unsafe extern "C-unwind" fn(*mut PyObject) -> ffi::Py_hash_t;
#[cfg(not(Py_3_14))]
type Compare = unsafe extern "C-unwind" fn(*mut PyObject, *mut PyObject, c_int) -> c_int;

/// As `PyObject_Vectorcall`.
///
/// # Safety
/// As there.
#[inline]
pub(crate) unsafe fn call(
    function: *mut PyObject,
    args: *const *mut PyObject,
    nargsf: usize,
    kwnames: *mut PyObject,
) -> *mut PyObject {
    #[cfg(all(Py_3_11, not(Py_3_14)))]
    // SAFETY: the two types of functions differ in nothing but what the compiler takes for granted.
    let call = unsafe { may_unwind::<_, Call>(ffi::PyObject_Vectorcall as unsafe extern "C" fn(_, _, _, _) -> _) };
    // In 3.10 that is no function of CPython's, and from 3.14 on nothing unwinds.
    #[cfg(not(all(Py_3_11, not(Py_3_14))))]
    let call = ffi::PyObject_Vectorcall;
    // SAFETY: passed on.
    standing(|| unsafe { call(function, args, nargsf, kwnames) })
}

/// Calls what the vectorcall of `function` is.
///
/// # Safety
/// `entry` is that of `function`, and the arguments are as it wants them.
#[inline(always)]
pub(crate) unsafe fn enter(
    entry: ffi::vectorcallfunc,
    function: *mut PyObject,
    args: *const *mut PyObject,
    (nargsf, kwnames): (usize, *mut PyObject),
) -> *mut PyObject {
    #[cfg(not(Py_3_14))]
    // SAFETY: as in `call`.
    let entry = unsafe { may_unwind::<_, Call>(entry) };
    // SAFETY: passed on.
    standing(|| unsafe { entry(function, args, nargsf, kwnames) })
}

/// As `PyObject_Hash`.
///
/// # Safety
/// As there.
pub(crate) unsafe fn hash(object: *mut PyObject) -> ffi::Py_hash_t {
    #[cfg(not(Py_3_14))]
    // SAFETY: as in `call`.
    let hash = unsafe { may_unwind::<_, Hash>(ffi::PyObject_Hash as unsafe extern "C" fn(_) -> _) };
    #[cfg(Py_3_14)]
    let hash = ffi::PyObject_Hash;
    // SAFETY: passed on.
    standing(|| unsafe { hash(object) })
}

/// As `PyObject_RichCompareBool` with `Py_EQ`.
///
/// # Safety
/// As there.
pub(crate) unsafe fn is_equal(left: *mut PyObject, right: *mut PyObject) -> c_int {
    #[cfg(not(Py_3_14))]
    // SAFETY: as in `call`.
    let compare =
        unsafe { may_unwind::<_, Compare>(ffi::PyObject_RichCompareBool as unsafe extern "C" fn(_, _, _) -> _) };
    #[cfg(Py_3_14)]
    let compare = ffi::PyObject_RichCompareBool;
    // SAFETY: passed on.
    standing(|| unsafe { compare(left, right, ffi::Py_EQ) })
}

/// Runs `python`; a thread that is ended in it never returns.
#[inline(always)]
fn standing<T>(python: impl FnOnce() -> T) -> T {
    let stand = Stand;
    let result = python();
    std::mem::forget(stand);
    result
}

/// Dropped by an unwinding stack alone.
struct Stand;

impl Drop for Stand {
    fn drop(&mut self) {
        loop {
            std::thread::park();
        }
    }
}

/// The same function, of which the compiler knows no more that it never unwinds.
///
/// # Safety
/// Both are pointers to functions that differ in their ABI being `C` or `C-unwind` alone.
#[cfg(not(Py_3_14))]
#[inline(always)]
unsafe fn may_unwind<F: Copy, G>(function: F) -> G {
    const { assert!(size_of::<F>() == size_of::<G>()) };
    // SAFETY: the caller's word.
    unsafe { std::mem::transmute_copy(&std::hint::black_box(function)) }
}
