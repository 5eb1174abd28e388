//! What Python sees of either kind of mapping.

use super::{Backed, Extra, Near, near};
use crate::errors::wrong;
use crate::options::Options;
use crate::scope::Marked;
use pyo3::exceptions::PyKeyError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyInt, PyTuple};
use pyo3::{PyTraverseError, PyVisit};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

/// One look, one change or one computation at a time; `Cache` makes a mapping of it.
///
/// Attributes of a cache lie in the dictionary of that class. One of this class CPython 3.11 would make before there is
/// anything in a new object, and its collector may then look into that: load-bearing.
#[pyclass(subclass, frozen, weakref, module = "memolith._memolith", name = "_Table")]
pub(crate) struct Table {
    kind: Kind,
    ttl: Option<Duration>,
    is_closed: AtomicBool,
}

/// Where its entries are.
pub(super) enum Kind {
    Near(Box<Near>),
    Backed(Box<Backed>),
}

impl Table {
    /// The time to live of entries that have none of their own.
    pub(crate) fn ttl(&self) -> Option<Duration> {
        self.ttl
    }

    fn kind(&self) -> PyResult<&Kind> {
        if self.is_closed.load(Relaxed) {
            return Err(wrong("the cache is closed, make another"));
        }
        Ok(&self.kind)
    }
}

#[pymethods]
impl Table {
    #[new]
    fn new(py: Python<'_>, maxsize: Option<usize>, options: &Bound<'_, PyDict>) -> PyResult<Self> {
        let mut options = Options::read(options)?;
        let ttl = options.ttl;
        let kind = match options.backend {
            Some(_) => Kind::Backed(Box::new(Backed::new(py, maxsize, &mut options)?)),
            None => {
                options.without_backend()?;
                Kind::Near(Box::new(Near::new(py, maxsize, &options)))
            }
        };
        Ok(Table { kind, ttl, is_closed: AtomicBool::new(false) })
    }

