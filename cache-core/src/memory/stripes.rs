//! What each thread writes at a hit: memory of its own, in every cache that it uses.

#![expect(unsafe_code, reason = "a stripe is found by a pointer that its thread has set")]

use super::segments::{Segments, allocate};
use crate::counts::Calls;
use crate::eviction::{EPOCH_BITS, Slot, Trace};
use crate::sync::{AtomicPtr, AtomicU32, AtomicU64, fence, planted};
use crate::system;
use crate::threads;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release, SeqCst};
use std::sync::atomic::compiler_fence;

/// The stripes of one memory tier.
pub(super) struct Stripes {
    near: [AtomicPtr<Stripe>; NEAR],
    far: Segments<AtomicPtr<Stripe>>,
    /// All that were ever made have a lower number.
    used: AtomicU32,
    /// Slots for which each stripe has a place of its own to note the time of a hit.
    private: usize,
    /// Whether hits are logged.
    logged: bool,
}

/// Written by one thread. Two lines, because processors fetch lines in pairs.
#[repr(align(128))]
pub(super) struct Stripe {
    /// One more than the slots that the thread is reading: more than one where a `clone` reads again.
    hazards: [AtomicU32; NESTED],
    /// Readers must fence themselves.
    fenced: bool,
    clock: AtomicU64,
    pub(super) hits: AtomicU64,
    pub(super) misses: AtomicU64,
    /// Those of the hits that the backend gave.
    pub(super) backend_hits: AtomicU64,
    /// When this thread last hit each slot, in a small memory tier: then no hit writes what other threads read.
    stamps: Box<[AtomicU64]>,
    log: Box<[AtomicU32]>,
    /// Hits ever logged, and those of them that the policy was told of.
    logged: AtomicU32,
    told: AtomicU32,
}

/// The clock of a memory tier: it moves with every insertion, and hits run at most [`AHEAD`] before it.
#[derive(Debug)]
pub(super) struct Clock {
    now: AtomicU64,
    /// How far hits have moved it: an insertion at the same instant may overwrite `now`, but not this.
    caught_up: AtomicU64,
}

/// Threads whose stripes are found at once.
const NEAR: usize = if cfg!(any(shuttle, loom)) { 4 } else { 64 };
/// Reads within reads.
const NESTED: usize = 4;
/// Hits that a thread logs before it has to tell them.
const LOG: usize = if cfg!(any(shuttle, loom)) { 2 } else { 256 };
/// A thread that has hit so often since the last insertion shares its clock.
const AHEAD: u64 = 1 << (EPOCH_BITS - 1);

/// Adds without a locked instruction: exact, because one thread alone writes.
#[inline(always)]
pub(super) fn add(counter: &AtomicU64) {
    counter.store(counter.load(Relaxed).wrapping_add(1), Relaxed);
}

impl Default for Clock {
    fn default() -> Self {
        Clock { now: AtomicU64::new(1 << EPOCH_BITS), caught_up: AtomicU64::new(0) }
    }
}

impl Clock {
    #[inline(always)]
    pub(super) fn now(&self) -> u64 {
        // Acquire pairs with the Release in `catch_up`.
        self.now.load(Acquire)
    }

    /// Moves on to the time of an insertion, which is later than every hit before it: this one. For who holds the lock.
    #[inline]
    pub(super) fn tick(&self) -> u64 {
        let caught_up = if planted("lost clock") { 0 } else { self.caught_up.load(Relaxed) };
        let now = self.now.load(Relaxed).max(caught_up);
        let lead = if planted("clock without a lead") { 0 } else { AHEAD };
        let next = (((now + lead) >> EPOCH_BITS) + 1) << EPOCH_BITS;
        self.now.store(next, Relaxed);
        next
    }

    /// Moves to the clock of a thread that has hit so often since the last insertion.
    fn catch_up(&self, clock: u64) {
        self.caught_up.fetch_max(clock, Relaxed);
        // Release pairs with the Acquire in `now`: after a hit that this allows, an insertion sees the one above.
        self.now.fetch_max(clock, Release);
    }
}

impl Stripes {
    /// For a policy to which hits leave `trace`; `slots` of them find a place for their stamps in each stripe.
    pub(super) fn new(trace: Trace, slots: usize) -> Self {
        let private = if trace == Trace::Stamp { slots } else { 0 };
        let near = std::array::from_fn(|_| AtomicPtr::new(std::ptr::null_mut()));
        Stripes { near, far: Segments::new(NEAR), used: AtomicU32::new(0), private, logged: trace == Trace::Log }
    }

    /// Whether stripes have stamps of their own.
    #[inline]
    pub(super) fn has_stamps(&self) -> bool {
        self.private > 0
    }

    /// When `slot` was last hit, as far as stripes have noted; `mark` if that is later.
    #[inline(never)]
    pub(super) fn latest(&self, slot: Slot, mark: u64) -> u64 {
        // Others have none: see `stripe`.
        let near = (0..NEAR.min(self.used.load(Acquire) as usize)).filter_map(|number| self.of(number));
        near.fold(mark, |latest, stripe| latest.max(stripe.stamped(slot)))
    }

