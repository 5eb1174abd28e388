//! The right to compute one missing value, and what becomes of it.

mod claims;
mod filling;
mod many;
mod old;

use crate::aging::{Old, Term};
use crate::backend::Claim;
use crate::bytes::{KeyBytes, Stamp};
use crate::cache::Cache;
use crate::flight::Flight;
use crate::flights::Lead;
use crate::key::{Key, KeyRef, Value};
use crate::memory::NEVER;
use crate::remote::Remote;
use crate::stale::Basis;
use crate::tags::{self, Moment, Tag};
use crate::waits::Ticket;
use filling::is_old;
use std::fmt;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Context;
use std::time::Duration;

/// What a backend has for a key.
pub(crate) enum Fetched<V> {
    /// A value, and what is left of its time.
    Fresh(V, Stamp, Term),
    /// A value that is to be computed anew, and may be served meanwhile.
    Old(Old<V>),
    /// Another process computes the key, and there is an old value: this one, or one that the lease has.
    Elsewhere(Option<Old<V>>),
    /// Nothing, or a fault.
    Nothing,
}

/// The exclusive right, and duty, to compute one missing value.
///
/// Other callers of the key wait until it is filled. Dropping it (an error, a panic, a cancelled task) passes the right
/// on to one of them.
#[must_use = "fill the lease, or drop it to let another caller compute"]
pub struct Lease<'a, K: Key, V: Value> {
    cache: &'a Cache<K, V>,
    hash: u64,
    /// None for a lease that nobody waits for and whose value is kept nowhere.
    ticket: Option<Ticket>,
    /// Of a task alone, and of what it may await.
    flight: Option<Arc<Flight<V>>>,
    /// What few leases have. Apart, because every miss of every cache moves the rest.
    extras: Option<Box<Extras<V>>>,
}

/// What a lease has in a cache with a backend or with tags, or whose entries age.
struct Extras<V> {
    /// Of a key that has a name in the backend.
    backed: Option<Backed>,
    /// When the computation began, in microseconds of the steady clock; `NEVER` where it does not matter what it costs.
    began: u64,
    /// What is served if it fails.
    old: Option<Old<V>>,
    /// Of who keeps no value: what is posted to hear of an invalidation of the old one.
    reading: Option<Ticket>,
    /// Of a cache whose entries carry tags.
    tagged: Option<Tagged>,
}

struct Tagged {
    /// What is invalidated after this may be what is found or computed.
    since: Moment,
    /// Epoch and clock of the backend, as they were known when the computation began.
    present: (u64, u64),
    tags: Vec<Tag>,
}

struct Backed {
    key: KeyBytes,
    /// The value is to take the place of what the backend has.
    replaces: bool,
    /// What keeps other processes from computing the key. It goes with the value until that is written.
    claim: Option<Claim>,
}

impl<V> Default for Extras<V> {
    fn default() -> Self {
        Extras { backed: None, began: NEVER, old: None, reading: None, tagged: None }
    }
}

impl<V> Extras<V> {
    #[inline(never)]
    fn tagged() -> Box<Self> {
        let tagged = Some(Tagged { since: tags::now(), present: (0, 0), tags: Vec::new() });
        Box::new(Extras { tagged, ..Self::default() })
    }
}

impl<'a, K: Key, V: Value> Lease<'a, K, V> {
    pub(crate) fn new<Q: KeyRef<K> + ?Sized>(cache: &'a Cache<K, V>, hash: u64, lead: Lead<V>, key: &Q) -> Self {
        // From here on a panic of the key's own code passes the lease on.
        let mut lease = Self::in_memory(cache, hash, lead);
        if let Some(remote) = &cache.remote {
            lease.name_in(remote, &key.to_key());
        }
        lease
    }

    /// Finds the key's name in the backend, if it has one.
    fn name_in(&mut self, remote: &Remote<K, V>, key: &K) {
        if let Some(key) = self.cache.report(remote.key(key)) {
            self.extras().backed = Some(Backed { key, replaces: false, claim: None });
        }
    }

