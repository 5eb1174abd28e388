//! What is written behind is written out before the interpreter ends.

use super::Shelf;
use pyo3::prelude::*;
use std::sync::{Arc, Mutex, PoisonError, Weak};

/// Every cache with a queue.
static QUEUES: Mutex<Vec<Weak<Shelf>>> = Mutex::new(Vec::new());

/// Remembers a cache that writes behind.
pub(crate) fn flush_at_exit(cache: &Arc<Shelf>) {
    let mut queues = QUEUES.lock().unwrap_or_else(PoisonError::into_inner);
    queues.retain(|queue| queue.strong_count() > 0);
    queues.push(Arc::downgrade(cache));
}

/// Writes out all queues. What fails is told by the caches, as far as there is somebody to tell.
#[pyfunction]
fn _flush(py: Python<'_>) {
    let queues = QUEUES.lock().unwrap_or_else(PoisonError::into_inner).clone();
    py.detach(|| {
        for queue in queues.iter().filter_map(Weak::upgrade) {
            let _ = queue.flush();
        }
    });
}

pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let flush = wrap_pyfunction!(_flush, module)?;
    module.py().import("atexit")?.call_method1("register", (flush,)).map(drop)
}
