//! The floors: what a lookup and an exact LRU cost without threads, counters, time or callbacks.

use super::Store;
use ::schnellru::{ByLength, LruMap};
use hashbrown::HashMap;
use memolith::{Key, Value};

/// hashbrown's map: no order, no bound.
#[derive(Clone, Debug, Default)]
pub struct Bare<K, V>(HashMap<K, V>);

impl<K: Key, V: Value> Bare<K, V> {
    /// A map that grows as it is filled, so that it is as small as it can be.
    #[must_use]
    pub fn new(_: usize) -> Self {
        Bare(HashMap::new())
    }
}

impl<K: Key, V: Value> Store<K, V> for Bare<K, V> {
    #[inline]
    fn get(&mut self, key: &K) -> Option<V> {
        self.0.get(key).cloned()
    }

    #[inline]
    fn insert(&mut self, key: K, value: V) {
        self.0.insert(key, value);
    }

    fn len(&mut self) -> usize {
        self.0.len()
    }
}

/// schnellru's map: a hash table and a list in it.
pub struct BareLru<K, V>(LruMap<K, V, ByLength>);

impl<K: Key, V: Value> BareLru<K, V> {
    /// A map of `capacity` entries.
    #[must_use]
    pub fn new(capacity: usize) -> Self {
        BareLru(LruMap::new(ByLength::new(u32::try_from(capacity).unwrap_or(u32::MAX))))
    }
}

impl<K: Key, V: Value> Clone for BareLru<K, V> {
    /// A copy with the same entries in the same order.
    fn clone(&self) -> Self {
        let mut copy = BareLru::new(self.0.limiter().max_length() as usize);
        let entries: Vec<_> = self.0.iter().collect();
        entries.into_iter().rev().for_each(|(key, value)| copy.insert(key.clone(), value.clone()));
        copy
    }
}

impl<K, V> std::fmt::Debug for BareLru<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("BareLru")
    }
}

impl<K: Key, V: Value> Store<K, V> for BareLru<K, V> {
    #[inline]
    fn get(&mut self, key: &K) -> Option<V> {
        self.0.get(key).cloned()
    }

    #[inline]
    fn insert(&mut self, key: K, value: V) {
        self.0.insert(key, value);
    }

    #[inline]
    fn get_or_insert_with(&mut self, key: &K, make: impl FnOnce() -> V) -> V {
        self.0.get_or_insert(key.clone(), make).expect("a bound by length refuses nothing").clone()
    }

    fn len(&mut self) -> usize {
        self.0.len()
    }
}