    /// The sums of what all threads have counted.
    pub(super) fn calls(&self) -> Calls {
        self.all().fold(Calls::default(), |calls, stripe| Calls {
            hits: calls.hits + stripe.hits.load(Relaxed),
            misses: calls.misses + stripe.misses.load(Relaxed),
            backend_hits: calls.backend_hits + stripe.backend_hits.load(Relaxed),
        })
    }

    /// The stripe of this thread, if it has one.
    #[inline]
    pub(super) fn mine(&self) -> Option<&Stripe> {
        self.of(threads::number())
    }

    /// Runs `work` with the stripe of this thread, made now if need be: then `alone` keeps others from making theirs.
    pub(super) fn with_mine<R, L>(&self, alone: impl FnOnce() -> L, work: impl FnOnce(&Stripe) -> R) -> R {
        threads::with_number(|number| {
            if self.of(number).is_none() {
                let _alone = alone();
                if number >= NEAR {
                    self.far.reserve(number - NEAR);
                }
                if let Some(place) = self.place(number) {
                    // Of the many threads of a large pool none has stamps: who evicts would have to look at all of them.
                    let slots = if number < NEAR { self.private } else { 0 };
                    place.store(Box::into_raw(Box::new(self.stripe(slots))), Release);
                }
                self.used.store(self.used.load(Relaxed).max(number as u32 + 1), Release);
            }
            work(self.of(number).expect("made above, and never taken away"))
        })
    }

    /// Every stripe.
    pub(super) fn all(&self) -> impl Iterator<Item = &Stripe> {
        (0..self.used.load(Acquire)).filter_map(|number| self.of(number as usize))
    }

    /// Whether only this thread can be reading, as no other has a stripe.
    pub(super) fn only_mine(&self) -> bool {
        let mine = self.mine().map(std::ptr::from_ref);
        self.all().all(|stripe| Some(std::ptr::from_ref(stripe)) == mine)
    }

    /// As [`mine`](Self::mine), for a thread with a small number in the common case.
    #[inline(always)]
    pub(super) fn mine_near(&self) -> Option<&Stripe> {
        let stripe = self.near.get(threads::usual_number())?.load(Acquire);
        // SAFETY: as in `of`.
        unsafe { stripe.as_ref() }
    }

    fn of(&self, number: usize) -> Option<&Stripe> {
        let stripe = self.place(number)?.load(Acquire);
        // SAFETY: null, or a box that lives as long as we do. Acquire pairs with the Release in `with_mine`.
        unsafe { stripe.as_ref() }
    }

    fn place(&self, number: usize) -> Option<&AtomicPtr<Stripe>> {
        if number < NEAR { self.near.get(number) } else { self.far.get(number - NEAR) }
    }

    fn stripe(&self, slots: usize) -> Stripe {
        let boxed = |first: *mut AtomicU64, length| {
            // SAFETY: from `allocate`, with this length, and used nowhere else.
            unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(first, length)) }
        };
        let stamps = if slots == 0 { Box::default() } else { boxed(allocate(slots), slots) };
        let log = if self.logged { LOG } else { 0 };
        Stripe {
            hazards: std::array::from_fn(|_| AtomicU32::new(0)),
            fenced: !system::has_asymmetric_fence(),
            clock: AtomicU64::new(0),
            hits: AtomicU64::new(0),
            misses: AtomicU64::new(0),
            backend_hits: AtomicU64::new(0),
            stamps,
            log: (0..log).map(|_| AtomicU32::new(0)).collect(),
            logged: AtomicU32::new(0),
            told: AtomicU32::new(0),
        }
    }
}

impl Drop for Stripes {
    fn drop(&mut self) {
        for number in 0..self.used.load(Acquire) {
            let stripe = self.place(number as usize).map(|place| place.load(Acquire));
            if let Some(stripe) = stripe.filter(|stripe| !stripe.is_null()) {
                // SAFETY: from `Box::into_raw`, dropped once; `&mut self` means that no thread uses it.
                drop(unsafe { Box::from_raw(stripe) });
            }
        }
    }
}

/// The right to read the entry of one slot: it stays where it is until this is dropped.
#[must_use]
pub(super) struct Reading<'a> {
    hazard: &'a AtomicU32,
    /// One more than the slot.
    word: u32,
}

impl<'a> Reading<'a> {
    #[inline(always)]
    pub(super) fn slot(&self) -> Slot {
        self.word.wrapping_sub(1)
    }
}

impl Drop for Reading<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        // Release pairs with the Acquire in `hazards`: our reads are over before the slot is emptied.
        self.hazard.store(0, Release);
    }
}

