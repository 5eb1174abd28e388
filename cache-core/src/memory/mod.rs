//! The typed in-process tier: values stay `V`, nothing is serialized, and a hit takes no lock.
//!
//! ARCHITECTURE.md explains its parts, and DESIGN.md why a hit needs no lock.

mod cause;
mod departed;
mod expiry;
mod hits;
mod index;
mod limbo;
#[cfg(all(test, loom))]
mod loom_models;
#[cfg(all(test, shuttle))]
mod models;
mod segments;
mod slab;
#[cfg(all(test, not(any(shuttle, loom))))]
mod stress;
mod stripes;
mod table;
#[cfg(all(test, not(any(shuttle, loom))))]
mod tests;
mod writes;

use crate::counts::Calls;
use crate::eviction::{Marks, Policy, Slot};
use crate::key::{Key, Value};
use crate::lock::Lock;
use crate::sync::{AtomicBool, AtomicU32, AtomicU64};
use hashbrown::DefaultHashBuilder;
use index::Index;
use segments::Segments;
use slab::Slab;
use std::fmt;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use stripes::{Clock, Stripes};
use table::Table;

pub use cause::Cause;
pub(crate) use departed::Departed;
pub(crate) use hits::Hit;
pub(crate) use writes::Exchange;

/// The deadline of what does not expire.
pub(crate) const NEVER: u64 = u64::MAX;
/// Up to this bound each thread that hits, of the first some dozens, has a place of its own to note when, for every slot: 8
/// bytes each.
const SMALL: usize = 4096;
/// Slots in the first piece of memory at most; more comes when it is needed.
const PIECE: usize = 1 << 20;
/// Lives of so many microseconds are measured exactly: of longer ones the cheap clock adds 4 % at most.
const BRIEF: u64 = 250_000;
/// Entries that the index of an unbounded tier begins with.
const FEW: usize = if cfg!(any(shuttle, loom)) { 1 } else { 64 };

/// What is called with each entry that leaves, and why.
pub(crate) type Listener<K, V> = Box<dyn Fn(&K, &V, Cause) + Send + Sync>;

/// Entries in slots, an index over them, what hits leave behind, and the books, which are kept under a lock.
pub(crate) struct Memory<K, V> {
    index: Index,
    slab: Slab<K, V>,
    stripes: Stripes,
    /// What a hit has to do: `hits::Mode`.
    mode: AtomicU32,
    /// A hint that nothing is kept; the table knows.
    off: AtomicBool,
    /// Whether an entry with a time to live was ever inserted.
    mortal: AtomicBool,
    /// Whether one was so short that hits must look at the exact time.
    brief: AtomicBool,
    tti: Option<Duration>,
    hasher: DefaultHashBuilder,
    listener: Option<Listener<K, V>>,
    /// When hits on each slot end, inverted, so that memory that was never written says `NEVER`.
    deadlines: Segments<AtomicU64>,
    /// When each slot is not to be served any more, or, with a time to idle, beyond which no use moves the end of hits;
    /// inverted too.
    limits: Segments<AtomicU64>,
    clock: Line<Clock>,
    table: Line<Lock<Table>>,
}

/// On cache lines of its own, because hits read what is beside it.
#[repr(align(128))]
struct Line<T>(T);

/// What bounds a memory tier.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) maxsize: Option<usize>,
    pub(crate) max_weight: Option<u64>,
    pub(crate) policy: Policy,
    /// Time to live since last used.
    pub(crate) tti: Option<Duration>,
}

/// How long an entry may live, and how much room it takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Life {
    /// The time of the insertion, in microseconds of the steady clock.
    pub(crate) now: u64,
    /// When it is to be computed anew.
    pub(crate) due: u64,
    /// When it is not to be served any more.
    pub(crate) limit: u64,
    pub(crate) weight: u64,
}

