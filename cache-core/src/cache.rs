//! The cache: the one path of a call, for threads and tasks side by side.

mod begin;
mod follow;
mod fresh;
mod look;
mod old;

pub(crate) use begin::Begin;

use crate::counts::Counts;
use crate::error::Result;
use crate::flights::{Caller, Flights};
use crate::info::CacheInfo;
use crate::key::{Key, KeyRef, Value};
use crate::lease::{Fetched, Lease};
use crate::memory::{Hit, Memory, NEVER};
use crate::remote::Remote;
use crate::settings::Settings;
use crate::stop::{Never, Stop};
use crate::store::Store;
use crate::studies::Studies;
use crate::tags::Tagging;
use std::fmt;
use std::future::Future;
use std::hash::BuildHasher;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;

/// A typed memory tier, in front of a [`Backend`](crate::Backend) if one is given.
///
/// Every method takes `&self` and may be called from any thread. A hit is a clone of the value.
/// Made by [`builder`](Self::builder); behind a function by `#[lru_cache]`.
///
/// No lock is held while a function, a codec, a backend, a callback, or the clone or the drop of a value runs; only `Eq`,
/// `Hash` and `Clone` of the key may run under one, and those must not call the cache they are in: it would wait for
/// itself. A clone of a value may; where clones look into the cache within one another, the fifth finds nothing.
///
/// ```
/// use memolith_core::Cache;
///
/// let squares = Cache::<u64, u64>::builder().maxsize(1_000).build();
/// assert_eq!(squares.get_or_insert_with(&12, || 12 * 12), 144);
/// assert_eq!(squares.get(&12), Some(144));
/// assert_eq!(squares.info().hits, 1);
/// ```
pub struct Cache<K: Key, V: Value> {
    pub(crate) memory: Memory<K, V>,
    pub(crate) flights: Arc<Flights<K, V>>,
    pub(crate) remote: Option<Remote<K, V>>,
    pub(crate) counts: Counts,
    pub(crate) studies: Studies,
    /// Where entries carry tags.
    pub(crate) tagging: Option<Arc<Tagging<K, V>>>,
    /// Whether anybody else can have something leave memory: one look at it is all that other caches pay.
    pub(crate) hears: bool,
    pub(crate) settings: Settings<K, V>,
}

/// What [`Cache::lookup`] found: the value, or the right, and the duty, to produce it.
#[derive(Debug)]
#[must_use = "a miss is a lease: fill it, or drop it to let another caller compute"]
pub enum Lookup<'a, K: Key, V: Value> {
    /// The value.
    Hit(V),
    /// Nobody has it and nobody else computes it: the caller does.
    Miss(Lease<'a, K, V>),
}

