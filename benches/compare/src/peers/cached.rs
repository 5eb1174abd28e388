//! cached's exact LRU, sharded by locks.

use super::Store;
use ::cached::ShardedLruCache;
use memolith::{Key, Value};
use std::sync::Arc;

pub(super) struct Cached<K, V>(Arc<ShardedLruCache<K, V>>);

impl<K: Key, V: Value> Cached<K, V> {
    pub(super) fn new(capacity: usize) -> Self {
        Cached(Arc::new(ShardedLruCache::new(capacity)))
    }
}

impl<K, V> Clone for Cached<K, V> {
    fn clone(&self) -> Self {
        Cached(Arc::clone(&self.0))
    }
}

impl<K: Key, V: Value> Store<K, V> for Cached<K, V> {
    #[inline]
    fn get(&mut self, key: &K) -> Option<V> {
        self.0.get(key)
    }

    #[inline]
    fn insert(&mut self, key: K, value: V) {
        self.0.set(key, value);
    }

    fn len(&mut self) -> usize {
        self.0.len()
    }
}