impl<K: Key, V: Value> Memory<K, V> {
    pub(crate) fn new(bounds: Bounds, hasher: DefaultHashBuilder, listener: Option<Listener<K, V>>, seed: u64) -> Self {
        let table = Table::new(bounds, seed);
        let first = bounds.maxsize.map_or(FEW, |maxsize| table.slots_for(maxsize).min(PIECE));
        let private = if bounds.maxsize.is_some_and(|maxsize| maxsize <= SMALL) { first } else { 0 };
        let entries = bounds.maxsize.map_or(FEW, |maxsize| maxsize.min(PIECE));
        let memory = Memory {
            index: Index::new(entries),
            slab: Slab::new(first),
            stripes: Stripes::new(bounds.policy.build(0, 0).trace(), private),
            mode: AtomicU32::new(0),
            off: AtomicBool::new(bounds.maxsize == Some(0)),
            mortal: AtomicBool::new(false),
            brief: AtomicBool::new(false),
            tti: bounds.tti,
            hasher,
            listener,
            deadlines: Segments::new(first),
            limits: Segments::new(first),
            clock: Line(Clock::default()),
            table: Line(Lock::new(table)),
        };
        memory.set_mode(&memory.table.0.lock());
        memory
    }

    /// Whether there is no room for anything.
    #[inline]
    pub(crate) fn is_off(&self) -> bool {
        self.off.load(Relaxed)
    }

    /// Whether an insertion has to say what time it is, because something may have expired.
    #[inline]
    pub(crate) fn is_mortal(&self) -> bool {
        self.mortal.load(Relaxed)
    }

    /// Whether the cheap clock, which is some milliseconds late, is too late for an entry.
    #[inline]
    pub(crate) fn is_brief(&self) -> bool {
        self.brief.load(Relaxed)
    }

    /// Entries held; what has expired is reclaimed first.
    pub(crate) fn len(&self, now: impl Fn() -> u64) -> usize {
        self.len_and_maxsize(now).0
    }

    /// How many entries were evicted, and how many expired.
    pub(crate) fn evicted_and_expired(&self) -> (u64, u64) {
        let table = self.table.0.lock();
        (table.evicted, table.expired)
    }

    pub(crate) fn reset_counters(&self) {
        let mut table = self.table.0.lock();
        (table.evicted, table.expired) = (0, 0);
    }

    /// The sum of what all threads have counted.
    pub(crate) fn calls(&self) -> Calls {
        self.stripes.calls()
    }

    #[inline]
    pub(crate) fn count_hit(&self) {
        self.count(|stripe| &stripe.hits);
    }

    /// A hit that the backend gave.
    #[inline]
    pub(crate) fn count_backend_hit(&self) {
        self.count_hit();
        self.count(|stripe| &stripe.backend_hits);
    }

    #[inline]
    pub(crate) fn count_miss(&self) {
        self.count(|stripe| &stripe.misses);
    }

    #[inline]
    fn count(&self, which: impl Fn(&stripes::Stripe) -> &AtomicU64) {
        match self.stripes.mine() {
            Some(stripe) => stripes::add(which(stripe)),
            None => self.with_stripe(|stripe| stripes::add(which(stripe))),
        }
    }

    /// Runs `work` with this thread's stripe, however new or nearly dead the thread is.
    #[cold]
    fn with_stripe<R>(&self, work: impl FnOnce(&stripes::Stripe) -> R) -> R {
        self.stripes.with_mine(|| self.table.0.lock(), work)
    }
}

impl<K, V> Marks for Memory<K, V> {
    fn get(&self, slot: Slot) -> u64 {
        let mark = self.slab.mark(slot).load(Relaxed);
        if !self.stripes.has_stamps() {
            return mark;
        }
        self.stripes.latest(slot, mark)
    }

    fn prefetch(&self, slot: Slot) {
        crate::system::prefetch(self.slab.mark(slot));
    }

    fn set(&self, slot: Slot, mark: u64) {
        self.slab.mark(slot).store(mark, Relaxed);
    }
}

impl<K, V> Drop for Memory<K, V> {
    fn drop(&mut self) {
        self.slab.clear(&mut self.table.0.get_mut().occupied);
    }
}

impl<K, V> fmt::Debug for Memory<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Memory").field("table", &*self.table.0.lock()).finish_non_exhaustive()
    }
}

/// `duration` after `now`, on the scale of deadlines.
pub(crate) fn later(now: u64, duration: Duration) -> u64 {
    now.saturating_add(u64::try_from(duration.as_micros()).unwrap_or(NEVER))
}
