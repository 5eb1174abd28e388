//! schnellru's exact LRU under a lock.

use super::Store;
use ::schnellru::{ByLength, LruMap};
use memolith::{Key, Value};
use parking_lot::Mutex;
use std::sync::Arc;

pub(super) struct Schnellru<K, V>(Arc<Mutex<LruMap<K, V, ByLength>>>);

impl<K: Key, V: Value> Schnellru<K, V> {
    pub(super) fn new(capacity: usize) -> Self {
        let length = u32::try_from(capacity).unwrap_or(u32::MAX);
        Schnellru(Arc::new(Mutex::new(LruMap::new(ByLength::new(length)))))
    }
}

impl<K, V> Clone for Schnellru<K, V> {
    fn clone(&self) -> Self {
        Schnellru(Arc::clone(&self.0))
    }
}

impl<K: Key, V: Value> Store<K, V> for Schnellru<K, V> {
    #[inline]
    fn get(&mut self, key: &K) -> Option<V> {
        self.0.lock().get(key).cloned()
    }

    #[inline]
    fn insert(&mut self, key: K, value: V) {
        self.0.lock().insert(key, value);
    }

    fn len(&mut self) -> usize {
        self.0.lock().len()
    }
}
