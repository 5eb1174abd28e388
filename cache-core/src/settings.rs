//! What a cache was told when it was built.

use crate::aging::{Aging, Term};
use crate::bytes::Stamp;
use crate::fault::Report;
use crate::time::{Clock, Timestamp};
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
    /// Nothing, where there is a time to idle.
    pub(crate) aging: Aging,
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

    /// How long a record of a value that is kept for `end` may lie in the backend unused.
    pub(crate) fn remote_life(&self, end: Option<Duration>) -> Option<Duration> {
        shorter(end, self.tti)
    }

    /// How long a value that the backend has is served from `now` on.
    pub(crate) fn rest(&self, stamp: &Stamp, now: Timestamp) -> Term {
        // With an idle time the record's own expiry is an idle one; the time to live counts from when the value was made.
        let end = match self.tti {
            Some(_) if !stamp.own_life => self.ttl.map_or(Timestamp::NEVER, |ttl| stamp.created.after(ttl)),
            _ => stamp.expires,
        };
        self.aging.rest((end != Timestamp::NEVER).then(|| now.until(end)), stamp.cost)
    }

    /// Whether a value of which that is left is to be computed anew, and may be served meanwhile.
    pub(crate) fn is_due(&self, rest: &Term) -> bool {
        self.aging.is_on() && rest.is_due()
    }

    /// How long an old value is served before its computation is tried again.
    pub(crate) fn pause(&self) -> Duration {
        self.aging.pause(self.ttl)
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
