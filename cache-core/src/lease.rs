//! The right to compute one missing value, and what becomes of it.

mod claims;
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
use crate::remote::{Remote, stamp};
use crate::storing::{Posted, Storing};
use crate::tags::{self, Carried, Moment, Placed, Tag};
use crate::time::Timestamp;
use crate::waits::Ticket;
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
    /// Of a key that has a name in the backend. Apart, because every miss of every cache moves the rest.
    backed: Option<Box<Backed>>,
    /// When the computation began, in microseconds of the steady clock; `NEVER` where it does not matter what it costs.
    began: u64,
    /// What is served if it fails.
    old: Option<Box<Old<V>>>,
    /// Of a cache whose entries carry tags.
    tagged: Option<Box<Tagged>>,
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

impl<'a, K: Key, V: Value> Lease<'a, K, V> {
    pub(crate) fn new<Q: KeyRef<K> + ?Sized>(cache: &'a Cache<K, V>, hash: u64, lead: Lead<V>, key: &Q) -> Self {
        // From here on a panic of the key's own code passes the lease on.
        let mut lease = Self::in_memory(cache, hash, lead);
        if let Some(remote) = &cache.remote {
            let key = cache.report(remote.key(&key.to_key()));
            lease.backed = key.map(|key| Box::new(Backed { key, replaces: false, claim: None }));
        }
        lease
    }

    /// Of a key whose value takes the place of what is there, whatever others compute meanwhile; nobody waits for it.
    pub(crate) fn replacing<Q: KeyRef<K> + ?Sized>(cache: &'a Cache<K, V>, hash: u64, key: &Q) -> Self {
        let lead = cache.flights.post_replacing(hash, key.to_key());
        let mut lease = Self::new(cache, hash, lead, key);
        lease.backed.iter_mut().for_each(|backed| backed.replaces = true);
        lease
    }

    /// Of a key that the backend is asked for; its value is kept nowhere.
    pub(crate) fn reading<Q: KeyRef<K> + ?Sized>(cache: &'a Cache<K, V>, hash: u64, key: &Q) -> Self {
        let mut lease = Self::alone(cache);
        lease.hash = hash;
        let bytes = cache.remote.as_ref().and_then(|remote| cache.report(remote.key(&key.to_key())));
        lease.backed = bytes.map(|key| Box::new(Backed { key, replaces: false, claim: None }));
        lease
    }

    /// Of a key that no backend is asked for.
    #[inline]
    pub(crate) fn in_memory(cache: &'a Cache<K, V>, hash: u64, lead: Lead<V>) -> Self {
        let tagged = cache.tagging.is_some().then(|| {
            let since = tags::now();
            Box::new(Tagged { since, present: (0, 0), tags: Vec::new() })
        });
        let Lead { ticket, flight, .. } = lead;
        Lease { cache, hash, ticket: Some(ticket), flight, backed: None, began: NEVER, old: None, tagged }
    }

    /// The computation begins.
    #[inline]
    pub(crate) fn begins(&mut self) {
        if self.backed.is_some() || self.cache.settings.aging.is_early() {
            self.began = self.cache.now();
        }
        if self.backed.is_some()
            && let (Some(tagged), Some(remote)) = (&mut self.tagged, &self.cache.remote)
        {
            tagged.present = remote.store.tags().present();
        }
    }

    pub(crate) fn alone(cache: &'a Cache<K, V>) -> Self {
        Lease { cache, hash: 0, ticket: None, flight: None, backed: None, began: NEVER, old: None, tagged: None }
    }

    /// Keeps the value in both tiers, gives it to those who wait, and returns it.
    ///
    /// If the key was invalidated since the lease was given, the value is returned and kept in neither tier.
    pub fn fill(self, value: V) -> V {
        self.fill_within(value, None)
    }

    /// As [`fill`](Self::fill), for a value with a time to live of its own if there is one.
    pub(crate) fn fill_within(mut self, value: V, own: Option<Duration>) -> V {
        if let Some(storing) = self.finish(&value, own) {
            self.cache.report(storing.run());
        }
        value
    }

