//! Entries put in place and taken away by hand.

use crate::bytes::Stamp;
use crate::cache::Cache;
use crate::error::{ErrorKind, Result};
use crate::flight::Flight;
use crate::key::{Key, KeyRef, Value};
use crate::memory::{Departed, Exchange};
use crate::remote::{Remote, stamp};
use crate::removing::{Removing, What};
use crate::stale::Basis;
use crate::storing::{Posted, Storing};
use crate::sync::planted;
use crate::tags::{Carried, Tag};
use std::hash::BuildHasher;
use std::sync::Arc;
use std::time::Duration;

/// What is to be put in place.
struct Entry<K, V> {
    hash: u64,
    key: K,
    value: V,
    tags: Vec<Tag>,
    /// A time to live of its own.
    own: Option<Duration>,
}

/// What a removal goes on with, if the key has a name in the backend, and what has left memory.
type Removal<'a, K, V> = (Result<Removing<K, V>>, Departed<'a, K, V>);

impl<K: Key, V: Value> Cache<K, V> {
    /// Stores a value. What is being computed for the key at this moment is returned to its callers and not kept.
    ///
    /// It carries the tags that [`CacheBuilder::tags`](crate::CacheBuilder::tags) gives it. In the cache of a function
    /// with `tags = ..` it carries none, for those are asked of the arguments of a call.
    pub fn insert(&self, key: K, value: V) {
        self.store((key, value), None);
    }

    /// As [`insert`](Self::insert), for tasks: the backend is written to without blocking the executor. Cancelled, a write
    /// that has begun goes on by itself, so the value ends up in both tiers or in neither.
    ///
    /// ```
    /// # use memolith_core::Cache;
    /// # async fn example(names: &Cache<u64, String>) -> memolith_core::Result<()> {
    /// names.insert_async(5, "Ada".into()).await;
    /// assert!(names.remove_async(&5).await?);
    /// # Ok(())
    /// # }
    /// ```
    pub async fn insert_async(&self, key: K, value: V) {
        self.store_async((key, value), None).await;
    }

    /// Stores a value that lives for `ttl`, whatever the cache's own time to live. A time to idle ends it sooner: in a
    /// backend that counts from now, because uses do not prolong a record with a time of its own.
    pub fn insert_with_ttl(&self, key: K, value: V, ttl: Duration) {
        self.store((key, value), Some(ttl));
    }

    /// As [`insert_with_ttl`](Self::insert_with_ttl), for tasks.
    pub async fn insert_with_ttl_async(&self, key: K, value: V, ttl: Duration) {
        self.store_async((key, value), Some(ttl)).await;
    }

    /// Invalidates a key: the value is removed from both tiers, and what is being computed for it is not kept.
    /// Whether there was a value.
    ///
    /// # Errors
    /// Those of the backend, where the value may then still be: other processes may see it, and this one if it starts
    /// again. Until then this process does not serve it, and each use of the key tries again to remove it.
    pub fn remove<Q: KeyRef<K> + ?Sized>(&self, key: &Q) -> Result<bool> {
        let (here, removal) = self.forget(key);
        let Some((removing, _departed)) = removal else { return Ok(here) };
        let there = self.counted(removing.and_then(Removing::run));
        Ok(there? || here)
    }

    /// As [`remove`](Self::remove), for tasks. Cancelled, it is done all the same.
    ///
    /// # Errors
    /// As those of [`remove`](Self::remove).
    pub async fn remove_async<Q: KeyRef<K> + ?Sized>(&self, key: &Q) -> Result<bool> {
        let (here, removal) = self.forget(key);
        let Some((removing, _departed)) = removal else { return Ok(here) };
        let there = match removing {
            Ok(removing) => removing.run_async().await,
            Err(error) => Err(error),
        };
        Ok(self.counted(there)? || here)
    }

    /// Removes a key from memory. Whether it was there, what is to be done about the backend, and what is to be dropped
    /// after that: the listener hears of it when the backend has forgotten it too.
    fn forget<Q: KeyRef<K> + ?Sized>(&self, key: &Q) -> (bool, Option<Removal<'_, K, V>>) {
        self.refresh();
        let hash = self.settings.hasher.hash_one(key);
        let Some(remote) = &self.remote else {
            // Until it is gone, nobody is to find an old value there, and offer it to those who come when it is gone.
            let heeds = self.settings.aging.is_on() && !planted("offered after all");
            let _invalidation = heeds.then(|| self.flights.invalidate(hash, key));
            self.flights.forget(hash, key);
            return (self.memory.remove(hash, key, || self.now()).0, None);
        };
        let invalidation = self.flights.invalidate(hash, key);
        let (here, departed) = self.memory.remove(hash, key, || self.now());
        let removing = remote.key(&key.to_key()).map(|key| {
            let store = Arc::clone(&remote.store);
            Removing::new(invalidation, store, What::Key(key.bytes))
        });
        (here, Some((removing, departed)))
    }

