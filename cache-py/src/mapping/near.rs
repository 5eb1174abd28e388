//! A mapping in memory: the table of functions without a backend, with the key as the first argument of two.

use super::Extra;
use super::table::Table;
use crate::awaiting::{Flights, Miss};
use crate::call::Call;
use crate::memory::{Exchange, Memory};
use crate::options::Options;
use crate::stored::Tags;
use memolith::CacheInfo;
use memolith_core::__private::{Mark, Mode};
use pyo3::exceptions::PyRuntimeError;
use pyo3::ffi::PyObject;
use pyo3::prelude::*;
use pyo3::types::{PyCFunction, PyDict, PyTuple};
use pyo3::{PyTraverseError, PyVisit};
use std::cell::UnsafeCell;
use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Adds what entries with tags or a life of their own are kept in.
pub(crate) fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Labelled>()
}

/// A value of which something is said. Others are kept as they are.
#[pyclass(frozen, module = "memolith._memolith", name = "_Labelled")]
struct Labelled {
    value: Py<PyAny>,
    ends: Option<Instant>,
    tags: Tags,
}

#[pymethods]
impl Labelled {
    fn __traverse__(&self, visit: PyVisit<'_>) -> Result<(), PyTraverseError> {
        visit.call(&self.value)
    }
}

pub(crate) struct Near {
    memory: UnsafeCell<Memory>,
    flights: Option<Flights>,
    ttl: Option<Duration>,
    maxsize: AtomicUsize,
}

/// What is no bound. The table has one in any case, so that it can be changed.
const UNBOUNDED: usize = usize::MAX;

// SAFETY: `Memory` is used with a thread attached alone: where several are at once, it has a lock of its own.
unsafe impl Send for Near {}
// SAFETY: as above.
unsafe impl Sync for Near {}

impl Near {
    pub(crate) fn new(py: Python<'_>, maxsize: Option<usize>, options: &Options) -> Self {
        let flights = options.single_flight.unwrap_or(true).then(|| Flights::new(py, false));
        let bound = maxsize.unwrap_or(UNBOUNDED);
        let memory = UnsafeCell::new(Memory::new(Some(bound.max(1)), false, options));
        Near { memory, flights, ttl: options.ttl, maxsize: AtomicUsize::new(bound) }
    }