impl<K: Key, V: Value> Cache<K, V> {
    /// The value, or the lease of its computation.
    ///
    /// Blocks while another caller computes the same key, unless waiting would never end (the same thread asks again,
    /// or the other computation waits for this one): then the miss is given at once, and its value is kept nowhere.
    #[inline]
    pub fn lookup<Q: KeyRef<K> + ?Sized>(&self, key: &Q) -> Lookup<'_, K, V> {
        let hash = self.hash(key);
        match self.hit(hash, key) {
            Some(hit) => Lookup::Hit(V::clone(&hit)),
            None => self.lookup_cold(hash, key),
        }
    }

    #[inline(always)]
    pub(crate) fn hash<Q: KeyRef<K> + ?Sized>(&self, key: &Q) -> u64 {
        self.settings.hasher.hash_one(key)
    }

    /// What [`lookup`](Self::lookup) does after the common case.
    #[inline(never)]
    pub(crate) fn lookup_cold<Q: KeyRef<K> + ?Sized>(&self, hash: u64, key: &Q) -> Lookup<'_, K, V> {
        let Ok(lookup) = self.lookup_until(hash, key, &Never);
        lookup
    }

    /// The same for a thread that leaves when `stop` says so, and then has counted nothing.
    #[inline]
    pub(crate) fn lookup_until<Q: KeyRef<K> + ?Sized, S: Stop>(
        &self,
        hash: u64,
        key: &Q,
        stop: &S,
    ) -> Result<Lookup<'_, K, V>, S::Left> {
        if let Some(value) = self.find_again(hash, key).or_else(|| self.find_near(hash, key)) {
            return Ok(Lookup::Hit(value));
        }
        let mode = self.mode();
        loop {
            let begun = match self.lead(hash, key, (Caller::Thread, mode)) {
                Ok(lease) => return Ok(self.miss(lease, mode)),
                Err(begun) => begun,
            };
            match begun {
                Begin::Hit(value) => return Ok(Lookup::Hit(value)),
                Begin::Miss(lease) => return Ok(self.miss(lease, mode)),
                Begin::Follow(flight) => {
                    let ticket = flight.ticket();
                    let Ok(follower) = self.follow(flight) else { return Ok(self.miss(Lease::alone(self), mode)) };
                    let outcome = follower.wait(stop)?;
                    if let Some(value) = self.followed(hash, key, ticket, outcome) {
                        return Ok(Lookup::Hit(value));
                    }
                }
                Begin::Lead { mut lease, ask } => {
                    let fetched = if ask { lease.fetch_or_claim(stop)? } else { Fetched::Nothing };
                    let (lookup, storing) = self.settled(lease, fetched, mode);
                    storing.map(|storing| self.report(storing.run()));
                    return Ok(lookup);
                }
            }
        }
    }

    /// As [`lookup`](Self::lookup), for tasks: it waits without blocking the executor.
    ///
    /// Cancelling the future is safe at every point. Await what fills the lease inside of [`Lease::drive`].
    pub async fn lookup_async<Q: KeyRef<K> + ?Sized>(&self, key: &Q) -> Lookup<'_, K, V> {
        let hash = self.settings.hasher.hash_one(key);
        if let Some(value) = self.find(hash, key).or_else(|| self.find_near(hash, key)) {
            return Lookup::Hit(value);
        }
        let mode = self.mode();
        self.prepare(mode).await;
        loop {
            match self.begin(hash, key, (Caller::Task, mode)) {
                Begin::Hit(value) => return Lookup::Hit(value),
                Begin::Miss(lease) => return self.miss(lease, mode),
                Begin::Follow(flight) => {
                    let ticket = flight.ticket();
                    let Ok(follower) = self.follow(flight) else { return self.miss(Lease::alone(self), mode) };
                    let outcome = follower.await;
                    if let Some(value) = self.followed(hash, key, ticket, outcome) {
                        return Lookup::Hit(value);
                    }
                }
                Begin::Lead { mut lease, ask } => {
                    let fetched = if ask { lease.fetch_or_claim_async().await } else { Fetched::Nothing };
                    let (lookup, storing) = self.settled(lease, fetched, mode);
                    if let Some(storing) = storing {
                        self.report(storing.run_async().await);
                    }
                    return lookup;
                }
            }
        }
    }

    /// The value, computed at a miss. Concurrent callers of one key compute once.
    pub fn get_or_insert_with<Q: KeyRef<K> + ?Sized>(&self, key: &Q, compute: impl FnOnce() -> V) -> V {
        let hash = self.hash(key);
        if let Some(hit) = self.hit(hash, key) {
            return V::clone(&hit);
        }
        self.find_or_insert_with(hash, key, compute)
    }

    /// The rest of it, apart, so that a hit saves no registers for it.
    #[inline(never)]
    fn find_or_insert_with<Q: KeyRef<K> + ?Sized>(&self, hash: u64, key: &Q, compute: impl FnOnce() -> V) -> V {
        match self.lookup_cold(hash, key) {
            Lookup::Hit(value) => value,
            Lookup::Miss(lease) => lease.fill(compute()),
        }
    }

    /// As [`get_or_insert_with`](Self::get_or_insert_with) for tasks. Cancelled while it computes, it leaves that to
    /// another caller; while it writes, as [`Lease::fill_async`] has it.
    pub async fn get_or_insert_async<Q, F>(&self, key: &Q, compute: impl FnOnce() -> F) -> V
    where
        Q: KeyRef<K> + ?Sized,
        F: Future<Output = V>,
    {
        match self.lookup_async(key).await {
            Lookup::Hit(value) => value,
            Lookup::Miss(lease) => {
                let value = lease.drive(compute()).await;
                lease.fill_async(value).await
            }
        }
    }

    /// The value, computed at a miss; an error is returned and not kept, and a caller who waited computes in turn.
    /// Instead of an error an old value is returned that may still be served: see [`Lease::fail`].
    ///
    /// # Errors
    /// Those of `compute`.
    pub fn try_get_or_insert_with<Q: KeyRef<K> + ?Sized, E>(
        &self,
        key: &Q,
        compute: impl FnOnce() -> Result<V, E>,
    ) -> Result<V, E> {
        match self.lookup(key) {
            Lookup::Hit(value) => Ok(value),
            Lookup::Miss(lease) => match compute() {
                Ok(value) => Ok(lease.fill(value)),
                Err(error) => lease.fail().ok_or(error),
            },
        }
    }

    /// As [`try_get_or_insert_with`](Self::try_get_or_insert_with) for tasks.
    ///
    /// # Errors
    /// Those of `compute`.
    pub async fn try_get_or_insert_async<Q, F, E>(&self, key: &Q, compute: impl FnOnce() -> F) -> Result<V, E>
    where
        Q: KeyRef<K> + ?Sized,
        F: Future<Output = Result<V, E>>,
    {
        match self.lookup_async(key).await {
            Lookup::Hit(value) => Ok(value),
            Lookup::Miss(lease) => match lease.drive(compute()).await {
                Ok(value) => Ok(lease.fill_async(value).await),
                Err(error) => lease.fail().ok_or(error),
            },
        }
    }

    /// Entries held: in the backend if there is one and it answers, else in memory. What `writes = Behind` has queued is
    /// written out first.
    pub fn len(&self) -> usize {
        self.refresh();
        let there = self.remote.as_ref().and_then(|remote| self.report(remote.store.len()));
        self.held(there)
    }

    /// As [`len`](Self::len), for tasks.
    pub async fn len_async(&self) -> usize {
        self.refresh();
        let there = match &self.remote {
            Some(remote) => self.report(remote.store.away(Store::len).await),
            None => None,
        };
        self.held(there)
    }

    /// As many as the backend says, or memory has.
    fn held(&self, there: Option<u64>) -> usize {
        there.map_or_else(|| self.memory.len(|| self.now()), |there| usize::try_from(there).unwrap_or(usize::MAX))
    }

    /// Whether no entry is held.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Changes the bound of a running cache; `None` is unbounded. What has to leave has left when this returns,
    /// from a backend that is busy or away with the next operation that reaches it.
    pub fn set_maxsize(&self, maxsize: impl Into<Option<usize>>) {
        let maxsize = maxsize.into();
        let bound = self.settings.memory_bound(maxsize, self.remote.is_some());
        // The listener hears of it when the backend knows the bound too.
        let _departed = self.memory.set_maxsize(bound, || self.now(), || self.settings.set_maxsize(maxsize));
        if let Some(remote) = &self.remote {
            let maxsize = || self.settings.maxsize().map(|maxsize| maxsize as u64);
            self.report(remote.store.set_maxsize(maxsize));
        }
    }

    /// Writes out what `writes = Behind` has queued.
    ///
    /// # Errors
    /// Those of the backend.
    pub fn flush(&self) -> Result<()> {
        self.remote.as_ref().map_or(Ok(()), |remote| self.counted(remote.store.flush()))
    }

    /// As [`flush`](Self::flush), for tasks. Cancelled, it is done all the same.
    ///
    /// # Errors
    /// Those of the backend.
    pub async fn flush_async(&self) -> Result<()> {
        let Some(remote) = &self.remote else { return Ok(()) };
        self.counted(remote.store.away(Store::flush).await)
    }

    /// A snapshot of the counters. With a backend, `currsize` asks it.
    pub fn info(&self) -> CacheInfo {
        self.counted_so_far(self.remote.is_some().then(|| self.len()))
    }

    /// As [`info`](Self::info), for tasks.
    pub async fn info_async(&self) -> CacheInfo {
        let held = if self.remote.is_some() { Some(self.len_async().await) } else { None };
        self.counted_so_far(held)
    }

    /// The counters, with what is `held` where there is a backend.
    fn counted_so_far(&self, held: Option<usize>) -> CacheInfo {
        self.refresh();
        let calls = self.counts.since_cleared(|| self.memory.calls());
        // Memory knows its bound and its size at one moment; a backend was asked before.
        let (currsize, maxsize) = match held {
            None => self.memory.len_and_maxsize(|| self.now()),
            Some(held) => (held, self.settings.maxsize()),
        };
        let (evictions, expired) = self.memory.evicted_and_expired();
        CacheInfo {
            hits: calls.hits,
            misses: calls.misses,
            maxsize,
            currsize,
            coalesced: self.counts.coalesced.load(Relaxed),
            stale: self.counts.stale.load(Relaxed),
            evictions,
            expired,
            backend_hits: calls.backend_hits,
            errors: self.counts.errors.load(Relaxed),
        }
    }

    /// The hot path: memory alone, in the common case.
    ///
    /// The clone is the caller's, where the value is wanted: to move an owned value through one more `Option` costs as much
    /// as to compare the key.
    #[inline(always)]
    pub(crate) fn hit<Q: KeyRef<K> + ?Sized>(&self, hash: u64, key: &Q) -> Option<Hit<'_, K, V>> {
        // Each call begins here, once.
        self.studies.request(hash);
        self.refresh();
        // It knows nothing on a thread that is inside of a scope, who looks again, where that is heeded.
        self.memory.hit(hash, key, || self.coarse_now())
    }

    /// As `hit` in every case, and a copy.
    #[inline]
    pub(crate) fn find<Q: KeyRef<K> + ?Sized>(&self, hash: u64, key: &Q) -> Option<V> {
        match self.hit(hash, key) {
            Some(hit) => Some(V::clone(&hit)),
            None => self.find_cold(hash, key),
        }
    }

    #[inline(never)]
    fn find_cold<Q: KeyRef<K> + ?Sized>(&self, hash: u64, key: &Q) -> Option<V> {
        self.find_again(hash, key)
    }

    /// Memory once more in the same call, in every case, away from the hot path.
    #[inline(always)]
    pub(crate) fn find_again<Q: KeyRef<K> + ?Sized>(&self, hash: u64, key: &Q) -> Option<V> {
        if self.memory.is_off() || !self.mode().reads {
            return None;
        }
        let value = self.memory.get(hash, key, || self.coarse_now())?;
        self.hit_in_scope();
        Some(value)
    }

    /// What a backend has that lies near, where memory would not keep it: then nobody need know that it is read.
    /// A fault is met again, and reported, by who asks the backend next.
    #[inline(always)]
    pub(crate) fn find_near<Q: KeyRef<K> + ?Sized>(&self, hash: u64, key: &Q) -> Option<V> {
        self.remote.as_ref().and_then(|remote| self.find_near_in(remote, hash, key))
    }

    #[inline(never)]
    fn find_near_in<Q: KeyRef<K> + ?Sized>(&self, remote: &Remote<K, V>, hash: u64, key: &Q) -> Option<V> {
        if !remote.store.is_near() || !self.memory.is_off() {
            return None;
        }
        if self.settings.tti.is_some() || self.settings.disabled() || !self.flights.is_quiet(hash) || !self.mode().reads
        {
            return None;
        }
        let (value, stamp) = remote.get_near(&key.to_key(), &*self.settings.clock).ok()??;
        if self.settings.aging.is_on() && self.settings.rest(&stamp, self.settings.clock.now()).is_due() {
            return None;
        }
        self.count_backend_hit();
        Some(value)
    }

    /// The same as of the last tick of the system, which is cheap enough for a hit.
    #[inline]
    fn coarse_now(&self) -> u64 {
        if self.memory.is_brief() {
            return self.now();
        }
        u64::try_from(self.settings.clock.elapsed_coarse().as_micros()).unwrap_or(NEVER)
    }

    /// Microseconds of the steady clock.
    #[inline]
    pub(crate) fn now(&self) -> u64 {
        u64::try_from(self.settings.clock.elapsed().as_micros()).unwrap_or(NEVER)
    }
}

impl<K: Key, V: Value> fmt::Debug for Cache<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cache")
            .field("maxsize", &self.settings.maxsize())
            .field("in_memory", &self.memory.len(|| self.now()))
            .field("remote", &self.remote)
            .finish_non_exhaustive()
    }
}
