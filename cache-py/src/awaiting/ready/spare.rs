//! Memory of awaitables that are gone, for those to come: a loop that awaits hits needs one at a time.

use super::Ready;
use pyo3::ffi::{self, PyTypeObject};
use std::ptr::NonNull;

/// How many are kept.
#[cfg(not(Py_GIL_DISABLED))]
const SPARE: usize = 32;

#[cfg(not(Py_GIL_DISABLED))]
struct Spare {
    // Invariant: the first `len` are objects without a reference, a value or a track, whose type is `Ready`.
    objects: [*mut Ready; SPARE],
    len: usize,
}

#[cfg(not(Py_GIL_DISABLED))]
struct Turns(std::cell::UnsafeCell<Spare>);

#[cfg(not(Py_GIL_DISABLED))]
// SAFETY: who touches it is attached, and threads that are attached take turns.
unsafe impl Sync for Turns {}

#[cfg(not(Py_GIL_DISABLED))]
static SPARES: Turns = Turns(std::cell::UnsafeCell::new(Spare { objects: [std::ptr::null_mut(); SPARE], len: 0 }));

/// An object without a value that the collector does not track, referred to once. None if there is no memory, and then
/// an exception is set.
///
/// # Safety
/// `class` is the type of [`Ready`], and the thread is attached.
#[inline]
pub(super) unsafe fn take(class: *mut PyTypeObject) -> Option<NonNull<Ready>> {
    #[cfg(not(Py_GIL_DISABLED))]
    // SAFETY: attached threads take turns, and no Python code runs in here. The object is one that `give` has left.
    unsafe {
        let spares = &mut *SPARES.0.get();
        if spares.len > 0 {
            spares.len -= 1;
            let object = spares.objects[spares.len];
            // A new reference, to the type too.
            ffi::PyObject_Init(object.cast(), class);
            return NonNull::new(object);
        }
    }
    // SAFETY: the type's objects are of this layout.
    let object = NonNull::new(unsafe { ffi::PyObject_GC_New::<Ready>(class) })?;
    // SAFETY: it is ours; its memory is not initialised beyond the head.
    unsafe { (&raw mut (*object.as_ptr()).value).write(std::ptr::null_mut()) };
    Some(object)
}

/// Keeps the memory of `object`, or frees it, and lets go of its type.
///
/// # Safety
/// The object has no reference, no value and no track; the thread is attached.
#[inline]
pub(super) unsafe fn give(object: *mut Ready) {
    // SAFETY: the caller's word; attached threads take turns. The module keeps the type alive, so that nothing runs
    // here.
    unsafe {
        let class = ffi::Py_TYPE(object.cast());
        #[cfg(not(Py_GIL_DISABLED))]
        {
            let spares = &mut *SPARES.0.get();
            if spares.len < SPARE {
                spares.objects[spares.len] = object;
                spares.len += 1;
                ffi::Py_DECREF(class.cast());
                return;
            }
        }
        ffi::PyObject_GC_Del(object.cast());
        ffi::Py_DECREF(class.cast());
    }
}