    /// The value, counted as a hit or a miss.
    pub(crate) fn get<'py>(&self, key: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
        Ok(self.look(key)?.map(|kept| value(&kept)))
    }

    pub(crate) fn contains(&self, key: &Bound<'_, PyAny>) -> PyResult<bool> {
        // SAFETY: `self` lives until this returns, and a thread with an object at hand is attached.
        persist(key.py(), || unsafe { Memory::contains(self.memory.get(), Call::positional(&pair(key))) })
    }

    pub(crate) fn set(&self, key: &Bound<'_, PyAny>, value: &Bound<'_, PyAny>, extra: Extra) -> PyResult<()> {
        if !self.limits(key.py()).writes {
            return Ok(());
        }
        let ttl = extra.ttl;
        let kept = labelled(value, extra, self.ttl)?;
        self.forget(key)?;
        self.insert(key, &kept, ttl)
    }

    pub(crate) fn remove(&self, key: &Bound<'_, PyAny>) -> PyResult<bool> {
        self.forget(key)?;
        // SAFETY: as in `contains`.
        persist(key.py(), || unsafe { Memory::remove(self.memory.get(), Call::positional(&pair(key))) })
    }

    /// Stores a value, or removes the one that is there, if what [`look`](Self::look) saw is what is kept still.
    /// Whether it did; if not, somebody else has succeeded.
    pub(crate) fn exchange<'py>(
        &self,
        key: &Bound<'py, PyAny>,
        seen: Option<&Bound<'py, PyAny>>,
        new: Option<(&Bound<'py, PyAny>, Extra)>,
    ) -> PyResult<bool> {
        let limits = self.limits(key.py());
        match new {
            Some(_) if !limits.writes => return Ok(true),
            // Who may not look has seen nothing that could have changed.
            Some((value, extra)) if !limits.reads => return self.set(key, value, extra).map(|()| true),
            _ => self.forget(key)?,
        }
        if self.is_off() {
            return Ok(true);
        }
        let ttl = new.as_ref().and_then(|(_, extra)| extra.ttl).map(nanoseconds);
        let new = new.map(|(value, extra)| labelled(value, extra, self.ttl)).transpose()?;
        let pointer = |object: Option<&Bound<'py, PyAny>>| object.map_or(ptr::null_mut(), |object| object.as_ptr());
        let change = Exchange { seen: pointer(seen), new: pointer(new.as_ref()), ttl };
        // SAFETY: as in `contains`; both are alive.
        persist(key.py(), || unsafe { Memory::exchange(self.memory.get(), Call::positional(&pair(key)), &change) })
    }

    /// The value, computed if there is none. Callers who ask for it meanwhile wait.
    pub(crate) fn compute<'py>(
        &self,
        owner: &Bound<'py, Table>,
        key: &Bound<'py, PyAny>,
        compute: &Bound<'py, PyAny>,
        extra: Extra,
    ) -> PyResult<Bound<'py, PyAny>> {
        // SAFETY: as in `contains`.
        let found = unsafe { Memory::get(self.memory.get(), Call::positional(&pair(key))) };
        // SAFETY: a new reference, or null.
        if let Some(kept) = unsafe { Bound::from_owned_ptr_or_opt(key.py(), found) } {
            return Ok(value(&kept));
        }
        if let Some(raised) = PyErr::take(key.py()) {
            return Err(raised);
        }
        let Some(flights) = self.flights.as_ref().filter(|_| !self.is_off()) else {
            self.memory().begin(key.py())?;
            let made = compute.call0()?;
            self.set(key, &made, extra)?;
            return Ok(made);
        };
        let ttl = extra.ttl.map(nanoseconds);
        let leader = leader(owner, compute, extra)?;
        // SAFETY: `owner` holds the memory.
        let kept = unsafe {
            let owner = owner.as_any();
            let key = pair(key);
            let (call, key) = (Call::positional(&[]), Call::positional(&key));
            let memory = self.memory.get();
            flights.call(Miss { owner, memory, function: leader.as_any(), call, key, cache_if: None, ttl })
        }?;
        Ok(value(&kept))
    }

    pub(crate) fn entries<'py>(&self, py: Python<'py>) -> Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        let entries = self.kept(py).into_iter();
        entries.map(|(key, kept)| (key, value(&kept))).collect()
    }

    /// Removes the entries with a tag, and returns how many.
    pub(crate) fn evict(&self, py: Python<'_>, tag: &str) -> PyResult<usize> {
        let mut removed = 0;
        for (key, kept) in self.kept(py) {
            let has_tag = |labelled: &Bound<'_, Labelled>| labelled.get().tags.iter().any(|own| **own == *tag);
            // Who has been given another value meanwhile stays.
            if kept.cast::<Labelled>().is_ok_and(has_tag) {
                removed += usize::from(self.exchange(&key, Some(&kept), None)?);
            }
        }
        Ok(removed)
    }

    /// Removes what has expired, and returns how many.
    pub(crate) fn expire(&self) -> usize {
        // SAFETY: as in `contains`.
        unsafe { Memory::sweep(self.memory.get()) }
    }

    pub(crate) fn len(&self) -> usize {
        self.info().currsize
    }

    pub(crate) fn info(&self) -> CacheInfo {
        let mut info = self.memory().info();
        info.maxsize = Some(self.maxsize.load(Relaxed)).filter(|maxsize| *maxsize != UNBOUNDED);
        info
    }

    pub(crate) fn clear(&self, py: Python<'_>) {
        self.flights.iter().for_each(|flights| flights.forget_all(py));
        // SAFETY: as in `contains`.
        unsafe { Memory::clear(self.memory.get()) };
    }

    pub(crate) fn set_maxsize(&self, maxsize: Option<usize>) {
        self.maxsize.store(maxsize.unwrap_or(UNBOUNDED), Relaxed);
        // SAFETY: as in `contains`.
        unsafe { Memory::set_maxsize(self.memory.get(), maxsize.unwrap_or(UNBOUNDED)) };
    }

    pub(crate) fn traverse(&self, visit: &PyVisit<'_>) -> Result<(), PyTraverseError> {
        for object in self.flights.iter().flat_map(Flights::objects) {
            visit.call(object)?;
        }
        let mut visiting = Visiting { visit, visited: Ok(()) };
        // SAFETY: this is called by `tp_traverse`, and `each` is given what it takes.
        unsafe { (*self.memory.get()).traverse(each, (&raw mut visiting).cast()) };
        visiting.visited
    }

    fn is_off(&self) -> bool {
        self.maxsize.load(Relaxed) == 0
    }

    /// What is kept, for [`entry`]. Counts as a look-up.
    pub(crate) fn look<'py>(&self, key: &Bound<'py, PyAny>) -> PyResult<Option<Bound<'py, PyAny>>> {
        let py = key.py();
        // SAFETY: as in `contains`.
        let found = persist(py, || unsafe { Memory::find(self.memory.get(), Call::positional(&pair(key))) })?;
        // SAFETY: a new reference, or null.
        let kept = unsafe { Bound::from_owned_ptr_or_opt(py, found) };
        if kept.is_none() {
            self.memory().count_nothing(py);
        }
        Ok(kept)
    }

    fn limits(&self, py: Python<'_>) -> Mode {
        self.memory().limits(py)
    }

    /// By this scopes know it.
    pub(crate) fn mark(&self) -> &Mark {
        self.memory().mark()
    }

    fn memory(&self) -> &Memory {
        // SAFETY: as in `contains`; what is asked of it so runs no Python code that it could not stand.
        unsafe { &*self.memory.get() }
    }

    fn insert(&self, key: &Bound<'_, PyAny>, kept: &Bound<'_, PyAny>, ttl: Option<Duration>) -> PyResult<()> {
        if self.is_off() {
            return Ok(());
        }
        let ttl = ttl.map(nanoseconds);
        // SAFETY: as in `contains`; `kept` is alive.
        let insert = || unsafe { Memory::insert(self.memory.get(), Call::positional(&pair(key)), kept.as_ptr(), ttl) };
        persist(key.py(), || insert().map(|is_done| is_done.then_some(())))
    }

    fn kept<'py>(&self, py: Python<'py>) -> Vec<(Bound<'py, PyAny>, Bound<'py, PyAny>)> {
        // SAFETY: as in `contains`; no Python code runs.
        let entries = unsafe { (*self.memory.get()).entries(py) };
        entries.into_iter().map(|(key, kept)| (key.into_bound(py), kept.into_bound(py))).collect()
    }

    /// What is computed for the key is for those who wait alone.
    fn forget(&self, key: &Bound<'_, PyAny>) -> PyResult<()> {
        let Some(flights) = &self.flights else { return Ok(()) };
        flights.forget(key.py(), Call::positional(&pair(key)))
    }
}

