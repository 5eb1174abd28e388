//! foyer's tier in memory, with a policy to choose.

use super::Store;
use foyer_memory::{Cache, CacheBuilder, EvictionConfig};
use memolith::{Key, Value};
use std::hash::BuildHasher;

/// Foyer's own number of shards.
pub(super) const SHARDS: usize = 8;

/// With foyer's own hasher.
pub(super) fn foyer<K: Key, V: Value>(
    capacity: usize,
    policy: impl Into<EvictionConfig>,
    shards: usize,
) -> impl Store<K, V> {
    Foyer(CacheBuilder::new(capacity).with_eviction_config(policy).with_shards(shards).build())
}

/// With another hasher.
pub(super) fn hashed<K: Key, V: Value>(
    capacity: usize,
    policy: impl Into<EvictionConfig>,
    hasher: impl BuildHasher + Send + Sync + 'static,
) -> impl Store<K, V> {
    Foyer(CacheBuilder::new(capacity).with_eviction_config(policy).with_hash_builder(hasher).build())
}

struct Foyer<K: Key, V: Value, S: BuildHasher + Send + Sync + 'static>(Cache<K, V, S>);

impl<K: Key, V: Value, S: BuildHasher + Send + Sync + 'static> Clone for Foyer<K, V, S> {
    fn clone(&self) -> Self {
        Foyer(self.0.clone())
    }
}

impl<K: Key, V: Value, S: BuildHasher + Send + Sync + 'static> Store<K, V> for Foyer<K, V, S> {
    #[inline]
    fn get(&mut self, key: &K) -> Option<V> {
        self.0.get(key).map(|entry| entry.value().clone())
    }

    #[inline]
    fn insert(&mut self, key: K, value: V) {
        self.0.insert(key, value);
    }

    fn len(&mut self) -> usize {
        self.0.entries()
    }
}
