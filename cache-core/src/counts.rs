//! Counters that threads do not fight over: one shared counter costs more than the whole lookup.

use crate::sync::{AtomicU64, Mutex, global};
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// Threads that count without a locked instruction; any further ones share the last stripe.
const STRIPES: usize = 32;

/// The counters of one cache. Sums are exact; they are made when asked for.
#[derive(Debug)]
pub(crate) struct Counts {
    stripes: Box<[Stripe]>,
    pub(crate) coalesced: AtomicU64,
    pub(crate) backend_hits: AtomicU64,
    /// Shared with the writer of `writes = Behind`.
    pub(crate) errors: Arc<AtomicU64>,
    /// What the hits and misses were when the counters were last cleared: a stripe is written by its thread alone.
    cleared: Mutex<(u64, u64)>,
}

/// Two cache lines, because processors fetch lines in pairs.
#[derive(Debug, Default)]
#[repr(align(128))]
struct Stripe {
    hits: AtomicU64,
    misses: AtomicU64,
}

impl Default for Counts {
    fn default() -> Self {
        Counts {
            stripes: (0..=STRIPES).map(|_| Stripe::default()).collect(),
            coalesced: AtomicU64::new(0),
            backend_hits: AtomicU64::new(0),
            errors: Arc::new(AtomicU64::new(0)),
            cleared: Mutex::new((0, 0)),
        }
    }
}

impl Counts {
    #[inline]
    pub(crate) fn hit(&self) {
        self.count(|stripe| &stripe.hits);
    }

    #[inline]
    pub(crate) fn miss(&self) {
        self.count(|stripe| &stripe.misses);
    }

    /// Hits and misses since the last `clear`.
    pub(crate) fn calls(&self) -> (u64, u64) {
        let cleared = *self.cleared.lock();
        let (hits, misses) = self.sums();
        (hits.saturating_sub(cleared.0), misses.saturating_sub(cleared.1))
    }

    /// Calls since the beginning, whatever was cleared.
    pub(crate) fn calls_ever(&self) -> u64 {
        let (hits, misses) = self.sums();
        hits + misses
    }

    pub(crate) fn clear(&self) {
        let mut cleared = self.cleared.lock();
        *cleared = self.sums();
        [&self.coalesced, &self.backend_hits, &self.errors].iter().for_each(|counter| counter.store(0, Relaxed));
    }

    fn sums(&self) -> (u64, u64) {
        self.stripes.iter().fold((0, 0), |(hits, misses), stripe| {
            (hits + stripe.hits.load(Relaxed), misses + stripe.misses.load(Relaxed))
        })
    }

    #[inline]
    fn count(&self, which: impl Fn(&Stripe) -> &AtomicU64) {
        let thread = NUMBER.try_with(Cell::get).unwrap_or(STRIPES);
        let counter = which(&self.stripes[thread.min(STRIPES)]);
        if thread < STRIPES {
            // No other thread has this number while we live, so nothing is lost between the load and the store.
            counter.store(counter.load(Relaxed) + 1, Relaxed);
        } else {
            self.count_late(which, thread);
        }
    }

    #[cold]
    fn count_late(&self, which: impl Fn(&Stripe) -> &AtomicU64, thread: usize) {
        if thread == UNKNOWN && number() < STRIPES {
            return self.count(which);
        }
        which(&self.stripes[STRIPES]).fetch_add(1, Relaxed);
    }
}

const UNKNOWN: usize = usize::MAX;

global!(FREE: Numbers);

/// The numbers below `next` that no living thread has.
struct Numbers {
    returned: Vec<usize>,
    next: usize,
}

impl Numbers {
    const fn new() -> Self {
        Numbers { returned: Vec::new(), next: 0 }
    }
}

/// Returns the number when the thread ends. The lock orders its last store before the next owner's first load.
struct Returned(usize);

impl Drop for Returned {
    fn drop(&mut self) {
        // Destructors that run after this one count on the shared stripe.
        let _ = NUMBER.try_with(|number| number.set(STRIPES));
        FREE.lock().returned.push(self.0);
    }
}

crate::sync::thread_local! {
    static NUMBER: Cell<usize> = const { Cell::new(UNKNOWN) };
    static OWNED: Cell<Option<Returned>> = const { Cell::new(None) };
}

/// This thread's number: small, and its own for as long as it lives.
fn number() -> usize {
    let mut free = FREE.lock();
    let mine = free.returned.pop().unwrap_or_else(|| {
        free.next += 1;
        free.next - 1
    });
    drop(free);
    let owned = OWNED.try_with(|owned| owned.set(Some(Returned(mine))));
    let mine = if owned.is_ok() { mine } else { STRIPES };
    let _ = NUMBER.try_with(|number| number.set(mine));
    mine
}