    /// Of a key whose value takes the place of what is there, whatever others compute meanwhile; nobody waits for it.
    pub(crate) fn replacing<Q: KeyRef<K> + ?Sized>(cache: &'a Cache<K, V>, hash: u64, key: &Q) -> Self {
        let lead = cache.flights.post_replacing(hash, key.to_key());
        let mut lease = Self::new(cache, hash, lead, key);
        lease.backed_mut().into_iter().for_each(|backed| backed.replaces = true);
        lease
    }

    /// Of a key that the backend is asked for; its value is kept nowhere.
    pub(crate) fn reading<Q: KeyRef<K> + ?Sized>(cache: &'a Cache<K, V>, hash: u64, key: &Q) -> Self {
        let mut lease = Self::alone(cache);
        lease.hash = hash;
        if cache.settings.aging.is_on() {
            lease.extras().reading = Some(cache.flights.post_reading(hash, key.to_key()));
        }
        cache.remote.iter().for_each(|remote| lease.name_in(remote, &key.to_key()));
        lease
    }

    /// Of a key that no backend is asked for.
    #[inline(always)]
    pub(crate) fn in_memory(cache: &'a Cache<K, V>, hash: u64, lead: Lead<V>) -> Self {
        let Lead { ticket, flight, .. } = lead;
        let extras = if cache.tagging.is_some() { Some(Extras::tagged()) } else { None };
        Lease { cache, hash, ticket: Some(ticket), flight, extras }
    }

    /// The computation begins.
    #[inline(always)]
    pub(crate) fn begins(&mut self) {
        if self.extras.is_some() || self.cache.settings.aging.is_early() {
            self.begins_timed();
        }
    }

    #[inline(never)]
    fn begins_timed(&mut self) {
        let cache = self.cache;
        let extras = self.extras();
        if extras.backed.is_some() || cache.settings.aging.is_early() {
            extras.began = cache.now();
        }
        if let (Some(_), Some(tagged), Some(remote)) = (&extras.backed, &mut extras.tagged, &cache.remote) {
            tagged.present = remote.store.tags().present();
        }
        // With an old value to offer it has read something.
        if extras.backed.is_some() && extras.old.is_none() {
            self.rely(Basis::Own);
        }
    }

    /// From now on the value is to come from there: who reads may be reading what others are about to take back.
    fn rely(&self, basis: Basis) {
        self.ticket.into_iter().for_each(|ticket| self.cache.flights.rely(self.hash, ticket, basis));
    }

    pub(crate) fn alone(cache: &'a Cache<K, V>) -> Self {
        Lease { cache, hash: 0, ticket: None, flight: None, extras: None }
    }

    #[inline(never)]
    fn extras(&mut self) -> &mut Extras<V> {
        self.extras.get_or_insert_default()
    }

    fn backed_mut(&mut self) -> Option<&mut Backed> {
        self.extras.as_mut()?.backed.as_mut()
    }

    fn tagged(&self) -> Option<&Tagged> {
        self.extras.as_ref()?.tagged.as_ref()
    }

    fn tagged_mut(&mut self) -> Option<&mut Tagged> {
        self.extras.as_mut()?.tagged.as_mut()
    }

    /// Keeps the value in both tiers, gives it to those who wait, and returns it.
    ///
    /// If the key was invalidated since the lease was given, the value is returned and kept in neither tier.
    pub fn fill(self, value: V) -> V {
        self.fill_within(value, None)
    }

    /// As [`fill`](Self::fill), for a value with a time to live of its own if there is one.
    pub(crate) fn fill_within(mut self, value: V, own: Option<Duration>) -> V {
        let Some(_) = &self.extras else {
            self.publish_here(&value, own);
            // Load-bearing for speed alone: by now it holds nothing that could be dropped.
            std::mem::forget(self);
            return value;
        };
        if let Some(storing) = self.finish(&value, own) {
            self.cache.report(storing.run());
        }
        value
    }

