//! Threads that ask for the same key at the same time: one computes, the others wait.

use super::flights::Flights;
use super::miss::{Miss, key};
use crate::outside::signals;
use memolith::{Cache, Lease, Lookup};
use memolith_core::__private::{Mode, apart, look, look_on_asking};
use pyo3::prelude::*;
use pyo3::types::PyTuple;
use std::sync::atomic::Ordering::{AcqRel, Relaxed, Release};
use std::sync::atomic::{AtomicBool, AtomicU64};
use std::sync::{Arc, LazyLock};

/// A value on its way to those who wait for it.
type Shared = Arc<Py<PyAny>>;

/// Where the threads of this process meet, for all functions without a backend. It keeps no value, and tells a thread
/// that would wait for itself, or in a circle, to compute.
static BOARD: LazyLock<Cache<u64, Shared>> = LazyLock::new(|| Cache::builder().maxsize(1).build());

static SERIALS: AtomicU64 = AtomicU64::new(0);

/// How often a caller looks for its flight: a key whose `__hash__` or `__eq__` clears the cache takes it down each
/// time.
const TRIES: usize = 8;

/// What stands for a key while threads compute it.
#[pyclass(frozen)]
pub(super) struct Flight {
    /// Its key on the board.
    serial: u64,
    /// Whether a thread holds its lease, and will hand over to those who wait.
    is_led: AtomicBool,
}

impl Flight {
    pub(super) fn new() -> Self {
        Flight { serial: SERIALS.fetch_add(1, Relaxed), is_led: AtomicBool::new(false) }
    }

    /// Becomes the leader; `None` where one is at it already, and the board has let this thread through because waiting
    /// would never end.
    fn lead(&self) -> Option<Led<'_>> {
        // Pairs with the Release of who led before, for the threads that follow each other here.
        (!self.is_led.swap(true, AcqRel)).then_some(Led(self))
    }
}

/// The right to compute for those who wait.
struct Led<'a>(&'a Flight);

impl Drop for Led<'_> {
    fn drop(&mut self) {
        // Pairs with `lead`.
        self.0.is_led.store(false, Release);
    }
}

impl Flights {
    /// What a call does that `Memory::get` could not answer: waits for who computes the same key, or computes, keeps
    /// the result unless `cache_if` declines, and hands it to those who wait.
    ///
    /// # Errors
    /// What the function and the code of its arguments raise. Who waited for a caller that failed computes in turn.
    ///
    /// # Safety
    /// `miss.memory` is alive as long as `miss.owner`.
    pub(crate) unsafe fn call<'py>(&self, miss: Miss<'_, 'py>) -> PyResult<Bound<'py, PyAny>> {
        let py = miss.owner.py();
        let key = key(py, miss.key, self.typed())?;
        // SAFETY: the caller's word.
        let limits = unsafe { miss.limits() };
        if !(limits.reads && limits.writes) {
            // SAFETY: the caller's word.
            return unsafe { self.call_limited(&miss, &key, limits) };
        }
        for _ in 0..TRIES {
            let flight = self.joined(&key)?;
            let flight = flight.get();
            match py.detach(|| board(flight.serial))? {
                Lookup::Hit(value) => {
                    // SAFETY: the caller's word.
                    unsafe { miss.count_coalesced() };
                    return Ok(value.bind(py).clone());
                }
                Lookup::Miss(lease) => {
                    let Some(led) = flight.lead() else {
                        // SAFETY: the caller's word.
                        return unsafe { alone(&miss) };
                    };
                    // By now another may stand for the key: this one was led to its end, or its key was invalidated.
                    if self.is_posted(&key, flight)? {
                        let flown = Flown { flights: self, key: &key, led };
                        // SAFETY: the caller's word.
                        return unsafe { flown.compute(&miss, lease) };
                    }
                }
            }
        }
        // SAFETY: the caller's word.
        unsafe { alone(&miss) }
    }
}

impl Flights {
    /// A call that may not read, or whose value is nobody's but the caller's.
    ///
    /// # Safety
    /// As [`call`](Self::call).
    #[cold]
    unsafe fn call_limited<'py>(
        &self,
        miss: &Miss<'_, 'py>,
        key: &Bound<'py, PyTuple>,
        limits: Mode,
    ) -> PyResult<Bound<'py, PyAny>> {
        let py = miss.owner.py();
        if limits.reads
            && let Some(serial) = self.posted(key)?.map(|flight| flight.get().serial)
            && let Lookup::Hit(value) = py.detach(|| board(serial))?
        {
            // SAFETY: the caller's word.
            unsafe { miss.count_coalesced() };
            return Ok(value.bind(py).clone());
        }
        // SAFETY: the caller's word.
        unsafe { alone(miss) }
    }
}

/// Calls the function for this caller alone.
///
/// # Safety
/// As [`Flights::call`].
pub(super) unsafe fn alone<'py>(miss: &Miss<'_, 'py>) -> PyResult<Bound<'py, PyAny>> {
    // SAFETY: the caller's word.
    unsafe {
        let value = miss.compute()?;
        miss.keep(&value, || Ok(false))?;
        Ok(value)
    }
}

/// Waits on the board, and leaves when a signal's handler raises.
fn board(serial: u64) -> PyResult<Lookup<'static, u64, Shared>> {
    // It is no cache of anybody's.
    apart(|| match look(&BOARD, &serial) {
        Ok(held) => Ok(Lookup::Hit(held.value())),
        Err(hash) => look_on_asking(&BOARD, hash, &serial, signals),
    })
}

/// A flight that this thread leads; it is taken down when this is dropped, before its lease goes on to another thread.
struct Flown<'a, 'py> {
    flights: &'a Flights,
    key: &'a Bound<'py, PyTuple>,
    led: Led<'a>,
}

impl<'py> Flown<'_, 'py> {
    /// # Safety
    /// As [`Flights::call`].
    unsafe fn compute(self, miss: &Miss<'_, 'py>, lease: Lease<'_, u64, Shared>) -> PyResult<Bound<'py, PyAny>> {
        // SAFETY: the caller's word.
        let value = unsafe { self.value(miss) };
        drop(self);
        // An error drops the lease: one of those who wait takes over.
        let value = value?;
        let shared = Arc::new(value.clone().unbind());
        lease.answer(shared);
        Ok(value)
    }

    /// # Safety
    /// As [`Flights::call`].
    unsafe fn value(&self, miss: &Miss<'_, 'py>) -> PyResult<Bound<'py, PyAny>> {
        // SAFETY: the caller's word.
        unsafe {
            // Who led before may have ended between our look into memory and our joining.
            if let Some(value) = miss.find()? {
                return Ok(value);
            }
            let value = miss.compute()?;
            miss.keep(&value, || Ok(!self.flights.is_posted(self.key, self.led.0)?))?;
            Ok(value)
        }
    }
}

impl Drop for Flown<'_, '_> {
    fn drop(&mut self) {
        self.flights.take_down(self.key, self.led.0);
    }
}
