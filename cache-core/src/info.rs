//! What a cache has counted.

/// A snapshot of a cache's counters, as returned by `cache_info()`.
///
/// `hits + misses` is the number of calls, exactly, under any number of threads.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct CacheInfo {
    /// Calls answered without computing: from memory, from the backend, or by waiting for another caller's computation.
    pub hits: u64,
    /// Calls that had to compute.
    pub misses: u64,
    /// The bound on entries; `None` is unbounded.
    pub maxsize: Option<usize>,
    /// Entries held now: in the backend if there is one, else in memory. Never above `maxsize`.
    pub currsize: usize,
    /// Hits that waited for another caller's computation instead of repeating it.
    pub coalesced: u64,
    /// Entries that left the memory tier because a bound was reached.
    pub evictions: u64,
    /// Entries that left the memory tier because their time was over.
    pub expired: u64,
    /// Hits that came from the backend.
    pub backend_hits: u64,
    /// Calls answered with a value whose time to live was over, because a new one was under way or failed: see
    /// [`CacheBuilder::stale`](crate::CacheBuilder::stale). While the next try is waited for, hits in memory are counted as
    /// hits alone.
    pub stale: u64,
    /// Faults of the backend, the codec or stored bytes. Each was answered by a miss.
    pub errors: u64,
}
