//! memolith's `Cache`, memory only.

use super::Store;
use memolith::{Cache, Key, Policy, Value};
use std::sync::Arc;

/// The policies that take part, exact LRU first.
pub const POLICIES: &[(&str, Policy)] = &[
    ("memolith Lru", Policy::Lru),
    ("memolith Mru", Policy::Mru),
    ("memolith Fifo", Policy::Fifo),
    ("memolith Lfu", Policy::Lfu),
    ("memolith Random", Policy::Random),
    ("memolith Sieve", Policy::Sieve),
    ("memolith S3Fifo", Policy::S3Fifo),
    ("memolith TinyLfu", Policy::TinyLfu),
];

/// A shared handle.
#[derive(Debug)]
pub struct Ours<K: Key, V: Value>(Arc<Cache<K, V>>);

impl<K: Key, V: Value> Ours<K, V> {
    /// A cache of `capacity` entries.
    #[must_use]
    pub fn new(capacity: usize, policy: Policy) -> Self {
        Ours(Arc::new(Cache::builder().maxsize(capacity).policy(policy).build()))
    }
}

impl<K: Key, V: Value> Clone for Ours<K, V> {
    fn clone(&self) -> Self {
        Ours(Arc::clone(&self.0))
    }
}

impl<K: Key, V: Value> Store<K, V> for Ours<K, V> {
    #[inline]
    fn get(&mut self, key: &K) -> Option<V> {
        self.0.get(key)
    }

    #[inline]
    fn insert(&mut self, key: K, value: V) {
        self.0.insert(key, value);
    }

    #[inline]
    fn get_or_insert_with(&mut self, key: &K, make: impl FnOnce() -> V) -> V {
        self.0.get_or_insert_with(key, make)
    }

    fn len(&mut self) -> usize {
        self.0.len()
    }
}