    /// The value of a key, or `default`.
    #[pyo3(signature = (key, default=None, /))]
    fn get<'py>(
        &self,
        key: &Bound<'py, PyAny>,
        default: Option<Bound<'py, PyAny>>,
    ) -> PyResult<Option<Bound<'py, PyAny>>> {
        Ok(self.look(key)?.or(default))
    }

    fn __getitem__<'py>(&self, key: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
        self.look(key)?.ok_or_else(|| PyKeyError::new_err(key.clone().unbind()))
    }

    fn __setitem__(&self, key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>) -> PyResult<()> {
        self.put(key, value, Extra::default())
    }

    fn __delitem__(&self, key: &Bound<'_, PyAny>) -> PyResult<()> {
        match self._remove(key)? {
            true => Ok(()),
            false => Err(PyKeyError::new_err(key.clone().unbind())),
        }
    }

    fn __contains__(&self, key: &Bound<'_, PyAny>) -> PyResult<bool> {
        match self.kind()? {
            Kind::Near(near) => near.contains(key),
            Kind::Backed(backed) => backed.contains(key),
        }
    }

    fn __len__(&self, py: Python<'_>) -> PyResult<usize> {
        Ok(match self.kind()? {
            Kind::Near(near) => near.len(),
            Kind::Backed(backed) => backed.len(py),
        })
    }

    /// An empty cache is a cache.
    fn __bool__(&self) -> bool {
        true
    }

    fn _set(
        &self,
        key: &Bound<'_, PyAny>,
        value: &Bound<'_, PyAny>,
        ttl: Option<f64>,
        tags: Vec<String>,
    ) -> PyResult<()> {
        self.put(key, value, extra(ttl, tags))
    }

    fn _remove(&self, key: &Bound<'_, PyAny>) -> PyResult<bool> {
        match self.kind()? {
            Kind::Near(near) => near.remove(key),
            Kind::Backed(backed) => backed.remove(key),
        }
    }

    fn _compute<'py>(
        slf: &Bound<'py, Self>,
        key: &Bound<'py, PyAny>,
        compute: &Bound<'py, PyAny>,
        ttl: Option<f64>,
        tags: Vec<String>,
    ) -> PyResult<Bound<'py, PyAny>> {
        match slf.get().kind()? {
            Kind::Near(near) => near.compute(slf, key, compute, extra(ttl, tags)),
            Kind::Backed(backed) => backed.compute(key, compute, extra(ttl, tags)),
        }
    }

    fn _get_many<'py>(&self, py: Python<'py>, keys: Vec<Bound<'py, PyAny>>) -> PyResult<Bound<'py, PyDict>> {
        self.kind()?.get_many(py, &keys)
    }

    fn _compute_many<'py>(
        &self,
        keys: Vec<Bound<'py, PyAny>>,
        compute: &Bound<'py, PyAny>,
        tags: Vec<String>,
    ) -> PyResult<Bound<'py, PyDict>> {
        self.kind()?.compute_many(&keys, compute, &extra(None, tags))
    }

    /// What `_exchange` and `_discard` take as `seen`; and None, or the value, the seconds it has left if it has an
    /// end, and its tags.
    #[expect(clippy::type_complexity, reason = "a tuple for one caller")]
    fn _entry<'py>(
        &self,
        key: &Bound<'py, PyAny>,
    ) -> PyResult<(Bound<'py, PyAny>, Option<(Bound<'py, PyAny>, Option<f64>, Vec<String>)>)> {
        let py = key.py();
        let (seen, found) = match self.kind()? {
            Kind::Near(near) => {
                let kept = near.look(key)?;
                let found = kept.as_ref().map(near::entry);
                let seen = kept.map_or_else(|| PyTuple::new(py, [] as [i32; 0]), |kept| PyTuple::new(py, [kept]));
                (seen?.into_any(), found)
            }
            Kind::Backed(backed) => {
                let (seen, found) = backed.entry(key)?;
                (PyInt::new(py, seen).into_any(), found)
            }
        };
        let tags = |extra: &Extra| extra.tags.iter().map(|tag| tag.to_string()).collect();
        Ok((seen, found.map(|(value, extra)| (value, extra.ttl.map(|ttl| ttl.as_secs_f64()), tags(&extra)))))
    }

    /// Stores a value if nothing has changed the entry since `_entry` gave `seen`, and says whether it did.
    fn _exchange(
        &self,
        key: &Bound<'_, PyAny>,
        seen: &Bound<'_, PyAny>,
        value: &Bound<'_, PyAny>,
        ttl: Option<f64>,
        tags: Vec<String>,
    ) -> PyResult<bool> {
        self.change(key, seen, Some((value, extra(ttl, tags))))
    }

    /// Removes the value under the same condition. Whether it did.
    fn _discard(&self, key: &Bound<'_, PyAny>, seen: &Bound<'_, PyAny>) -> PyResult<bool> {
        self.change(key, seen, None)
    }

    /// Called in a child of the process, before anything else.
    fn _renew(&self) {
        if let Kind::Backed(backed) = &self.kind {
            backed.renew();
        }
    }

    fn _entries<'py>(&self, py: Python<'py>) -> PyResult<Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)>> {
        match self.kind()? {
            Kind::Near(near) => Ok(near.entries(py)),
            Kind::Backed(backed) => backed.entries(py),
        }
    }

    fn _evict(&self, py: Python<'_>, tag: &str) -> PyResult<Option<usize>> {
        match self.kind()? {
            Kind::Near(near) => near.evict(py, tag).map(Some),
            Kind::Backed(backed) => backed.evict(py, tag),
        }
    }

    /// The same for a cache without a backend, of which the core knows nothing.
    fn _evict_near(&self, py: Python<'_>, tag: &str) -> PyResult<()> {
        match &self.kind {
            Kind::Near(near) => near.evict(py, tag).map(drop),
            Kind::Backed(_) => Ok(()),
        }
    }

    /// How many entries have expired since this was last asked; what they held is given back.
    fn expire(&self, py: Python<'_>) -> PyResult<usize> {
        match self.kind()? {
            Kind::Near(near) => Ok(near.expire()),
            Kind::Backed(backed) => backed.expire(py),
        }
    }

    /// Forgets every entry and every counter.
    fn clear(&self, py: Python<'_>) -> PyResult<()> {
        match self.kind()? {
            Kind::Near(near) => near.clear(py),
            Kind::Backed(backed) => backed.clear(py)?,
        }
        Ok(())
    }

    /// Changes the bound on entries; None is unbounded.
    #[pyo3(signature = (maxsize, /))]
    fn set_maxsize(&self, py: Python<'_>, maxsize: Option<usize>) -> PyResult<()> {
        match self.kind()? {
            Kind::Near(near) => near.set_maxsize(maxsize),
            Kind::Backed(backed) => backed.set_maxsize(py, maxsize),
        }
        Ok(())
    }

    /// Writes out what `writes="behind"` has queued.
    fn flush(&self, py: Python<'_>) -> PyResult<()> {
        match self.kind()? {
            Kind::Near(_) => Ok(()),
            Kind::Backed(backed) => backed.flush(py),
        }
    }

    /// Writes out what is queued, and ends the use of the cache: from then on it raises ValueError. What is stored
    /// stays.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        if self.is_closed.swap(true, Relaxed) {
            return Ok(());
        }
        match &self.kind {
            Kind::Near(near) => near.clear(py),
            Kind::Backed(backed) => backed.flush(py)?,
        }
        Ok(())
    }

    /// By this a scope knows the cache.
    #[getter]
    fn _mark(&self) -> Marked {
        Marked(match &self.kind {
            Kind::Near(near) => near.mark().clone(),
            Kind::Backed(backed) => backed.tier.mark().clone(),
        })
    }

    #[getter]
    fn closed(&self) -> bool {
        self.is_closed.load(Relaxed)
    }

    /// The counters: hits, misses, maxsize, currsize, coalesced, evictions, expired, backend_hits, errors, stale.
    #[expect(clippy::type_complexity, reason = "a tuple for one caller")]
    fn _info(&self, py: Python<'_>) -> PyResult<(u64, u64, Option<usize>, usize, u64, u64, u64, u64, u64, u64)> {
        let info = match self.kind()? {
            Kind::Near(near) => near.info(),
            Kind::Backed(backed) => backed.info(py),
        };
        let (size, departed) = ((info.maxsize, info.currsize), (info.evictions, info.expired));
        Ok((
            info.hits,
            info.misses,
            size.0,
            size.1,
            info.coalesced,
            departed.0,
            departed.1,
            info.backend_hits,
            info.errors,
            info.stale,
        ))
    }

    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        match &self.kind {
            Kind::Near(near) => near.traverse(&visit),
            Kind::Backed(backed) => backed.objects().try_for_each(|object| visit.call(object)),
        }
    }

    fn __clear__(&self, py: Python<'_>) {
        if let Kind::Near(near) = &self.kind {
            near.clear(py);
        }
    }
}

