//! Misses of an `async def`: the coroutines of `memolith/_awaiting.py`, and what they need of a cache.

use super::flights::Flights;
use super::miss::{KeptMiss, Miss, key};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBool, PyTuple};

/// Whether the callers of one key wait for each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Waiting {
    /// One computes, the others of its event loop wait.
    Shared,
    /// Nobody waits for anybody.
    Alone,
}

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<MemoryMiss>()
}

impl Flights {
    /// As [`call`](Self::call) for an `async def`: a coroutine.
    ///
    /// # Errors
    /// What the arguments' own code raises.
    ///
    /// # Safety
    /// As [`call`](Self::call); the coroutine holds the owner.
    pub(crate) unsafe fn call_async<'py>(&self, miss: Miss<'_, 'py>, waiting: Waiting) -> PyResult<Bound<'py, PyAny>> {
        let py = miss.owner.py();
        let kept = Bound::new(py, MemoryMiss(miss.keep_call()))?;
        let Coroutines { shared, in_memory, .. } = python(py)?;
        let coroutine = match waiting {
            Waiting::Alone => in_memory.bind(py).call1((kept, py.get_type::<PyBool>())),
            Waiting::Shared => {
                let key = key(py, miss.key, self.typed())?;
                shared.bind(py).call1((self.tasks().dict(py), key, kept, in_memory, in_memory))
            }
        }?;
        named(&coroutine, miss.function);
        Ok(coroutine)
    }
}

/// Functions of `memolith/_flights.py` and `memolith/_awaiting.py`.
pub(super) struct Coroutines {
    pub(super) shared: Py<PyAny>,
    pub(super) in_memory: Py<PyAny>,
    pub(super) in_backend: Py<PyAny>,
    pub(super) apart: Py<PyAny>,
    pub(super) wake: Py<PyAny>,
}

/// Imported at the first miss, because `asyncio` is slow to import.
pub(super) fn python(py: Python<'_>) -> PyResult<&'static Coroutines> {
    static COROUTINES: PyOnceLock<Coroutines> = PyOnceLock::new();
    COROUTINES.get_or_try_init(py, || {
        let module = py.import("memolith._awaiting")?;
        let function = |name: &str| Ok::<_, PyErr>(module.getattr(name)?.unbind());
        Ok(Coroutines {
            shared: py.import("memolith._flights")?.getattr("shared")?.unbind(),
            in_memory: function("in_memory")?,
            in_backend: function("in_backend")?,
            apart: function("apart")?,
            wake: function("wake")?,
        })
    })
}

/// Gives a coroutine the name of the user's function, which warnings and lists of tasks show.
pub(super) fn named(coroutine: &Bound<'_, PyAny>, function: &Bound<'_, PyAny>) {
    for name in ["__name__", "__qualname__"] {
        // Callables without a name leave ours.
        let _ = function.getattr(name).and_then(|named| coroutine.setattr(name, named));
    }
}

/// A call that memory could not answer, for the coroutine that answers it.
#[pyclass(frozen, module = "memolith._memolith", name = "_MemoryMiss")]
struct MemoryMiss(KeptMiss);

#[pymethods]
impl MemoryMiss {
    /// What memory has by now, in a tuple; None if that is nothing.
    fn find<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyTuple>>> {
        // SAFETY: a kept miss holds the owner of the table.
        let found = self.0.with(py, |miss| unsafe { miss.find() })?;
        found.map(|value| PyTuple::new(py, [value])).transpose()
    }

    /// Whether the scopes around it let it read, and keep what it computes.
    #[getter]
    fn limits(&self, py: Python<'_>) -> (bool, bool) {
        // SAFETY: as in `find`.
        let limits = self.0.with(py, |miss| unsafe { miss.limits() });
        (limits.reads, limits.writes)
    }

    /// What may be served while another task computes: nothing.
    fn old(&self) -> Option<Py<PyTuple>> {
        None
    }

    /// Calls the function, which is counted as a miss. A coroutine.
    fn compute<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        // SAFETY: as in `find`.
        self.0.with(py, |miss| unsafe { miss.compute() })
    }

    /// Keeps the value unless `cache_if` declines, or `is_outdated` says so.
    fn keep<'py>(&self, value: Bound<'py, PyAny>, is_outdated: Bound<'py, PyAny>) -> PyResult<()> {
        let is_outdated = || is_outdated.call0()?.is_truthy();
        // SAFETY: as in `find`.
        self.0.with(value.py(), |miss| unsafe { miss.keep(&value, is_outdated) })
    }

    /// Counts a hit that waited for another caller.
    fn count_coalesced(&self, py: Python<'_>) {
        // SAFETY: as in `find`.
        self.0.with(py, |miss| unsafe { miss.count_coalesced() });
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.0.objects().try_for_each(|object| visit.call(object))
    }
}
