//! The removal of what was invalidated from the backend.

use crate::error::Result;
use crate::flights::Invalidation;
use crate::key::{Key, Value};
use crate::store::Store;
use std::sync::Arc;

/// One removal. It goes on to its end even if the task that began it is cancelled: until then the backend is not asked for
/// what is to go, or an old value would be kept that others take for removed.
pub(crate) struct Removing<K: Key, V: Value> {
    /// None once it has ended.
    invalidation: Option<Invalidation<K, V>>,
    store: Arc<Store>,
    what: What,
}

/// What is to go.
pub(crate) enum What {
    Key(Vec<u8>),
    All,
}

impl<K: Key, V: Value> Removing<K, V> {
    pub(crate) fn new(invalidation: Invalidation<K, V>, store: Arc<Store>, what: What) -> Self {
        Removing { invalidation: Some(invalidation), store, what }
    }

    /// Removes on this thread. Whether there was something, as far as that is known.
    pub(crate) fn run(mut self) -> Result<bool> {
        let removed = match &self.what {
            What::Key(key) => self.store.remove(key),
            What::All => self.store.clear().map(|()| true),
        };
        self.invalidation = None;
        removed
    }

    /// Removes without blocking the executor.
    pub(crate) async fn run_async(mut self) -> Result<bool> {
        let store = Arc::clone(&self.store);
        if let (Some(native), What::Key(key)) = (store.native(), &self.what) {
            let removed = store.remove_async(native, key).await;
            self.invalidation = None;
            return removed;
        }
        store.carry_out(move || self.run()).await
    }
}

impl<K: Key, V: Value> Drop for Removing<K, V> {
    fn drop(&mut self) {
        let Some(invalidation) = self.invalidation.take() else { return };
        // Cancelled in the middle of a native removal: whether it happened is unknown.
        let what = std::mem::replace(&mut self.what, What::All);
        let rest = Removing::new(invalidation, Arc::clone(&self.store), what);
        self.store.see_to(move || rest.run().map(drop));
    }
}
