//! How a cache is told that its entries are to be refreshed before anybody has to wait for it.

use super::CacheBuilder;
use crate::key::{Key, Value};
use std::time::Duration;

impl<K: Key, V: Value> CacheBuilder<K, V> {
    /// Shortens the time to live of each entry by a share of it, drawn evenly from 0 to `jitter`: so that what was stored
    /// together does not expire together. 0.1 is 10 %, 1 all of it; none by default.
    ///
    /// Only what has a [`ttl`](Self::ttl), or one of its own, has something to shorten; with a [`tti`](Self::tti) this
    /// does nothing.
    ///
    /// ```
    /// use memolith_core::{Cache, ManualClock};
    /// use std::{sync::Arc, time::Duration};
    ///
    /// let clock = Arc::new(ManualClock::default());
    /// let cache = Cache::<u64, u64>::builder()
    ///     .maxsize(1_000)
    ///     .ttl(Duration::from_secs(100))
    ///     .jitter(0.2)
    ///     .clock(clock.clone())
    ///     .build();
    /// (0..1_000).for_each(|key| cache.insert(key, key));
    /// clock.advance(Duration::from_secs(80));
    /// assert_eq!(cache.len(), 1_000);
    /// clock.advance(Duration::from_secs(10));
    /// assert!((300..700).contains(&cache.len()));
    /// ```
    pub fn jitter(mut self, jitter: f64) -> Self {
        self.aging.set_jitter(jitter);
        self
    }

    /// Refreshes an entry a little before its time to live is over, the earlier the longer it took to compute: then the
    /// first caller computes it anew, and all others are served the old value meanwhile instead of waiting.
    ///
    /// How early is drawn for each entry and process: `beta` times its cost, times one and an exponential number, so
    /// twice its cost on average where `beta` is 1, which is a good choice; more is earlier. So of many processes one is
    /// the first to refresh what all of them use, and they do not do it at once. It is XFetch (Vattani, Chierichetti and
    /// Lowenstein, [Optimal Probabilistic Cache Stampede
    /// Prevention](https://www.vldb.org/pvldb/vol8/p886-vattani.pdf), VLDB 2015) with one draw instead of one for each
    /// read. What a value cost is kept with it in a backend; what was inserted by hand cost nothing, and is not early.
    ///
    /// If the computation fails, its caller gets the old value too, as with [`stale`](Self::stale), which says the rest.
    /// Only what has a [`ttl`](Self::ttl), or one of its own, can be early; with a [`tti`](Self::tti) this does
    /// nothing. Hits cost nothing more; a miss asks the clock twice.
    ///
    /// ```
    /// use memolith_core::{Cache, ManualClock};
    /// use std::{sync::Arc, time::Duration};
    ///
    /// let clock = Arc::new(ManualClock::default());
    /// let hour = Duration::from_secs(3600);
    /// let cache = Cache::<u64, u64>::builder().ttl(hour).early_refresh(1.0).clock(clock.clone()).build();
    /// let slow = |value| {
    ///     clock.advance(Duration::from_secs(5));
    ///     value
    /// };
    /// assert_eq!(cache.get_or_insert_with(&1, || slow(1)), 1);
    /// // Less than a cost before its end it is computed anew.
    /// clock.advance(hour - Duration::from_secs(4));
    /// assert_eq!(cache.get_or_insert_with(&1, || slow(2)), 2);
    /// ```
    pub fn early_refresh(mut self, beta: f64) -> Self {
        self.aging.set_early(beta);
        self
    }

    /// After its time to live an entry may be served for `stale` more: while one caller computes it anew, to all others,
    /// who need not wait; and where that fails, to its caller as well. Nothing is served after that. None by default.
    ///
    /// A computation fails when it returns an error that is not kept, as in
    /// [`try_get_or_insert_with`](crate::Cache::try_get_or_insert_with) and functions that return `Result`, and where
    /// [`Lease::fail`](crate::Lease::fail) says so. Then memory serves the old value, and the next caller computes
    /// after a second, or a tenth of `stale` if that is shorter. A panic goes to its caller, and the next one
    /// computes. What a condition does not keep (`cache_if`) is returned, and leaves the old value in its place.
    ///
    /// Nothing runs in the background: the first caller after the time to live computes, and waits for it. With a backend
    /// and [`wait`](Self::wait), who finds that another process computes the key is served the old value, and looks
    /// again as after a failure. [`Cache::get`](crate::Cache::get) returns old values too, and `len` counts them; removing
    /// a key removes its old value, and [`on_evict`](Self::on_evict) hears that it has expired when that time is over too.
    /// Served after its time to live, a value counts in
    /// [`CacheInfo::stale`](crate::CacheInfo::stale).
    ///
    /// Only what has a [`ttl`](Self::ttl), or one of its own, can be old; with a [`tti`](Self::tti) this does
    /// nothing. Hits cost nothing more.
    ///
    /// ```
    /// use memolith_core::{Cache, ManualClock};
    /// use std::{sync::Arc, time::Duration};
    ///
    /// let (clock, second) = (Arc::new(ManualClock::default()), Duration::from_secs(1));
    /// let cache = Cache::<u64, &str>::builder().ttl(second).stale(second * 60).clock(clock.clone()).build();
    /// cache.insert(1, "old");
    /// clock.advance(second * 2);
    /// assert_eq!(cache.try_get_or_insert_with(&1, || Err("the source is away")), Ok("old"));
    /// clock.advance(second * 60);
    /// assert_eq!(cache.try_get_or_insert_with(&1, || Err("the source is away")), Err("the source is away"));
    /// ```
    pub fn stale(mut self, stale: Duration) -> Self {
        self.aging.set_stale(stale);
        self
    }
}
