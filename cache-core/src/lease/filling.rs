//! What becomes of a value that was computed, or came from the backend.

use super::{Backed, Lease, Tagged};
use crate::aging::Term;
use crate::bytes::Stamp;
use crate::key::{Key, Value};
use crate::memory::{Life, NEVER};
use crate::remote::stamp;
use crate::stale::Basis;
use crate::storing::{Posted, Storing};
use crate::tags::{self, Carried, Placed};
use crate::time::Timestamp;
use crate::waits::Ticket;
use std::sync::Arc;
use std::time::Duration;

impl<K: Key, V: Value> Lease<'_, K, V> {
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
        if let (Some(tagged), Some(carried)) = (self.tagged_mut(), &stamp.tags) {
            tagged.tags.clone_from(&carried.tags);
        }
        let storing = renewed
            .filter(|renewed| renewed.expires > stamp.expires)
            .and_then(|stamp| self.seal(&value, stamp, Basis::Read));
        let storing = self.publish(&value, rest, storing);
        (value, storing)
    }

    /// Ends the computation with `value`. Returns the writing of it to the backend, if there is one and the value has a
    /// form in bytes.
    #[inline(never)]
    pub(super) fn finish(&mut self, value: &V, own: Option<Duration>) -> Option<Storing<K, V>> {
        let settings = &self.cache.settings;
        let began = self.extras.as_ref().map(|extras| extras.began).filter(|began| *began != NEVER);
        let cost = began.map(|began| Duration::from_micros(self.cache.now().saturating_sub(began)));
        let term = settings.aging.term(own.or(settings.ttl), cost.unwrap_or_default());
        self.tag(value);
        let storing = cost.filter(|_| self.backed_mut().is_some()).and_then(|cost| {
            let stamp = stamp(settings.clock.now(), settings.remote_life(term.end), cost);
            let tags = self.carried();
            self.seal(value, Stamp { own_life: own.is_some(), tags, ..stamp }, Basis::Own)
        });
        self.publish(value, term, storing)
    }

    /// What an entry of the value is to say of its tags, if it has any.
    fn carried(&self) -> Option<Arc<Carried>> {
        let tagged = self.tagged().filter(|tagged| !tagged.tags.is_empty())?;
        let (epoch, clock) = self.cache.remote.as_ref()?.store.tags().earlier(tagged.present);
        Some(Arc::new(Carried { epoch, clock, tags: tagged.tags.clone() }))
    }

    fn seal(&mut self, value: &V, stamp: Stamp, basis: Basis) -> Option<Storing<K, V>> {
        let cache = self.cache;
        let remote = cache.remote.as_ref()?;
        let ticket = self.ticket?;
        let Backed { key, claim, replaces } = self.extras.as_mut()?.backed.take()?;
        let created = stamp.created;
        // Without an epoch nobody could tell when it was invalidated, so nobody would believe it.
        let believed = stamp.tags.as_ref().is_none_or(|carried| carried.epoch != 0);
        let record = believed.then(|| cache.report(remote.seal(&key, value, stamp))).flatten();
        if record.is_none() && !replaces {
            return None;
        }
        let posted = Posted { flights: Arc::clone(&cache.flights), hash: self.hash, ticket, claim };
        let storing = Storing::new(posted, (Arc::clone(&remote.store), basis), (key.bytes, record), created);
        Some(if replaces { storing.replacing() } else { storing })
    }

    /// Puts the value into memory and gives it to those who wait, where there is nothing else to do.
    #[inline(always)]
    pub(super) fn publish_here(&mut self, value: &V, own: Option<Duration>) {
        let Some(ticket) = self.ticket else { return };
        let (cache, hash) = (self.cache, self.hash);
        cache.refresh();
        let term = cache.settings.aging.term(own.or(cache.settings.ttl), Duration::ZERO);
        let (life, copy) = self.entry(ticket, value, term);
        self.ended();
        // Outside of the lock, as in `publish`.
        let (mut exchange, mut unkept) = (cache.memory.exchange(life), None);
        let landing = cache.flights.take(hash, ticket, |key| match copy {
            None => unkept = Some(key),
            Some(copy) => {
                exchange.new = Some((key, copy));
                cache.memory.insert(hash, &mut exchange);
            }
        });
        landing.land(value);
    }

    /// What memory is to be given, if it keeps anything.
    #[inline(always)]
    fn entry(&self, ticket: Ticket, value: &V, term: Term) -> (Life, Option<V>) {
        let cache = self.cache;
        let weight = match &cache.settings.weigher {
            Some(weigher) => cache.flights.key(self.hash, ticket).map_or(0, |key| weigher(&key, value)),
            None => 0,
        };
        (cache.life(term, weight), (!cache.memory.is_off()).then(|| value.clone()))
    }

    /// Puts the value into memory and gives it to those who wait. If it is to be stored, the flight stays on the board
    /// until `Storing` takes it off; if it was invalidated, nothing is to be stored.
    #[inline(never)]
    fn publish(&mut self, value: &V, term: Term, storing: Option<Storing<K, V>>) -> Option<Storing<K, V>> {
        let ticket = self.ticket?;
        let (cache, hash) = (self.cache, self.hash);
        cache.refresh();
        let (life, copy) = self.entry(ticket, value, term);
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
        let tagged = self.extras.as_mut().and_then(|extras| extras.tagged.take());
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
            if placed.map_or_else(|| !is_old(tagged.as_ref()), |placed| placed == Placed::Kept) {
                landing.land(value);
            }
            cache.tidy();
            return None;
        };
        match cache.flights.store(hash, ticket, |key| place(K::clone(key))) {
            None => {
                let landing = cache.flights.discard(hash, ticket);
                if !is_old(tagged.as_ref()) {
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

    /// Gives the value the tags that the rule of the cache says, if there is one.
    fn tag(&mut self, value: &V) {
        let (cache, hash) = (self.cache, self.hash);
        let (Some(tagging), Some(ticket)) = (&cache.tagging, self.ticket) else { return };
        let Some(tagged) = self.tagged_mut().filter(|_| tagging.asks_key()) else { return };
        // Without a key the value is kept nowhere.
        if let Some(key) = cache.flights.key(hash, ticket) {
            tagged.tags = tagging.tags_of(&key, value);
        }
    }
}

/// Whether a tag was invalidated since the computation began. To be asked when it is off the board: until then there may
/// come some to wait who have heard of that.
pub(super) fn is_old(tagged: Option<&Tagged>) -> bool {
    tagged.is_some_and(|tagged| tagged.since != tags::now())
}
