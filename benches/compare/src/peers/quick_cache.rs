//! quick_cache: Clock-PRO, sharded by locks.

use super::Store;
use ::quick_cache::sync::{Cache, DefaultLifecycle};
use ::quick_cache::{DefaultHashBuilder, OptionsBuilder, UnitWeighter};
use memolith::{Key, Value};
use std::convert::Infallible;
use std::sync::Arc;

pub(super) struct QuickCache<K, V>(Arc<Cache<K, V>>);

impl<K: Key, V: Value> QuickCache<K, V> {
    pub(super) fn new(capacity: usize) -> Self {
        QuickCache(Arc::new(Cache::new(capacity)))
    }

    /// In one piece: better decisions in a small cache, and more waiting.
    pub(super) fn unsharded(capacity: usize) -> Self {
        let mut options = OptionsBuilder::new();
        options.estimated_items_capacity(capacity).weight_capacity(capacity as u64).shards(1);
        let options = options.build().expect("both capacities are given");
        let (hasher, lifecycle) = (DefaultHashBuilder::default(), DefaultLifecycle::default());
        QuickCache(Arc::new(Cache::with_options(options, UnitWeighter, hasher, lifecycle)))
    }
}

impl<K, V> Clone for QuickCache<K, V> {
    fn clone(&self) -> Self {
        QuickCache(Arc::clone(&self.0))
    }
}

impl<K: Key, V: Value> Store<K, V> for QuickCache<K, V> {
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
        let Ok(value) = self.0.get_or_insert_with(key, || Ok::<_, Infallible>(make()));
        value
    }

    fn len(&mut self) -> usize {
        self.0.len()
    }
}
