//! The lock of a table: none where the GIL is one.

use std::cell::UnsafeCell;

/// What one thread at a time may change. What is done with it runs no Python code, so on builds with a GIL nobody else
/// can come in between.
pub(super) struct Locked<T> {
    #[cfg(Py_GIL_DISABLED)]
    lock: std::sync::Mutex<()>,
    value: UnsafeCell<T>,
}

impl<T> Locked<T> {
    pub(super) fn new(value: T) -> Self {
        Locked {
            #[cfg(Py_GIL_DISABLED)]
            lock: std::sync::Mutex::new(()),
            value: UnsafeCell::new(value),
        }
    }

    /// Hands the value to `use_it`.
    ///
    /// # Safety
    /// The thread is attached. `use_it` runs no Python code, which includes the drop of references, and does not come
    /// here again.
    #[inline(always)]
    pub(super) unsafe fn with<R>(&self, use_it: impl FnOnce(&mut T) -> R) -> R {
        #[cfg(Py_GIL_DISABLED)]
        let _guard = self.lock.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // SAFETY: nobody else is in here: other threads wait for the lock, or for the GIL, and this one does not return
        // before `use_it` has.
        use_it(unsafe { &mut *self.value.get() })
    }

    /// The value while all other threads stand still, as for the garbage collector.
    ///
    /// # Safety
    /// Nobody is inside of [`with`](Self::with): it does not stop at a place where threads can be stopped.
    pub(super) unsafe fn in_peace(&self) -> &T {
        // SAFETY: see above.
        unsafe { &*self.value.get() }
    }
}