    /// As [`fill`](Self::fill): a backend without an asynchronous side is written to off the executor.
    ///
    /// Cancelled once it was polled, it has given the value to those who wait and put it into memory, and the write goes on
    /// by itself, on a thread of the cache's own; before that, it is a lease that was dropped. So the value ends up in both
    /// tiers or in neither, unless the backend refuses it, which is reported as ever.
    pub async fn fill_async(mut self, value: V) -> V {
        if let Some(storing) = self.finish(&value, None) {
            self.cache.report(storing.run_async().await);
        }
        value
    }

    /// Gives the value to those who wait, keeps it nowhere, and returns it.
    pub fn answer(mut self, value: V) -> V {
        // What is not kept has no tags that could be looked at: who has come after an invalidation computes anew.
        if let Some(ticket) = self.ended() {
            let landing = self.cache.flights.discard(self.hash, ticket);
            if !is_old(self.tagged()) {
                landing.land(&value);
            }
        }
        value
    }

    /// Gives the value that it will be filled with `tags`, in place of those that a rule of the cache gives.
    pub(crate) fn with_tags(mut self, tags: Vec<Tag>) -> Self {
        if let Some(tagged) = self.tagged_mut() {
            tagged.tags = tags;
        }
        self
    }

    /// Awaits the computation of the value.
    ///
    /// Polled through here, a task that could go on but is not polled any more (it lost a `select!`, or its executor
    /// stands still) is noticed after 200 ms: one of those who wait takes over. A lease of
    /// [`lookup_async`](Cache::lookup_async) that is held outside of `drive` shields its key for 10 seconds.
    pub async fn drive<F: Future>(&self, work: F) -> F::Output {
        let Some(flight) = self.driven() else { return work.await };
        let flight = &flight;
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
    pub(crate) fn fetch(&self) -> Fetched<V> {
        let Some((remote, key)) = self.place() else { return Fetched::Nothing };
        let found = self.cache.report(remote.get(key, self.cache.settings.clock.now()));
        self.cache.sift(found.flatten())
    }

    /// As [`fetch`](Self::fetch), off the executor.
    pub(crate) async fn fetch_async(&self) -> Fetched<V> {
        let Some((remote, key)) = self.place() else { return Fetched::Nothing };
        let found = self.cache.report(remote.get_async(key, self.cache.settings.clock.now()).await);
        self.cache.sift(found.flatten())
    }

    /// Where the key has a name in the backend.
    fn place(&self) -> Option<(&Remote<K, V>, &KeyBytes)> {
        Some((self.cache.remote.as_ref()?, &self.extras.as_ref()?.backed.as_ref()?.key))
    }

    /// What is computed is known, or given up.
    #[inline]
    fn ended(&mut self) -> Option<Ticket> {
        let ticket = self.ticket.take()?;
        ticket.end();
        self.flight = None;
        Some(ticket)
    }

    /// The flight, for a task that leads it.
    fn driven(&self) -> Option<Arc<Flight<V>>> {
        if self.flight.is_some() {
            return self.flight.clone();
        }
        let flight = self.cache.flights.flight(self.hash, self.ticket?)?;
        flight.hand_over();
        Some(flight)
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
        if let Some(ticket) = self.ended() {
            // Whoever takes over here is to find the key unclaimed.
            drop(self.extras.take());
            drop(self.cache.flights.discard(self.hash, ticket));
        } else if let Some(reading) = self.extras.as_mut().and_then(|extras| extras.reading.take()) {
            drop(self.cache.flights.discard(self.hash, reading));
        }
    }
}

impl<K: Key, V: Value> fmt::Debug for Lease<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").field("shared", &self.ticket.is_some()).finish_non_exhaustive()
    }
}
