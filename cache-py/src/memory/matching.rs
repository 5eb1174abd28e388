//! Whether an entry is that of a call, where it can be told without running Python code.

use super::entry::{Entry, Shape, View};
use super::mode::Mode;
use super::raw::{class, is_exactly, is_plain};
use super::same::{Same, same};
use crate::call::Call;
use pyo3::ffi::{self, PyObject};

/// Whether an entry is that of `call`.
///
/// # Safety
/// The thread is attached.
#[inline(always)]
pub(super) unsafe fn same_call(view: View<'_>, call: &Call<'_>, mode: Mode) -> Same {
    if call.len() == 1 && call.nkw() == 0 {
        // SAFETY: passed on.
        return unsafe { same_only(view.entry, call.arg(0), mode) };
    }
    if Shape::of(call) != Some(view.entry.shape) {
        return Same::No;
    }
    if call.nkw() != 0 {
        // SAFETY: both are tuples of as many names, and alive.
        match unsafe { same_names(view.rare.names, call) } {
            Same::Yes => {}
            other => return other,
        }
    }
    for at in 0..call.len() {
        let (kept, given) = (view.key(at), call.arg(at));
        // SAFETY: entries and arguments are alive.
        unsafe {
            if mode.typed && class(kept) != class(given) {
                return Same::No;
            }
            match same(kept, given) {
                Same::Yes => {}
                other => return other,
            }
        }
    }
    Same::Yes
}

/// As functools has it: an int or a str alone is a key of its own, which equals nothing but ints or strings.
///
/// # Safety
/// `given` is alive and the thread attached.
#[inline(always)]
unsafe fn same_only(entry: &Entry, given: *mut PyObject, mode: Mode) -> Same {
    if entry.shape != Shape::ONE {
        return Same::No;
    }
    let kept = entry.only();
    if kept == given {
        return Same::Yes;
    }
    // SAFETY: entries keep their arguments alive.
    unsafe {
        let class = class(given);
        if (mode.typed || is_plain(given) || is_plain(kept)) && !is_exactly(kept, class) {
            return Same::No;
        }
        same(kept, given)
    }
}

/// # Safety
/// `names` is a tuple of as many names as `call` has, alive, and the thread attached.
#[inline(always)]
unsafe fn same_names(names: *mut PyObject, call: &Call<'_>) -> Same {
    if names == call.kwnames() {
        return Same::Yes;
    }
    for at in 0..call.nkw() {
        // SAFETY: passed on.
        match unsafe { same(ffi::PyTuple_GET_ITEM(names, at as ffi::Py_ssize_t), call.name(at)) } {
            Same::Yes => {}
            other => return other,
        }
    }
    Same::Yes
}
