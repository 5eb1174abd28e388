//! The memory tier of functions without a backend: a table over Python's own hashes and comparisons.
//!
//! | file | idea |
//! |---|---|
//! | `hash`, `same`, `raw` | hashes and comparisons of common objects, without a call |
//! | `matching` | entries and calls |
//! | `index`, `chunk`, `entry`, `slab`, `departed`, `recency`, `front` | the parts of a table |
//! | `table` | the table, in which no Python code runs |
//! | `ask` | comparisons in Python, outside of it |
//! | `look`, `keep` | from a call to its value, and back in |
//! | `bound` | what mappings ask besides |

mod ask;
mod bound;
mod chunk;
mod clock;
mod departed;
mod entry;
mod front;
mod hash;
mod index;
mod keep;
mod lock;
mod look;
mod matching;
mod mode;
mod raw;
mod recency;
mod same;
mod slab;
mod table;

pub(crate) use bound::Exchange;
pub(crate) use hash::Raised;
pub(crate) use look::{Look, Ticket};
pub(crate) use mode::{Mode, Order};

use crate::call::Call;
use crate::options::Options;
use crate::scope;
use clock::Lifetimes;
use lock::Locked;
use memolith::{CacheInfo, Policy};
use memolith_core::__private::{Event, Evictor, Mark, Mode as Limits};
use pyo3::ffi::{self, PyObject};
use pyo3::prelude::*;
use std::ffi::{c_int, c_void};
use std::sync::atomic::{AtomicU8, Ordering::Relaxed};
use table::{Counts, Table};

/// Entries by the arguments of calls.
///
/// Methods that may run Python code (comparisons, hashes, the drop of a value) hold no reference to the table
/// meanwhile: that code may call the same function.
pub(crate) struct Memory {
    table: Locked<Table>,
    /// The bits of a [`Mode`]; a value with a life of its own makes the cache a timed one.
    mode: AtomicU8,
    maxsize: Option<usize>,
    policy: Policy,
    mark: Mark,
}

impl Memory {
    pub(crate) fn new(maxsize: Option<usize>, typed: bool, options: &Options) -> Self {
        let lifetimes = Lifetimes::new(options.ttl, options.tti);
        let order = match (maxsize, options.policy) {
            (None, _) => Order::Unbounded,
            (Some(0), _) => Order::Off,
            (_, Policy::Lru) => Order::Recency,
            _ => Order::Policy,
        };
        let mode = Mode { order, typed, timed: lifetimes.are_bounded() };
        let evictor = evictor(order, options.policy, maxsize);
        let table = Table::new(maxsize.unwrap_or(usize::MAX), evictor, lifetimes);
        let mode = AtomicU8::new(mode.bits());
        Memory { table: Locked::new(table), mode, maxsize, policy: options.policy, mark: Mark::new() }
    }

    pub(crate) fn mode(&self) -> Mode {
        Mode::from_bits(self.mode.load(Relaxed))
    }

    /// The value of a call, a new reference, counted as a hit; null with no exception set if there is none, which is
    /// not counted; null with an exception if a hash or a comparison raised.
    ///
    /// # Safety
    /// `memory` is alive until this returns, and the thread is attached.
    pub(crate) unsafe fn get(memory: *mut Self, call: Call<'_>) -> *mut PyObject {
        // SAFETY: the caller keeps it alive, and all that changes in it is behind locks.
        let memory = unsafe { &*memory };
        // SAFETY: passed on.
        match unsafe { memory.answer(&call) } {
            Look::Hit(value) => value,
            Look::Miss(_) | Look::Raised => std::ptr::null_mut(),
        }
    }

    /// What a call that may read finds, counted as a hit.
    ///
    /// # Safety
    /// As [`get`](Self::get).
    #[inline]
    unsafe fn answer(&self, call: &Call<'_>) -> Look {
        // SAFETY: the caller's word.
        let py = unsafe { Python::assume_attached() };
        if scope::is_any() && !self.limits(py).reads {
            return Look::Miss(None);
        }
        let mode = self.mode();
        // SAFETY: passed on.
        let look = match unsafe { self.glance(call, mode) } {
            Some(value) => Look::Hit(value),
            // SAFETY: passed on.
            None => unsafe { self.look(call, mode) },
        };
        if let Look::Hit(_) = look {
            scope::count(py, &self.mark, Event::Hit);
        }
        look
    }

    /// What the scopes around a call let it do.
    pub(crate) fn limits(&self, py: Python<'_>) -> Limits {
        scope::mode(py, &self.mark)
    }

    /// By this scopes know it.
    pub(crate) fn mark(&self) -> &Mark {
        &self.mark
    }

    /// Keeps `value` (borrowed) as the value of a call, for `ttl` nanoseconds if given, else as the cache says.
    /// Whether that is done: not in a table that changed under every comparison. `Err` with an exception set if a hash or
    /// a comparison raised.
    ///
    /// # Safety
    /// As [`get`](Self::get); `value` is a live object.
    pub(crate) unsafe fn insert(
        memory: *mut Self,
        call: Call<'_>,
        value: *mut PyObject,
        ttl: Option<u64>,
    ) -> Result<bool, ()> {
        // SAFETY: as in `get`.
        let (memory, py) = unsafe { (&*memory, Python::assume_attached()) };
        if !memory.limits(py).writes {
            return Ok(true);
        }
        let mode = memory.lasting(ttl);
        // SAFETY: passed on.
        unsafe { memory.set(&call, (value, ttl), mode) }.map_err(|Raised| ())
    }

