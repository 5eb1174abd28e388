//! The right to compute one missing value, and what becomes of it.

use crate::bytes::{KeyBytes, Stamp};
use crate::cache::Cache;
use crate::flight::Flight;
use crate::key::{Key, KeyRef, Value};
use crate::remote::stamp;
use crate::storing::{Posted, Storing};
use crate::time::Timestamp;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Context;
use std::time::{Duration, Instant};

/// The exclusive right, and duty, to compute one missing value.
///
/// Other callers of the key wait until it is filled. Dropping it (an error, a panic, a cancelled task) passes the right
/// on to one of them.
#[must_use = "fill the lease, or drop it to let another caller compute"]
pub struct Lease<'a, K: Key, V: Value> {
    cache: &'a Cache<K, V>,
    hash: u64,
    /// None for a lease that nobody waits for and whose value is kept nowhere.
    flight: Option<Arc<Flight<V>>>,
    /// The name of the key in the backend.
    remote: Option<KeyBytes>,
    /// When the computation began, where its cost is kept.
    began: Option<Instant>,
}

impl<'a, K: Key, V: Value> Lease<'a, K, V> {
    pub(crate) fn new<Q: KeyRef<K> + ?Sized>(
        cache: &'a Cache<K, V>,
        hash: u64,
        flight: Arc<Flight<V>>,
        key: &Q,
    ) -> Self {
        // From here on a panic of the key's own code passes the lease on.
        let mut lease = Lease { cache, hash, flight: Some(flight), remote: None, began: None };
        if let Some(remote) = &cache.remote {
            lease.remote = cache.report(remote.key(&key.to_key()));
        }
        lease
    }

    /// The computation begins.
    pub(crate) fn begun(mut self) -> Self {
        self.began = self.remote.as_ref().map(|_| Instant::now());
        self
    }

    pub(crate) fn alone(cache: &'a Cache<K, V>) -> Self {
        Lease { cache, hash: 0, flight: None, remote: None, began: None }
    }

    /// Keeps the value in both tiers, gives it to those who wait, and returns it.
    ///
    /// If the key was invalidated since the lease was given, the value is returned and kept in neither tier.
    pub fn fill(mut self, value: V) -> V {
        let storing = self.storing(&value);
        let (value, storing) = self.publish(value, self.cache.settings.ttl, storing);
        if let Some(storing) = storing {
            self.cache.report(storing.run());
        }
        value
    }

    /// As [`fill`](Self::fill): a backend without an asynchronous side is written to off the executor.
    ///
    /// A cancelled `fill_async` has given the value to those who wait; the write goes on by itself.
    pub async fn fill_async(mut self, value: V) -> V {
        let storing = self.storing(&value);
        let (value, storing) = self.publish(value, self.cache.settings.ttl, storing);
        if let Some(storing) = storing {
            self.cache.report(storing.run_async().await);
        }
        value
    }

    /// Gives the value to those who wait, keeps it nowhere, and returns it.
    pub fn answer(mut self, value: V) -> V {
        if let Some(flight) = self.flight.take() {
            let _key = self.cache.flights.take(self.hash, &flight, |key| key);
            land(flight, &value);
        }
        value
    }

    /// Awaits the computation of the value.
    ///
    /// Polled through here, a task that could go on but is not polled any more (it lost a `select!`, or its executor
    /// stands still) is noticed after 200 ms: one of those who wait takes over. A lease of
    /// [`lookup_async`](Cache::lookup_async) that is held outside of `drive` shields its key for 10 seconds.
    pub async fn drive<F: Future>(&self, work: F) -> F::Output {
        let Some(flight) = &self.flight else { return work.await };
        // Also if the work is cancelled and the lease is not.
        let _ended = Driven(flight);
        let mut work = pin!(work);
        poll_fn(|task| {
            let (waker, _inside) = flight.poll_begins();
            let polled = work.as_mut().poll(&mut Context::from_waker(&waker));
            if polled.is_pending() {
                flight.poll_ended(task.waker());
            }
            polled
        })
        .await
    }

    /// What the backend has for the key.
    pub(crate) fn fetch(&self) -> Option<(V, Stamp)> {
        let (remote, key) = self.cache.remote.as_ref().zip(self.remote.as_ref())?;
        self.cache.report(remote.get(key, self.cache.settings.clock.now())).flatten()
    }

    pub(crate) async fn fetch_async(&self) -> Option<(V, Stamp)> {
        let (remote, key) = self.cache.remote.as_ref().zip(self.remote.as_ref())?;
        self.cache.report(remote.get_async(key, self.cache.settings.clock.now()).await).flatten()
    }

