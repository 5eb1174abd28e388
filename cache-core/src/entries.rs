//! Entries put in place and taken away by hand.

use crate::bytes::Stamp;
use crate::cache::Cache;
use crate::error::{ErrorKind, Result};
use crate::flight::Flight;
use crate::key::{Key, KeyRef, Value};
use crate::memory::Exchange;
use crate::remote::stamp;
use crate::stale::Basis;
use crate::storing::{Posted, Storing};
use crate::sync::planted;
use crate::tags::{Carried, Tag};
use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::Duration;

impl<K: Key, V: Value> Cache<K, V> {
    /// Stores a value. What is being computed for the key at this moment is returned to its callers and not kept.
    ///
    /// It carries the tags that [`CacheBuilder::tags`](crate::CacheBuilder::tags) gives it. In the cache of a function
    /// with `tags = ..` it carries none, for those are asked of the arguments of a call.
    pub fn insert(&self, key: K, value: V) {
        self.store(key, value, None);
    }

    /// Stores a value that lives for `ttl`, whatever the cache's own time to live. A time to idle ends it sooner: in a
    /// backend that counts from now, because uses do not prolong a record with a time of its own.
    pub fn insert_with_ttl(&self, key: K, value: V, ttl: Duration) {
        self.store(key, value, Some(ttl));
    }

    /// Invalidates a key: the value is removed from both tiers, and what is being computed for it is not kept.
    /// Whether there was a value.
    ///
    /// # Errors
    /// Those of the backend, where the value may then still be: other processes may see it, and this one if it starts
    /// again. Until then this process does not serve it, and each use of the key tries again to remove it.
    pub fn remove<Q: KeyRef<K> + ?Sized>(&self, key: &Q) -> Result<bool> {
        self.refresh();
        let hash = self.settings.hasher.hash_one(key);
        let Some(remote) = &self.remote else {
            // Until it is gone, nobody is to find an old value there, and offer it to those who come when it is gone.
            let heeds = self.settings.aging.is_on() && !planted("offered after all");
            let _invalidation = heeds.then(|| self.flights.invalidate(hash, key));
            self.flights.forget(hash, key);
            let (here, _departed) = self.memory.remove(hash, key, || self.now());
            return Ok(here);
        };
        let invalidation = self.flights.invalidate(hash, key);
        let (here, departed) = self.memory.remove(hash, key, || self.now());
        let there = remote.key(&key.to_key()).and_then(|key| remote.store.remove(&key.bytes));
        let there = self.counted(there);
        drop(invalidation);
        // The listener hears of it when the backend has forgotten it too.
        drop(departed);
        Ok(there? || here)
    }

    /// Removes the entries that `doomed` picks, and returns how many. It is asked outside of all locks, about entries where
    /// they lie in memory, and about copies of those in a backend; so of some twice. Costs a look at every place.
    ///
    /// What is inserted meanwhile may be seen or not.
    ///
    /// A backend keeps only the hash of a key longer than 128 bytes: such entries are removed unseen,
    /// and from a backend that cannot list its entries all are.
    ///
    /// # Errors
    /// Those of the backend.
    pub fn remove_if(&self, mut doomed: impl FnMut(&K, &V) -> bool) -> Result<usize> {
        self.refresh();
        let invalidation = self.flights.invalidate_all();
        let (here, departed) = self.memory.remove_if(self.now(), &mut doomed);
        let Some(remote) = &self.remote else { return Ok(here) };
        let there = match remote.remove_if(self.settings.clock.now(), doomed) {
            Err(error) if error.kind() == ErrorKind::Unsupported => remote.store.len().and_then(|all| {
                remote.store.clear()?;
                drop(self.memory.clear(|| {}));
                Ok(usize::try_from(all).unwrap_or(usize::MAX))
            }),
            there => there.map(|there| there.max(here)),
        };
        let there = self.counted(there);
        drop(invalidation);
        drop(departed);
        there
    }

    /// Forgets every entry of this cache, in memory and in its space of the backend, and every counter.
    ///
    /// # Errors
    /// Those of the backend, where the values may then still be for other processes; this one does not serve them, and
    /// the next operations try again.
    pub fn clear(&self) -> Result<()> {
        let invalidation = self.flights.invalidate_all();
        let departed = self.memory.clear(|| {});
        let cleared = self.remote.as_ref().map_or(Ok(()), |remote| remote.store.clear());
        self.counts.clear(|| self.memory.calls());
        self.memory.reset_counters();
        let cleared = self.counted(cleared);
        drop(invalidation);
        drop(departed);
        cleared
    }

    fn store(&self, key: K, value: V, own: Option<Duration>) {
        if self.settings.disabled() || !self.mode().writes {
            return;
        }
        self.refresh();
        let hash = self.settings.hasher.hash_one(&key);
        let tags = self.tagging.as_ref().map_or_else(Vec::new, |tagging| tagging.tags_of(&key, &value));
        let term = self.settings.aging.term(own.or(self.settings.ttl), Duration::ZERO);
        let mut exchange = self.memory.exchange(self.life(term, self.settings.weigh(&key, &value)));
        let Some(remote) = &self.remote else {
            return self.replace((hash, &tags), None, (key, value), &mut exchange);
        };
        let bytes = self.report(remote.key(&key));
        let stamp = stamp(self.settings.clock.now(), self.settings.remote_life(term.end), Duration::ZERO);
        let created = stamp.created;
        let carried = (!tags.is_empty()).then(|| {
            self.report(remote.store.ask_of_tags());
            let (epoch, clock) = remote.store.tags().present();
            Arc::new(Carried { epoch, clock, tags: tags.clone() })
        });
        let believed = carried.as_ref().is_none_or(|carried| carried.epoch != 0);
        let stamp = Stamp { own_life: own.is_some(), tags: carried, ..stamp };
        let record = bytes.as_ref().filter(|_| believed);
        let record = record.and_then(|bytes| self.report(remote.seal(bytes, &value, stamp)));
        let (bytes, record) = match (bytes, record) {
            (Some(bytes), Some(record)) => (bytes, record),
            (bytes, _) => {
                // It cannot be stored, and what is stored belongs to the value before.
                let _invalidation = self.flights.invalidate(hash, &key);
                bytes.map(|bytes| self.report(remote.store.remove(&bytes.bytes)));
                return self.replace((hash, &tags), None, (key, value), &mut exchange);
            }
        };
        let flight = Flight::landed(value.clone());
        let posted = Posted { flights: Arc::clone(&self.flights), hash, ticket: flight.ticket(), claim: None };
        let place = (Arc::clone(&remote.store), Basis::Own);
        let storing = Storing::new(posted, place, (bytes.bytes, record), created).replacing();
        // The listener hears of it when the backend has the new value too: it may panic.
        self.replace((hash, &tags), Some(&flight), (key, value), &mut exchange);
        self.report(storing.run());
    }

    /// Puts an entry into memory, and `storing` on the board if there is one, in one step.
    fn replace(
        &self,
        (hash, tags): (u64, &[Tag]),
        storing: Option<&Arc<Flight<V>>>,
        (key, value): (K, V),
        exchange: &mut Exchange<'_, K, V>,
    ) {
        // Dropped after the lock.
        let listed = self.tagging.as_ref().map(|tagging| (tagging, key.clone()));
        self.flights.replace(hash, key, storing, |key| {
            exchange.new = Some((key, value));
            match &listed {
                None => self.memory.insert(hash, exchange),
                Some((tagging, key)) => {
                    tagging.place((hash, key), (tags, None), |_| self.memory.insert(hash, exchange));
                }
            }
        });
        self.tidy();
    }
}
