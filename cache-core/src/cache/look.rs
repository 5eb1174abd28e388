//! Looks at what is there: they compute nothing, and wait for nobody who does.

use super::Cache;
use crate::flights::{Caller, Join};
use crate::key::{Key, KeyRef, Value};
use crate::lease::{Fetched, Lease};
use crate::remote::{Opened, Remote};
use crate::storing::Storing;
use std::hash::BuildHasher;

impl<K: Key, V: Value> Cache<K, V> {
    /// The value if memory or the backend has it. Counts a hit or a miss, never computes, never waits for who does.
    /// It may be one whose time to live is over, as far as [`CacheBuilder::stale`](crate::CacheBuilder::stale) allows.
    pub fn get<Q: KeyRef<K> + ?Sized>(&self, key: &Q) -> Option<V> {
        let hash = self.hash(key);
        let value = self.find(hash, key).or_else(|| {
            let lease = self.look(hash, key, Caller::Thread)?;
            let fetched = lease.fetch();
            let (value, storing) = self.looked(lease, fetched);
            storing.map(|storing| self.report(storing.run()));
            value
        });
        self.found_or_old(hash, key, value)
    }

    /// As [`get`](Self::get), for tasks: where a backend is asked, it waits without blocking the executor. Cancelling the
    /// future is safe at every point.
    ///
    /// ```
    /// # use memolith_core::Cache;
    /// # async fn example(names: &Cache<u64, String>) {
    /// names.insert_async(5, "Ada".into()).await;
    /// assert_eq!(names.get_async(&5).await.as_deref(), Some("Ada"));
    /// # }
    /// ```
    pub async fn get_async<Q: KeyRef<K> + ?Sized>(&self, key: &Q) -> Option<V> {
        let hash = self.hash(key);
        let mut value = self.find(hash, key);
        if value.is_none()
            && let Some(lease) = self.look(hash, key, Caller::Task)
        {
            let fetched = lease.fetch_async().await;
            let (found, storing) = self.looked(lease, fetched);
            if let Some(storing) = storing {
                self.report(storing.run_async().await);
            }
            value = found;
        }
        self.found_or_old(hash, key, value)
    }

    /// Whether [`get`](Self::get) would find a value now, without computing one: also if its time to live is over, as far as
    /// [`CacheBuilder::stale`](crate::CacheBuilder::stale) allows. Counts nothing, and is no use for the eviction policy of
    /// memory. A backend is asked for the value, as `get` does, where memory has none.
    pub fn contains<Q: KeyRef<K> + ?Sized>(&self, key: &Q) -> bool {
        self.contains_here(key).unwrap_or_else(|remote| {
            let found = remote.key(&key.to_key()).and_then(|key| remote.get(&key, self.settings.clock.now()));
            self.is_found(found)
        })
    }

    /// As [`contains`](Self::contains), for tasks.
    pub async fn contains_async<Q: KeyRef<K> + ?Sized>(&self, key: &Q) -> bool {
        let remote = match self.contains_here(key) {
            Ok(known) => return known,
            Err(remote) => remote,
        };
        let Some(key) = self.report(remote.key(&key.to_key())) else { return false };
        self.is_found(remote.get_async(&key, self.settings.clock.now()).await)
    }

    /// What is known without asking the backend, or the backend.
    fn contains_here<Q: KeyRef<K> + ?Sized>(&self, key: &Q) -> Result<bool, &Remote<K, V>> {
        self.refresh();
        if self.settings.disabled() || !self.mode().reads {
            return Ok(false);
        }
        let hash = self.settings.hasher.hash_one(key);
        if self.memory.contains(hash, key, || self.now()) {
            return Ok(true);
        }
        self.remote.as_ref().filter(|_| !self.flights.is_stale(hash, key)).map_or(Ok(false), Err)
    }

    fn is_found(&self, found: Opened<V>) -> bool {
        self.report(found).flatten().is_some()
    }

    /// With what the backend is asked, unless it has nothing to say.
    pub(crate) fn look<Q: KeyRef<K> + ?Sized>(&self, hash: u64, key: &Q, caller: Caller) -> Option<Lease<'_, K, V>> {
        let mode = self.mode();
        if self.remote.is_none() || self.settings.disabled() || !mode.reads {
            return None;
        }
        // Where nothing that is read can be kept, nobody need know that it is read.
        let keeps = mode.writes && (!self.memory.is_off() || self.settings.tti.is_some());
        let (lease, stale) = match keeps.then(|| self.flights.join(hash, key, caller)) {
            Some(Join::Lead(lead)) => {
                let stale = lead.stale;
                (Lease::new(self, hash, lead, key), stale)
            }
            // We do not wait for who is at it, and what we read may be invalidated meanwhile, so it is not kept.
            _ => (Lease::reading(self, hash, key), self.flights.is_stale(hash, key)),
        };
        (!stale).then_some(lease)
    }

    /// What a look has found, and what is then to be written to the backend.
    fn looked(&self, lease: Lease<'_, K, V>, fetched: Fetched<V>) -> (Option<V>, Option<Storing<K, V>>) {
        match fetched {
            Fetched::Fresh(value, stamp, rest) => {
                let (value, storing) = self.found(lease, (value, stamp, rest));
                (Some(value), storing)
            }
            fetched => (self.passed(fetched), None),
        }
    }

    /// The answer, which nobody has counted if it is none by now.
    fn found_or_old<Q: KeyRef<K> + ?Sized>(&self, hash: u64, key: &Q, found: Option<V>) -> Option<V> {
        let value = found.or_else(|| self.find_old(hash, key));
        if value.is_none() {
            self.count_miss();
        }
        value
    }
}