impl Table {
    fn look<'py>(&self, key: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
        match self.kind()? {
            Kind::Near(near) => near.get(key),
            Kind::Backed(backed) => backed.get(key),
        }
    }

    fn change(
        &self,
        key: &Bound<'_, PyAny>,
        seen: &Bound<'_, PyAny>,
        new: Option<(&Bound<'_, PyAny>, Extra)>,
    ) -> PyResult<bool> {
        match self.kind()? {
            Kind::Near(near) => near.exchange(key, seen.cast::<PyTuple>()?.get_item(0).ok().as_ref(), new),
            Kind::Backed(backed) => backed.exchange(key, seen.extract()?, new),
        }
    }

    fn put(&self, key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>, extra: Extra) -> PyResult<()> {
        match self.kind()? {
            Kind::Near(near) => near.set(key, value, extra),
            Kind::Backed(backed) => backed.set(key, value, extra),
        }
    }
}

/// What Python said of an entry; seconds that no `Duration` holds are for ever.
fn extra(ttl: Option<f64>, tags: Vec<String>) -> Extra {
    let ttl = ttl.map(|ttl| Duration::try_from_secs_f64(ttl).unwrap_or(Duration::MAX));
    Extra { ttl, tags: tags.into_iter().map(String::into_boxed_str).collect() }
}
