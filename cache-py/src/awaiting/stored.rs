//! Calls of an `async def` with a backend.

use super::ready::ready;
use super::tasks::{Coroutines, named, python};
use super::trip::Trip;
use crate::call::{Call, OwnedCall};
use crate::scope;
use crate::stored::{Held, Stored};
use memolith_core::__private::{PortableKey, PortableKeyRef, count_coalesced, look_old};
use pyo3::gc::{PyTraverseError, PyVisit};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyTuple};
use std::sync::Arc;

pub(super) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<StoredMiss>()?;
    module.add_class::<Trip>()
}

impl Stored {
    /// An awaitable for the result of a call of an `async def`. It holds `owner`, which holds this.
    ///
    /// # Errors
    /// `TypeError` for arguments without canonical form; what their own code raises.
    pub(crate) fn call_async<'py>(
        self: &Arc<Self>,
        owner: &Bound<'py, PyAny>,
        function: &Bound<'py, PyAny>,
        call: Call<'_>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = owner.py();
        let key = self.key(py, call)?;
        let near = self.tier(py).near(py, key.bytes());
        if let Some(object) = near.map_or(Ok(None), |held| self.object(py, key.bytes(), held))? {
            return ready(object);
        }
        let name = PyBytes::new(py, key.bytes());
        let (owner, function) = (owner.clone().unbind(), function.clone());
        let call = call.keep(py);
        let miss = StoredMiss { owner, stored: Arc::clone(self), function: function.clone().unbind(), call, key };
        let Coroutines { shared, in_backend, apart, .. } = python(py)?;
        let coroutine = if self.is_single_flight() {
            shared.bind(py).call1((self.loops().dict(py), name, miss, in_backend, apart))
        } else {
            apart.bind(py).call1((miss, py.get_type::<PyBool>()))
        }?;
        named(&coroutine, &function);
        Ok(coroutine)
    }
}

/// A call that memory could not answer: `StoredMiss` of `memolith/_awaiting.py`.
#[pyclass(frozen, module = "memolith._memolith", name = "_StoredMiss")]
pub(super) struct StoredMiss {
    /// Through it the collector sees what `stored` holds.
    owner: Py<PyAny>,
    stored: Arc<Stored>,
    function: Py<PyAny>,
    call: OwnedCall,
    key: PortableKey,
}

impl StoredMiss {
    /// The result as it is kept.
    ///
    /// # Errors
    /// As `Stored::held`.
    pub(super) fn held(&self, value: &Bound<'_, PyAny>) -> PyResult<Held> {
        self.call.with(|call| self.stored.held(self.key.bytes(), value, call))
    }
}

#[pymethods]
impl StoredMiss {
    /// What the backend knows the result by.
    #[getter]
    fn key<'py>(&self, py: Python<'py>) -> Bound<'py, PyBytes> {
        PyBytes::new(py, self.key.bytes())
    }

    /// The keys that tasks compute, of whichever event loop.
    #[getter]
    fn leading<'py>(&self, py: Python<'py>) -> Bound<'py, PyDict> {
        self.stored.leading().bind(py).clone()
    }

    /// What there is by now, as far as nobody has to wait for it.
    fn find<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyTuple>>> {
        let near = self.stored.tier(py).near(py, self.key.bytes());
        let object = near.map_or(Ok(None), |held| self.stored.object(py, self.key.bytes(), held))?;
        object.map(|object| PyTuple::new(py, [object])).transpose()
    }

    /// Whether the scopes around it let it read, and keep what it computes.
    #[getter]
    fn limits(&self, py: Python<'_>) -> (bool, bool) {
        let limits = scope::mode(py, self.stored.tier(py).mark());
        (limits.reads, limits.writes)
    }

    /// What may be served while another task computes.
    fn old<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyTuple>>> {
        let inside = scope::enter(py);
        let old = look_old(self.stored.cache(py), &PortableKeyRef(self.key.bytes()));
        drop(inside);
        let object = old.map_or(Ok(None), |held| self.stored.object(py, self.key.bytes(), held))?;
        object.map(|object| PyTuple::new(py, [object])).transpose()
    }

    /// Calls the function. A coroutine.
    fn compute<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        scope::allow(py, self.stored.tier(py).mark())?;
        self.call.with(|call| call.run(self.function.bind(py)))
    }

    /// Counts a hit that waited for another caller.
    fn count_coalesced(&self, py: Python<'_>) {
        let _inside = scope::enter(py);
        count_coalesced(self.stored.cache(py));
    }

    /// The way to the backend and back.
    fn begin(&self, py: Python<'_>) -> Trip {
        Trip::new(&self.stored, self.stored.cache(py), &self.key)
    }

    /// What the backend has, after which the thread has waited. Counts a hit, or a miss that computes.
    fn get<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyTuple>>> {
        let held = self.stored.tier(py).seek(py, self.key.bytes())?;
        let object = held.map_or(Ok(None), |held| self.stored.object(py, self.key.bytes(), held))?;
        object.map(|object| PyTuple::new(py, [object])).transpose()
    }

    /// Keeps the value unless `cache_if` declines. The thread waits for the backend.
    fn insert(&self, value: Bound<'_, PyAny>) -> PyResult<()> {
        let py = value.py();
        if self.stored.is_kept(&value)? {
            let held = self.held(&value)?;
            let cache = self.stored.cache(py);
            let _inside = scope::enter(py);
            py.detach(|| {
                cache.insert(self.key.clone(), held.clone());
                held.release();
            });
        }
        Ok(())
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        self.call.objects().chain([&self.owner, &self.function]).try_for_each(|object| visit.call(object))
    }
}
