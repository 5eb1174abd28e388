//! What a cache was told when it was built.

use crate::fault::Report;
use crate::time::Clock;
use hashbrown::DefaultHashBuilder;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;

/// Entries in memory by default where a backend stands behind it.
const IN_FRONT: usize = 1024;
/// How `None` is kept in an atomic.
const UNBOUNDED: usize = usize::MAX;

/// The weight of an entry.
pub(crate) type Weigher<K, V> = Box<dyn Fn(&K, &V) -> u64 + Send + Sync>;

pub(crate) struct Settings<K, V> {
    pub(crate) maxsize: AtomicUsize,
    /// Entries in memory at most where a backend stands behind it.
    pub(crate) memory: Option<usize>,
    pub(crate) ttl: Option<Duration>,
    pub(crate) tti: Option<Duration>,
    /// How long who leads waits for other processes that compute the same key; `None` asks nobody.
    pub(crate) wait: Option<Duration>,
    pub(crate) weigher: Option<Weigher<K, V>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) hasher: DefaultHashBuilder,
    pub(crate) report: Report,
}

impl<K, V> Settings<K, V> {
    pub(crate) fn maxsize(&self) -> Option<usize> {
        Some(self.maxsize.load(Relaxed)).filter(|maxsize| *maxsize != UNBOUNDED)
    }

    pub(crate) fn set_maxsize(&self, maxsize: Option<usize>) {
        self.maxsize.store(maxsize.unwrap_or(UNBOUNDED), Relaxed);
    }

    /// The bound of the memory tier of a cache bounded by `maxsize`.
    pub(crate) fn memory_bound(&self, maxsize: Option<usize>, backed: bool) -> Option<usize> {
        if !backed {
            return maxsize;
        }
        let memory = self.memory.unwrap_or(IN_FRONT);
        Some(maxsize.map_or(memory, |maxsize| maxsize.min(memory)))
    }

    /// Every call computes and is a miss.
    pub(crate) fn disabled(&self) -> bool {
        self.maxsize.load(Relaxed) == 0
    }

    pub(crate) fn expires(&self) -> bool {
        self.ttl.is_some() || self.tti.is_some()
    }

    /// How long a record may lie in the backend unused.
    pub(crate) fn remote_life(&self, own: Option<Duration>) -> Option<Duration> {
        shorter(own.or(self.ttl), self.tti)
    }

    pub(crate) fn weigh(&self, key: &K, value: &V) -> u64 {
        self.weigher.as_ref().map_or(0, |weigher| weigher(key, value))
    }
}

/// The shorter of two times to live, where `None` is for ever.
pub(crate) fn shorter(one: Option<Duration>, other: Option<Duration>) -> Option<Duration> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}