    /// As [`fill`](Self::fill): a backend without an asynchronous side is written to off the executor.
    ///
    /// A cancelled `fill_async` has given the value to those who wait; the write goes on by itself.
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
            if !is_old(&self.tagged) {
                landing.land(&value);
            }
        }
        value
    }

    /// Gives the value that it will be filled with `tags`, in place of those that a rule of the cache gives.
    pub(crate) fn with_tags(mut self, tags: Vec<Tag>) -> Self {
        if let Some(tagged) = &mut self.tagged {
            tagged.tags = tags;
        }
        self
    }

    /// Gives the value the tags that the rule of the cache says, if there is one.
    fn tag(&mut self, value: &V) {
        let (Some(tagging), Some(tagged), Some(ticket)) = (&self.cache.tagging, &mut self.tagged, self.ticket) else {
            return;
        };
        if !tagging.asks_key() {
            return;
        }
        // Without a key the value is kept nowhere.
        if let Some(key) = self.cache.flights.key(self.hash, ticket) {
            tagged.tags = tagging.tags_of(&key, value);
        }
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
        Some((self.cache.remote.as_ref()?, &self.backed.as_ref()?.key))
    }

    /// Keeps a value that came from the backend, for what is left of its time, and stores it again if its idle time is half over.
    pub(crate) fn keep(mut self, value: V, stamp: Stamp, rest: Term) -> (V, Option<Storing<K, V>>) {
        let settings = &self.cache.settings;
        // Of a value with a time to live of its own, the end that is stored may be that one.
        let tti = settings.tti.filter(|_| !stamp.own_life);
        let renewed = tti.and_then(|tti| {
            let now = settings.clock.now();
            if now.until(stamp.expires) >= tti / 2 {
                return None;
            }
            let limit = settings.ttl.map_or(Timestamp::NEVER, |ttl| stamp.created.after(ttl));
            Some(Stamp { expires: now.after(tti).min(limit), ..stamp.clone() })
        });
        if let (Some(tagged), Some(carried)) = (&mut self.tagged, &stamp.tags) {
            tagged.tags.clone_from(&carried.tags);
        }
        let storing =
            renewed.filter(|renewed| renewed.expires > stamp.expires).and_then(|stamp| self.seal(&value, stamp));
        let storing = self.publish(&value, rest, storing);
        (value, storing)
    }

    /// Ends the computation with `value`. Returns the writing of it to the backend, if there is one and the value has a
    /// form in bytes.
    fn finish(&mut self, value: &V, own: Option<Duration>) -> Option<Storing<K, V>> {
        let settings = &self.cache.settings;
        let began = Some(self.began).filter(|began| *began != NEVER);
        let cost = began.map(|began| Duration::from_micros(self.cache.now().saturating_sub(began)));
        let term = settings.aging.term(own.or(settings.ttl), cost.unwrap_or_default());
        self.tag(value);
        let storing = cost.filter(|_| self.backed.is_some()).and_then(|cost| {
            let stamp = stamp(settings.clock.now(), settings.remote_life(term.end), cost);
            let tags = self.carried();
            self.seal(value, Stamp { own_life: own.is_some(), tags, ..stamp })
        });
        self.publish(value, term, storing)
    }

    /// What an entry of the value is to say of its tags, if it has any.
    fn carried(&self) -> Option<Arc<Carried>> {
        let tagged = self.tagged.as_ref().filter(|tagged| !tagged.tags.is_empty())?;
        let (epoch, clock) = self.cache.remote.as_ref()?.store.tags().earlier(tagged.present);
        Some(Arc::new(Carried { epoch, clock, tags: tagged.tags.clone() }))
    }

    fn seal(&mut self, value: &V, stamp: Stamp) -> Option<Storing<K, V>> {
        let cache = self.cache;
        let remote = cache.remote.as_ref()?;
        let ticket = self.ticket?;
        let Backed { key, claim, replaces } = *self.backed.take()?;
        let created = stamp.created;
        // Without an epoch nobody could tell when it was invalidated, so nobody would believe it.
        let believed = stamp.tags.as_ref().is_none_or(|carried| carried.epoch != 0);
        let record = believed.then(|| cache.report(remote.seal(&key, value, stamp))).flatten();
        if record.is_none() && !replaces {
            return None;
        }
        let posted = Posted { flights: Arc::clone(&cache.flights), hash: self.hash, ticket, claim };
        let storing = Storing::new(posted, Arc::clone(&remote.store), (key.bytes, record), created);
        Some(if replaces { storing.replacing() } else { storing })
    }

    /// Puts the value into memory and gives it to those who wait. If it is to be stored, the flight stays on the board
    /// until `Storing` takes it off; if it was invalidated, nothing is to be stored.
    fn publish(&mut self, value: &V, term: Term, storing: Option<Storing<K, V>>) -> Option<Storing<K, V>> {
        let ticket = self.ticket?;
        let (cache, hash) = (self.cache, self.hash);
        cache.refresh();
        let weight = match &cache.settings.weigher {
            Some(weigher) => cache.flights.key(hash, ticket).map_or(0, |key| weigher(&key, value)),
            None => 0,
        };
        let life = cache.life(term, weight);
        let copy = (!cache.memory.is_off()).then(|| value.clone());
        self.ended();
        // Outside of the lock, so that all is dropped there: what leaves memory, what finds no room there, and the key
        // if a comparison of keys panics. What leaves does so when those who wait have their value: the listener may
        // take its time, or ask for the key.
        let (mut exchange, mut unkept, mut refused) = (cache.memory.exchange(life), None, None);
        let insert = |key| match copy {
            None => unkept = Some(key),
            Some(copy) => {
                exchange.new = Some((key, copy));
                cache.memory.insert(hash, &mut exchange);
            }
        };
        let tagged = self.tagged.take();
        let mut listed = None;
        let place = |key: K| match (&cache.tagging, &tagged) {
            (Some(tagging), Some(tagged)) => {
                let key_of = &*listed.insert(key.clone());
                let tags = (&*tagged.tags, Some(tagged.since));
                tagging.place((hash, key_of), tags, |placed| match placed {
                    Placed::Kept => insert(key),
                    Placed::Refused => refused = Some(key),
                })
            }
            _ => {
                insert(key);
                Placed::Kept
            }
        };
        // While the board is locked nobody can invalidate the key.
        let Some(storing) = storing else {
            let mut placed = None;
            let landing = cache.flights.take(hash, ticket, |key| placed = Some(place(key)));
            // Who has come after the invalidation of a tag may not have it: all who wait start over.
            if placed.map_or_else(|| !is_old(&tagged), |placed| placed == Placed::Kept) {
                landing.land(value);
            }
            cache.tidy();
            return None;
        };
        match cache.flights.store(hash, ticket, |key| place(K::clone(key))) {
            None => {
                let landing = cache.flights.discard(hash, ticket);
                if !is_old(&tagged) {
                    landing.land(value);
                }
                return None;
            }
            Some((Placed::Refused, _)) => {
                drop(cache.flights.discard(hash, ticket));
                return None;
            }
            Some((Placed::Kept, flight)) => flight.land(value.clone()),
        }
        // By name: a result that is made before the listener panics would never be dropped.
        drop(exchange);
        cache.tidy();
        Some(storing)
    }

    /// What is computed is known, or given up.
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

/// Whether a tag was invalidated since the computation began. To be asked when it is off the board: until then there may
/// come some to wait who have heard of that.
fn is_old(tagged: &Option<Box<Tagged>>) -> bool {
    tagged.as_ref().is_some_and(|tagged| tagged.since != tags::now())
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
            drop(self.backed.take());
            drop(self.cache.flights.discard(self.hash, ticket));
        }
    }
}

impl<K: Key, V: Value> fmt::Debug for Lease<'_, K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Lease").field("shared", &self.ticket.is_some()).finish_non_exhaustive()
    }
}
