//! The flights of tasks, by event loop.

use pyo3::prelude::*;
use pyo3::types::PyDict;

/// What the tasks of each event loop compute for one cache: loop to key to flight, see `memolith/_flights.py`.
pub(crate) struct Loops(Py<PyDict>);

impl Loops {
    pub(crate) fn new(py: Python<'_>) -> Self {
        Loops(PyDict::new(py).unbind())
    }

    /// Nobody new waits for what is computed for `key`, which was invalidated.
    ///
    /// # Errors
    /// What hashes and comparisons of keys raise.
    pub(crate) fn forget(&self, key: &Bound<'_, PyAny>) -> PyResult<()> {
        let py = key.py();
        self.boards(py).try_for_each(|board| board.call_method1("pop", (key, py.None())).map(drop))
    }

    /// As [`forget`](Self::forget) for every key.
    pub(crate) fn forget_all(&self, py: Python<'_>) {
        self.boards(py).for_each(|board| empty(&board));
    }

    /// Whether no task computes anything.
    pub(crate) fn is_empty(&self, py: Python<'_>) -> bool {
        self.0.bind(py).is_empty()
    }

    pub(crate) fn dict<'py>(&self, py: Python<'py>) -> &Bound<'py, PyDict> {
        self.0.bind(py)
    }

    /// The Python object it holds, for the garbage collector.
    pub(crate) fn object(&self) -> &Py<PyAny> {
        self.0.as_any()
    }

    fn boards<'py>(&self, py: Python<'py>) -> impl Iterator<Item = Bound<'py, PyDict>> + use<'py> {
        // A list of them, because comparisons of keys may run anything.
        let boards: Vec<_> = self.0.bind(py).values().iter().filter_map(|board| board.cast_into().ok()).collect();
        boards.into_iter()
    }
}

/// Takes everything out of a dictionary that may be searched at this moment.
///
/// One by one: a dictionary that is cleared while a key is compared for `setdefault` is one for strings afterwards, and
/// CPython 3.11 puts the key into it whatever it is.
pub(super) fn empty(dict: &Bound<'_, PyDict>) {
    for _ in 0..dict.len() {
        if dict.call_method0("popitem").is_err() {
            return;
        }
    }
}
