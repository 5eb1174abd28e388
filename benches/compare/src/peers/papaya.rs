//! papaya: a map without locks, and without a bound.

use super::Store;
use ::papaya::HashMap;
use memolith::{Key, Value};
use std::sync::Arc;

pub(super) struct Papaya<K, V>(Arc<HashMap<K, V>>);

impl<K: Key, V: Value> Papaya<K, V> {
    pub(super) fn new(capacity: usize) -> Self {
        Papaya(Arc::new(HashMap::with_capacity(capacity)))
    }
}

impl<K, V> Clone for Papaya<K, V> {
    fn clone(&self) -> Self {
        Papaya(Arc::clone(&self.0))
    }
}

impl<K: Key, V: Value> Store<K, V> for Papaya<K, V> {
    #[inline]
    fn get(&mut self, key: &K) -> Option<V> {
        self.0.pin().get(key).cloned()
    }

    #[inline]
    fn insert(&mut self, key: K, value: V) {
        self.0.pin().insert(key, value);
    }

    fn len(&mut self) -> usize {
        self.0.len()
    }
}