/// Does it until it is done, as comparisons in Python let others change the table meanwhile: then somebody else's
/// change is done, but who hinders himself must not wait for ever.
///
/// # Errors
/// What a hash or a comparison raised.
fn persist<T>(py: Python<'_>, mut attempt: impl FnMut() -> Result<Option<T>, ()>) -> PyResult<T> {
    const TRIES: usize = 1000;
    for _ in 0..TRIES {
        if let Some(done) = attempt().map_err(|()| PyErr::fetch(py))? {
            return Ok(done);
        }
    }
    Err(PyRuntimeError::new_err("the cache changes whenever its keys are compared, so nothing can be found in it"))
}

/// The arguments that a key is looked up as. Of a single one a function tells `1` from `1.0`, as functools does; of two
/// none does, and no mapping.
fn pair(key: &Bound<'_, PyAny>) -> [*mut PyObject; 2] {
    [key.as_ptr(), key.py().None().as_ptr()]
}

/// As the table counts time.
fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// A walk of the garbage collector.
struct Visiting<'a, 'v> {
    visit: &'a PyVisit<'v>,
    visited: Result<(), PyTraverseError>,
}

/// Shows one object of the table to the collector.
///
/// # Safety
/// `visiting` is a [`Visiting`], and `object` is alive.
unsafe extern "C" fn each(object: *mut PyObject, visiting: *mut c_void) -> c_int {
    // SAFETY: see above.
    let visiting = unsafe { &mut *visiting.cast::<Visiting<'_, '_>>() };
    // SAFETY: a `Py` is a pointer that is not null; this one is borrowed from the table, and not dropped.
    let object = unsafe { &*(&raw const object).cast::<Py<PyAny>>() };
    visiting.visited = visiting.visit.call(object);
    c_int::from(visiting.visited.is_err())
}

/// `value` with what is said of it.
fn labelled<'py>(value: &Bound<'py, PyAny>, extra: Extra, ttl: Option<Duration>) -> PyResult<Bound<'py, PyAny>> {
    let ttl = extra.ttl.or(ttl);
    if ttl.is_none() && extra.tags.is_empty() {
        return Ok(value.clone());
    }
    let ends = ttl.and_then(|ttl| Instant::now().checked_add(ttl));
    let labelled = Labelled { value: value.clone().unbind(), ends, tags: extra.tags };
    Ok(Bound::new(value.py(), labelled)?.into_any())
}

/// The value of what is kept.
fn value<'py>(kept: &Bound<'py, PyAny>) -> Bound<'py, PyAny> {
    match kept.cast::<Labelled>() {
        Ok(labelled) => labelled.get().value.bind(kept.py()).clone(),
        Err(_) => kept.clone(),
    }
}

/// The value of what is kept, how long it lives on if that is known, and its tags.
pub(crate) fn entry<'py>(kept: &Bound<'py, PyAny>) -> (Bound<'py, PyAny>, Extra) {
    let Ok(labelled) = kept.cast::<Labelled>() else { return (kept.clone(), Extra::default()) };
    let labelled = labelled.get();
    let ttl = labelled.ends.map(|ends| ends.saturating_duration_since(Instant::now()));
    (value(kept), Extra { ttl, tags: labelled.tags.clone() })
}

/// The function whose result is kept: what `compute` returns, with what is said of it.
fn leader<'py>(
    owner: &Bound<'py, Table>,
    compute: &Bound<'py, PyAny>,
    extra: Extra,
) -> PyResult<Bound<'py, PyCFunction>> {
    let compute = compute.clone().unbind();
    let ttl = owner.get().ttl();
    let run = move |args: &Bound<'_, PyTuple>, _: Option<&Bound<'_, PyDict>>| -> PyResult<Py<PyAny>> {
        let made = compute.bind(args.py()).call0()?;
        labelled(&made, extra.clone(), ttl).map(Bound::unbind)
    };
    PyCFunction::new_closure(owner.py(), None, None, run)
}
