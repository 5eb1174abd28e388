//! Counters of one cache beside hits and misses, which the memory tier counts.

use crate::sync::{AtomicU64, Mutex};
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// What each thread counts for itself, summed up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Calls {
    pub(crate) hits: u64,
    pub(crate) misses: u64,
    /// Those of the hits that the backend gave.
    pub(crate) backend_hits: u64,
}

/// Rare events: one shared counter each.
#[derive(Debug)]
pub(crate) struct Counts {
    pub(crate) coalesced: AtomicU64,
    pub(crate) stale: AtomicU64,
    /// Shared with the writer of `writes = Behind`.
    pub(crate) errors: Arc<AtomicU64>,
    /// What the calls were when the counters were last cleared: each thread counts its own, for ever.
    cleared: Mutex<Calls>,
}

impl Default for Counts {
    fn default() -> Self {
        Counts {
            coalesced: AtomicU64::new(0),
            stale: AtomicU64::new(0),
            errors: Arc::new(AtomicU64::new(0)),
            cleared: Mutex::new(Calls::default()),
        }
    }
}

impl Counts {
    /// Of all `calls` those since the last `clear`.
    pub(crate) fn since_cleared(&self, calls: impl Fn() -> Calls) -> Calls {
        let cleared = *self.cleared.lock();
        let calls = calls();
        Calls {
            hits: calls.hits.saturating_sub(cleared.hits),
            misses: calls.misses.saturating_sub(cleared.misses),
            backend_hits: calls.backend_hits.saturating_sub(cleared.backend_hits),
        }
    }

    pub(crate) fn clear(&self, calls: impl Fn() -> Calls) {
        let mut cleared = self.cleared.lock();
        *cleared = calls();
        [&self.coalesced, &self.stale, &self.errors].iter().for_each(|counter| counter.store(0, Relaxed));
    }
}
