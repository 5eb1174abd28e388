//! Counters of one cache beside hits and misses, which the memory tier counts.

use crate::sync::{AtomicU64, Mutex};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// Rare events: one shared counter each.
#[derive(Debug)]
pub(crate) struct Counts {
    pub(crate) coalesced: AtomicU64,
    pub(crate) backend_hits: AtomicU64,
    /// Shared with the writer of `writes = Behind`.
    pub(crate) errors: Arc<AtomicU64>,
    /// What the hits and misses were when the counters were last cleared: each thread counts its own, for ever.
    cleared: Mutex<(u64, u64)>,
}

impl Default for Counts {
    fn default() -> Self {
        Counts {
            coalesced: AtomicU64::new(0),
            backend_hits: AtomicU64::new(0),
            errors: Arc::new(AtomicU64::new(0)),
            cleared: Mutex::new((0, 0)),
        }
    }
}

impl Counts {
    /// Of all hits and misses, `calls`, those since the last `clear`.
    pub(crate) fn since_cleared(&self, calls: impl Fn() -> (u64, u64)) -> (u64, u64) {
        let cleared = *self.cleared.lock();
        let (hits, misses) = calls();
        (hits.saturating_sub(cleared.0), misses.saturating_sub(cleared.1))
    }

    pub(crate) fn clear(&self, calls: impl Fn() -> (u64, u64)) {
        let mut cleared = self.cleared.lock();
        *cleared = calls();
        [&self.coalesced, &self.backend_hits, &self.errors].iter().for_each(|counter| counter.store(0, Relaxed));
    }
}