    /// Removes the value of a call. Whether there was one; None if the table changed under every comparison.
    ///
    /// # Safety
    /// As [`get`](Self::get).
    pub(crate) unsafe fn remove(memory: *mut Self, call: Call<'_>) -> Result<Option<bool>, ()> {
        // SAFETY: as in `get`.
        unsafe { (*memory).take(&call) }.map_err(|Raised| ())
    }

    /// The mode of a cache that is to keep a value for `ttl`.
    fn lasting(&self, ttl: Option<u64>) -> Mode {
        let mode = self.mode();
        if ttl.is_none() || mode.timed {
            return mode;
        }
        let timed = Mode { timed: true, ..mode };
        self.mode.store(timed.bits(), Relaxed);
        timed
    }

    /// Counts a call that had to compute, and that no scope is around.
    #[inline]
    pub(crate) fn count_miss(&self) {
        self.count(|counts| counts.misses += 1);
    }

    /// Counts a call that found nothing, and does not compute.
    pub(crate) fn count_nothing(&self, py: Python<'_>) {
        self.count_miss();
        scope::count(py, &self.mark, Event::Miss);
    }

    /// Counts a call that computes.
    ///
    /// # Errors
    /// `CacheMiss`, where nothing is to be computed.
    pub(crate) fn begin(&self, py: Python<'_>) -> PyResult<()> {
        self.count_miss();
        let allowed = scope::allow(py, &self.mark);
        scope::count(py, &self.mark, if allowed.is_ok() { Event::Computed } else { Event::Miss });
        allowed
    }

    /// A hit that waited for another caller.
    pub(crate) fn count_coalesced(&self, py: Python<'_>) {
        self.count(|counts| {
            counts.hits += 1;
            counts.coalesced += 1;
        });
        scope::count(py, &self.mark, Event::Coalesced);
    }

    pub(crate) fn info(&self) -> CacheInfo {
        // SAFETY: numbers are read.
        let (counts, currsize) = unsafe { self.table.with(|table| (table.counts, table.len())) };
        let mut info = CacheInfo::default();
        info.hits = counts.hits;
        info.misses = counts.misses;
        info.maxsize = self.maxsize;
        info.currsize = currsize;
        info.coalesced = counts.coalesced;
        info.evictions = counts.evictions;
        info.expired = counts.expired;
        info
    }

    /// Forgets entries and counters.
    ///
    /// # Safety
    /// As [`get`](Self::get): what is forgotten is dropped, which may run Python code.
    pub(crate) unsafe fn clear(memory: *mut Self) {
        // SAFETY: as in `get`.
        let memory = unsafe { &*memory };
        // Policies forget whom they knew.
        let mut evictor = evictor(memory.mode().order, memory.policy, memory.maxsize);
        // SAFETY: what departs is dropped outside.
        let departed = unsafe {
            memory.table.with(|table| {
                std::mem::swap(&mut table.evictor, &mut evictor);
                table.clear()
            })
        };
        drop(departed);
    }

    /// Shows all references to the garbage collector.
    ///
    /// # Safety
    /// Called by `tp_traverse` alone.
    pub(crate) unsafe fn traverse(&self, visit: ffi::visitproc, arg: *mut c_void) -> c_int {
        // SAFETY: no thread is in a table while the collector looks at objects.
        let table = unsafe { self.table.in_peace() };
        for object in table.slab.iter().flat_map(entry::View::objects) {
            // SAFETY: entries keep their objects alive.
            let stop = unsafe { visit(object, arg) };
            if stop != 0 {
                return stop;
            }
        }
        0
    }

    /// The keys (of one argument) and values of all live entries, new references.
    pub(crate) fn entries(&self, py: Python<'_>) -> Vec<(Py<PyAny>, Py<PyAny>)> {
        // SAFETY: entries keep their objects alive.
        let owned = |object| unsafe { Bound::from_borrowed_ptr(py, object).unbind() };
        let pairs = |table: &mut Table| {
            let entries = table.live().map(|view| view.entry).filter(|entry| !entry.only().is_null());
            entries.map(|entry| (owned(entry.only()), owned(entry.value))).collect()
        };
        // SAFETY: references are taken in there, none dropped.
        unsafe { self.table.with(pairs) }
    }

    #[inline]
    fn count(&self, count: impl FnOnce(&mut Counts)) {
        // SAFETY: numbers are changed.
        unsafe { self.table.with(|table| count(&mut table.counts)) }
    }
}

/// Chooses who leaves, where that is not the table's own list. The seed only has to differ from that of others.
fn evictor(order: Order, policy: Policy, maxsize: Option<usize>) -> Option<Evictor> {
    const EXPECTED: usize = 1 << 16;
    (order == Order::Policy)
        .then(|| Evictor::new(policy, maxsize.map_or(EXPECTED, |size| size.min(EXPECTED)), 0x6D65_6D6F))
}
