//! Where the callers of one function meet.

use super::loops::{Loops, empty};
use super::miss::key;
use super::threads::Flight;
use crate::call::Call;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyTuple};
use std::process;
use std::sync::atomic::AtomicU32;
use std::sync::atomic::Ordering::Relaxed;

/// Where the callers of one function without a backend meet who ask for the same key at the same time.
///
/// Keys are compared by Python's own dictionaries, which hold up when a comparison raises or calls the function again.
pub(crate) struct Flights {
    typed: bool,
    /// The process whose threads are meant by `threads`.
    process: AtomicU32,
    /// What threads compute: key to [`Flight`].
    threads: Py<PyDict>,
    tasks: Loops,
}

impl Flights {
    pub(crate) fn new(py: Python<'_>, typed: bool) -> Self {
        let process = AtomicU32::new(process::id());
        Flights { typed, process, threads: PyDict::new(py).unbind(), tasks: Loops::new(py) }
    }

    /// What is computed for this key is not kept, and nobody new waits for it: the key was invalidated.
    ///
    /// # Errors
    /// What the arguments' hashes and comparisons raise.
    pub(crate) fn forget(&self, py: Python<'_>, call: Call<'_>) -> PyResult<()> {
        let threads = self.threads.bind(py);
        if threads.is_empty() && self.tasks.is_empty(py) {
            return Ok(());
        }
        let key = key(py, call, self.typed)?;
        threads.call_method1("pop", (&key, py.None()))?;
        self.tasks.forget(&key)
    }

    /// As [`forget`](Self::forget) for every key.
    pub(crate) fn forget_all(&self, py: Python<'_>) {
        empty(self.threads.bind(py));
        self.tasks.forget_all(py);
    }

    /// The Python objects it holds, for the garbage collector.
    pub(crate) fn objects(&self) -> [&Py<PyAny>; 2] {
        [self.threads.as_any(), self.tasks.object()]
    }

    pub(super) fn typed(&self) -> bool {
        self.typed
    }

    pub(super) fn tasks(&self) -> &Loops {
        &self.tasks
    }

    /// The flight that stands for `key`; a new one, if there is none.
    pub(super) fn joined<'py>(&self, key: &Bound<'py, PyTuple>) -> PyResult<Bound<'py, Flight>> {
        let py = key.py();
        let threads = self.threads.bind(py);
        // A fork inherits no threads: nobody would land what they have posted.
        let process = process::id();
        if self.process.swap(process, Relaxed) != process {
            empty(threads);
        }
        let flight = threads.call_method1(pyo3::intern!(py, "setdefault"), (key, Flight::new()))?;
        Ok(flight.cast_into::<Flight>()?)
    }

    /// Whether `flight` stands for `key`.
    pub(super) fn is_posted(&self, key: &Bound<'_, PyTuple>, flight: &Flight) -> PyResult<bool> {
        Ok(self.posted(key)?.is_some_and(|found| std::ptr::eq(found.get(), flight)))
    }

    /// The flight that stands for `key`, if one does.
    pub(super) fn posted<'py>(&self, key: &Bound<'py, PyTuple>) -> PyResult<Option<Bound<'py, Flight>>> {
        let found = self.threads.bind(key.py()).get_item(key)?;
        Ok(found.and_then(|found| found.cast_into::<Flight>().ok()))
    }

    /// `flight` stands for `key` no more. A comparison that raises leaves it: who meets it there goes on to the next.
    pub(super) fn take_down(&self, key: &Bound<'_, PyTuple>, flight: &Flight) {
        if self.is_posted(key, flight).unwrap_or(false) {
            let _ = self.threads.bind(key.py()).del_item(key);
        }
    }
}