    /// Removes the entries that `doomed` picks, and returns how many. It is asked outside of all locks, about entries where
    /// they lie in memory, and about copies of those in a backend; so of some twice. Costs a look at every place.
    ///
    /// What is inserted meanwhile may be seen or not. It has no form for tasks: give it a thread that may block.
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
        let (removing, _departed) = self.forget_all();
        self.cleared(removing.map(Removing::run))
    }

    /// As [`clear`](Self::clear), for tasks. Cancelled, the entries go all the same, and the counters stay.
    ///
    /// # Errors
    /// As those of [`clear`](Self::clear).
    pub async fn clear_async(&self) -> Result<()> {
        let (removing, _departed) = self.forget_all();
        let cleared = match removing {
            Some(removing) => Some(removing.run_async().await),
            None => None,
        };
        self.cleared(cleared)
    }

    /// Clears memory. What is to be done about the backend, and what is to be dropped after that.
    fn forget_all(&self) -> (Option<Removing<K, V>>, Departed<'_, K, V>) {
        let invalidation = self.flights.invalidate_all();
        let departed = self.memory.clear(|| {});
        let removing = |remote: &Remote<K, V>| Removing::new(invalidation, Arc::clone(&remote.store), What::All);
        (self.remote.as_ref().map(removing), departed)
    }

    fn cleared(&self, there: Option<Result<bool>>) -> Result<()> {
        self.counts.clear(|| self.memory.calls());
        self.memory.reset_counters();
        self.counted(there.map_or(Ok(()), |there| there.map(drop)))
    }

    fn store(&self, entry: (K, V), own: Option<Duration>) {
        let Some(entry) = self.entry(entry, own) else { return };
        if let Some(remote) = self.remote.as_ref().filter(|_| !entry.tags.is_empty()) {
            self.report(remote.store.ask_of_tags());
        }
        let (storing, _departed) = self.put_in_place(entry);
        storing.map(|storing| self.report(storing.run()));
    }

    async fn store_async(&self, entry: (K, V), own: Option<Duration>) {
        let Some(entry) = self.entry(entry, own) else { return };
        if let Some(remote) = self.remote.as_ref().filter(|_| !entry.tags.is_empty()) {
            self.report(remote.store.ask_of_tags_async().await);
        }
        let (storing, _departed) = self.put_in_place(entry);
        if let Some(storing) = storing {
            self.report(storing.run_async().await);
        }
    }

    /// What is to be put in place, if anything may be.
    fn entry(&self, (key, value): (K, V), own: Option<Duration>) -> Option<Entry<K, V>> {
        if self.settings.disabled() || !self.mode().writes {
            return None;
        }
        self.refresh();
        let tags = self.tagging.as_ref().map_or_else(Vec::new, |tagging| tagging.tags_of(&key, &value));
        Some(Entry { hash: self.settings.hasher.hash_one(&key), key, value, tags, own })
    }

    /// Puts an entry into memory. What is to be written to the backend, and what is to be dropped after that: the listener
    /// hears of it when the backend has the new value too, for it may panic.
    fn put_in_place(&self, entry: Entry<K, V>) -> (Option<Storing<K, V>>, Exchange<'_, K, V>) {
        let Entry { hash, key, value, tags, own } = entry;
        let term = self.settings.aging.term(own.or(self.settings.ttl), Duration::ZERO);
        let mut exchange = self.memory.exchange(self.life(term, self.settings.weigh(&key, &value)));
        let named = self.remote.as_ref().and_then(|remote| Some((remote, self.report(remote.key(&key))?)));
        let Some((remote, bytes)) = named else {
            self.replace((hash, &tags), None, (key, value), &mut exchange);
            return (None, exchange);
        };
        let stamp = stamp(self.settings.clock.now(), self.settings.remote_life(term.end), Duration::ZERO);
        let created = stamp.created;
        let carried = (!tags.is_empty()).then(|| {
            let (epoch, clock) = remote.store.tags().present();
            Arc::new(Carried { epoch, clock, tags: tags.clone() })
        });
        // Without an epoch nobody would believe it.
        let believed = carried.as_ref().is_none_or(|carried| carried.epoch != 0);
        let stamp = Stamp { own_life: own.is_some(), tags: carried, ..stamp };
        let record = believed.then(|| self.report(remote.seal(&bytes, &value, stamp))).flatten();
        let flight = Flight::landed(value.clone());
        let posted = Posted { flights: Arc::clone(&self.flights), hash, ticket: flight.ticket(), claim: None };
        let place = (Arc::clone(&remote.store), Basis::Own);
        let storing = Storing::new(posted, place, (bytes.bytes, record), created).replacing();
        self.replace((hash, &tags), Some(&flight), (key, value), &mut exchange);
        (Some(storing), exchange)
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
