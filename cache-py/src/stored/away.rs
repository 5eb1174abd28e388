//! What is dropped while the thread is detached from the interpreter.

use pyo3::prelude::*;
use std::mem::ManuallyDrop;
use std::ops::Deref;

/// A handle whose last owner may have to wait: for a queue that is written out, for files that are closed, for threads
/// that want to be attached.
#[derive(Debug)]
pub(crate) struct Away<T: Send>(ManuallyDrop<T>);

impl<T: Send> Away<T> {
    pub(crate) fn new(handle: T) -> Self {
        Away(ManuallyDrop::new(handle))
    }
}

impl<T: Send> Deref for Away<T> {
    type Target = T;

    #[inline(always)]
    fn deref(&self) -> &T {
        &self.0
    }
}

impl<T: Send> Drop for Away<T> {
    fn drop(&mut self) {
        // SAFETY: this is the end of `self`: nobody takes it again, or looks at it.
        let mut handle = Some(unsafe { ManuallyDrop::take(&mut self.0) });
        // At the end of the interpreter, when nobody can be attached, it is dropped below.
        let _ = Python::try_attach(|py| {
            let handle = handle.take();
            py.detach(|| drop(handle));
        });
    }
}