    /// Keeps a value that came from the backend, for `ttl` at most, and stores it again if its idle time is half over.
    pub(crate) fn keep(mut self, value: V, stamp: Stamp, ttl: Option<Duration>) -> (V, Option<Storing<K, V>>) {
        let settings = &self.cache.settings;
        // Of a value with a time to live of its own, the end that is stored may be that one.
        let tti = settings.tti.filter(|_| !stamp.own_life);
        let renewed = tti.and_then(|tti| {
            let now = settings.clock.now();
            if now.until(stamp.expires) >= tti / 2 {
                return None;
            }
            let limit = settings.ttl.map_or(Timestamp::NEVER, |ttl| stamp.created.after(ttl));
            Some(Stamp { expires: now.after(tti).min(limit), ..stamp })
        });
        let storing =
            renewed.filter(|renewed| renewed.expires > stamp.expires).and_then(|stamp| self.seal(&value, stamp));
        self.publish(value, ttl, storing)
    }

    /// The writing of `value` to the backend, if there is one and the value has a form in bytes.
    fn storing(&mut self, value: &V) -> Option<Storing<K, V>> {
        let cost = self.began?.elapsed();
        let settings = &self.cache.settings;
        let stamp = stamp(settings.clock.now(), settings.remote_life(), cost);
        self.seal(value, stamp)
    }

    fn seal(&mut self, value: &V, stamp: Stamp) -> Option<Storing<K, V>> {
        let cache = self.cache;
        let remote = cache.remote.as_ref()?;
        let flight = self.flight.as_ref()?;
        let key = self.remote.take()?;
        let record = cache.report(remote.seal(&key, value, stamp))?;
        let posted = Posted { flights: Arc::clone(&cache.flights), hash: self.hash, flight: Arc::clone(flight) };
        Some(Storing::new(posted, Arc::clone(&remote.store), key.bytes, record, stamp.created))
    }

    /// Puts the value into memory and gives it to those who wait. If it is to be stored, the flight stays on the board
    /// until `Storing` takes it off; if it was invalidated, nothing is to be stored.
    fn publish(
        &mut self,
        value: V,
        ttl: Option<Duration>,
        storing: Option<Storing<K, V>>,
    ) -> (V, Option<Storing<K, V>>) {
        let Some(flight) = self.flight.clone() else { return (value, None) };
        let (cache, hash) = (self.cache, self.hash);
        cache.refresh();
        let weight = match &cache.settings.weigher {
            Some(weigher) => cache.flights.key(hash, &flight).map_or(0, |key| weigher(&key, &value)),
            None => 0,
        };
        let life = cache.life(ttl, weight);
        let copy = (!cache.memory.is_off()).then(|| value.clone());
        // Outside of the lock, so that it is dropped there if it finds no room or a comparison of keys panics.
        let (mut new, mut unkept) = (None, None);
        let insert = |key| match copy {
            None => {
                unkept = Some(key);
                None
            }
            Some(copy) => {
                new = Some((key, copy));
                Some(cache.memory.insert(hash, &mut new, life))
            }
        };
        // While the board is locked nobody can invalidate the key. What leaves memory leaves after those who wait have
        // their value: the listener may take its time, or ask for the key.
        let Some(storing) = storing else {
            let departed = cache.flights.take(hash, &flight, insert);
            self.flight = None;
            land(flight, &value);
            // By name: a result that is made before a drop that panics is never dropped.
            drop(departed);
            return (value, None);
        };
        let departed = cache.flights.store(hash, &flight, |key| insert(K::clone(key)));
        let kept = departed.is_some();
        self.flight = None;
        flight.land(value.clone());
        drop(departed);
        (value, kept.then_some(storing))
    }
}

/// Ends a flight that is off the board; the value is copied only if somebody follows it.
fn land<V: Value>(flight: Arc<Flight<V>>, value: &V) {
    let flight = Landing(flight);
    if Arc::strong_count(&flight.0) > 1 {
        flight.0.land(value.clone());
    }
}

/// Ends a flight in any case: those who wait look again if the copy of the value panics.
struct Landing<V: Value>(Arc<Flight<V>>);

impl<V: Value> Drop for Landing<V> {
    fn drop(&mut self) {
        // No effect on one that has landed.
        self.0.give_up();
    }
}

/// A computation inside of `drive`.
struct Driven<'a, V: Value>(&'a Arc<Flight<V>>);

impl<V: Value> Drop for Driven<'_, V> {
    fn drop(&mut self) {
        self.0.work_ended();
    }
}

impl<K: Key, V: Value> Drop for Lease<'_, K, V> {
    fn drop(&mut self) {
        if let Some(flight) = self.flight.take() {
            let _key = self.cache.flights.take(self.hash, &flight, |key| key);
            flight.give_up();
        }
    }
}

impl<K: Key, V: Value> fmt::Debug for Lease<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").field("shared", &self.flight.is_some()).finish_non_exhaustive()
    }
}
