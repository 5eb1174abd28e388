//! What a scope counts.

use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// What was asked inside of a [`Scope`](crate::Scope), and what became of it. The fields mean what those of the same name
/// mean in [`CacheInfo`](crate::CacheInfo); `hits + misses` is the number of calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct ScopeStats {
    /// Calls answered without computing.
    pub hits: u64,
    /// Calls that found nothing: those that computed, those that must not, and each `get` that returned `None`.
    pub misses: u64,
    /// Misses that began to compute.
    pub computed: u64,
    /// Hits that waited for another caller's computation.
    pub coalesced: u64,
    /// Hits that came from the backend.
    pub backend_hits: u64,
    /// Faults of the backend, the codec or stored bytes. Those of `writes = Behind`, which come later, are nobody's.
    pub errors: u64,
}

/// What is counted.
#[derive(Clone, Copy, Debug)]
pub enum Event {
    /// A hit.
    Hit,
    /// A hit that came from the backend.
    BackendHit,
    /// A hit that waited.
    Coalesced,
    /// A miss.
    Miss,
    /// A miss that computes.
    Computed,
    /// A miss that was counted as one computes after all.
    Begun,
    /// A fault.
    Error,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    hits: AtomicU64,
    misses: AtomicU64,
    computed: AtomicU64,
    coalesced: AtomicU64,
    backend_hits: AtomicU64,
    errors: AtomicU64,
}

impl Counters {
    pub(super) fn count(&self, event: Event) {
        let (one, other) = match event {
            Event::Hit => (&self.hits, None),
            Event::BackendHit => (&self.hits, Some(&self.backend_hits)),
            Event::Coalesced => (&self.hits, Some(&self.coalesced)),
            Event::Miss => (&self.misses, None),
            Event::Computed => (&self.misses, Some(&self.computed)),
            Event::Begun => (&self.computed, None),
            Event::Error => (&self.errors, None),
        };
        one.fetch_add(1, Relaxed);
        other.map(|other| other.fetch_add(1, Relaxed));
    }

    pub(super) fn stats(&self) -> ScopeStats {
        ScopeStats {
            hits: self.hits.load(Relaxed),
            misses: self.misses.load(Relaxed),
            computed: self.computed.load(Relaxed),
            coalesced: self.coalesced.load(Relaxed),
            backend_hits: self.backend_hits.load(Relaxed),
            errors: self.errors.load(Relaxed),
        }
    }
}