impl Stripe {
    /// Prepares to read; `None` within too many reads of the same thread.
    pub(super) fn hazard(&self) -> Option<Hazard<'_>> {
        let free = self.hazards.iter().find(|hazard| hazard.load(Relaxed) == 0)?;
        Some(Hazard { hazard: free, fenced: self.fenced })
    }

    /// As [`hazard`](Self::hazard) within no other read.
    #[inline(always)]
    pub(super) fn hazard_near(&self) -> Option<Hazard<'_>> {
        let free = &self.hazards[0];
        (free.load(Relaxed) == 0).then_some(Hazard { hazard: free, fenced: self.fenced })
    }

    /// The slots that the thread may be reading.
    pub(super) fn hazards(&self) -> impl Iterator<Item = Slot> {
        self.hazards.iter().filter_map(|hazard| hazard.load(Acquire).checked_sub(1))
    }

    /// Notes that `slot` was hit now. `false` if the shared clock is so far behind that it must be moved first.
    #[inline(always)]
    pub(super) fn stamp(&self, slot: Slot, mark: &AtomicU64, shared: &Clock) -> bool {
        let epoch = shared.now();
        let tick = self.clock.load(Relaxed).max(epoch) + 1;
        if tick - epoch >= AHEAD {
            return false;
        }
        self.clock.store(tick, Relaxed);
        self.stamps.get(slot as usize).unwrap_or(mark).store(tick, Relaxed);
        true
    }

    /// As [`stamp`](Self::stamp); moves the shared clock where it must, so that the next insertion is later than every hit of
    /// this thread.
    pub(super) fn stamp_and_share(&self, slot: Slot, mark: &AtomicU64, shared: &Clock) {
        while !self.stamp(slot, mark, shared) {
            shared.catch_up(self.clock.load(Relaxed));
        }
    }

    /// Whether its thread notes by itself when it hits.
    #[cfg(all(test, not(any(shuttle, loom))))]
    pub(super) fn has_stamps(&self) -> bool {
        !self.stamps.is_empty()
    }

    /// When this thread last hit `slot`, if it notes that by itself.
    #[inline]
    fn stamped(&self, slot: Slot) -> u64 {
        self.stamps.get(slot as usize).map_or(0, |stamp| stamp.load(Relaxed))
    }

    /// Logs a hit on `slot`. `false` if the log is full.
    #[inline]
    pub(super) fn log(&self, slot: Slot) -> bool {
        let logged = self.logged.load(Relaxed);
        if logged.wrapping_sub(self.told.load(Acquire)) as usize >= self.log.len() {
            return false;
        }
        if planted("logged too early") {
            self.logged.store(logged.wrapping_add(1), Release);
        }
        self.log[logged as usize % LOG].store(slot, Relaxed);
        // Release pairs with the Acquire in `tell`.
        self.logged.store(logged.wrapping_add(1), Release);
        true
    }

    /// Hands out the hits that were logged since the last time. Not for two threads at once.
    #[inline]
    pub(super) fn tell(&self, mut touch: impl FnMut(Slot)) {
        let (mut told, logged) = (self.told.load(Relaxed), self.logged.load(Acquire));
        while told != logged {
            if planted("told too early") {
                self.told.store(logged, Release);
            }
            touch(self.log[told as usize % LOG].load(Relaxed));
            told = told.wrapping_add(1);
        }
        // Release pairs with the Acquire in `log`: a place is read before it is written again.
        self.told.store(told, Release);
    }
}

/// A place to say what is read.
pub(super) struct Hazard<'a> {
    hazard: &'a AtomicU32,
    fenced: bool,
}

impl<'a> Hazard<'a> {
    /// Protects the slot that `way` names; `None` if there is none any more.
    pub(super) fn protect(&self, way: &AtomicU32) -> Option<Reading<'a>> {
        // Acquire pairs with the Release in `Place::free`: whoever was moved away is seen where it is now.
        while way.load(if planted("stale way") { Relaxed } else { Acquire }) != 0 {
            if let Some(reading) = self.try_protect(way)
                && reading.word != 0
            {
                return Some(reading);
            }
        }
        None
    }

    /// As [`protect`](Self::protect), but `None` if the slot changes meanwhile, and no slot at all if there is none any more.
    #[inline(always)]
    pub(super) fn try_protect(&self, way: &AtomicU32) -> Option<Reading<'a>> {
        let word = way.load(Relaxed);
        // Release, here and below: who sees this and not the end of our last reading must still see that over.
        self.hazard.store(word, if planted("hidden end") { Relaxed } else { Release });
        // Pairs with the fence in `Limbo::sort`: either our hazard is seen there, or we see that the slot is out of the
        // index. Where that one fences all threads, ours only has to keep the compiler from reordering.
        if self.fenced && !planted("no fence") {
            fence(SeqCst);
        } else {
            compiler_fence(SeqCst);
        }
        // Acquire pairs with the Release in `Index::link`: the entry is there.
        if way.load(Acquire) == word || planted("no second look") {
            return Some(Reading { hazard: self.hazard, word });
        }
        self.hazard.store(0, Release);
        None
    }
}
