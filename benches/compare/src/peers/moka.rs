//! moka: TinyLFU, with its bookkeeping put off into queues.

use super::Store;
use ::moka::sync::Cache;
use memolith::{Key, Value};
use std::hash::{BuildHasher, RandomState};

#[derive(Clone)]
pub(super) struct Moka<K, V, S = RandomState>(Cache<K, V, S>);

impl<K: Key, V: Value> Moka<K, V> {
    pub(super) fn new(capacity: usize) -> Self {
        Moka(Cache::new(capacity as u64))
    }
}

impl<K: Key, V: Value, S: BuildHasher + Clone + Send + Sync + 'static> Moka<K, V, S> {
    pub(super) fn with_hasher(capacity: usize, hasher: S) -> Self {
        Moka(Cache::builder().max_capacity(capacity as u64).build_with_hasher(hasher))
    }
}

impl<K: Key, V: Value, S: BuildHasher + Clone + Send + Sync + 'static> Store<K, V> for Moka<K, V, S> {
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
        self.0.get_with_by_ref(key, make)
    }

    fn len(&mut self) -> usize {
        self.0.run_pending_tasks();
        usize::try_from(self.0.entry_count()).unwrap_or(usize::MAX)
    }
}
