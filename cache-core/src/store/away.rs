//! What is done off the executor, and goes on when its task is cancelled.

use super::Store;
use crate::error::Result;
use crate::fault::{BACKEND, panicked, tell};
use crate::offload::offload;
use std::sync::Arc;

impl Store {
    /// Does `work` off the executor.
    pub(crate) async fn away<T: Send + 'static>(self: &Arc<Self>, work: fn(&Store) -> Result<T>) -> Result<T> {
        let store = Arc::clone(self);
        self.carry_out(move || work(&store)).await
    }

    /// The same for work that is done on behalf of one call. If that is cancelled, nobody but us learns of an error.
    pub(crate) async fn carry_out<T: Send + 'static>(
        self: &Arc<Self>,
        work: impl FnOnce() -> Result<T> + Send + 'static,
    ) -> Result<T> {
        let caller = Arc::new(());
        let (store, waits) = (Arc::clone(self), Arc::downgrade(&caller));
        let away = offload(move || {
            let done = work();
            if waits.strong_count() == 0 {
                store.tell(&done);
            }
            done
        });
        let done = away.await.unwrap_or_else(|| Err(panicked(BACKEND)));
        drop(caller);
        done
    }

    /// Does what a cancelled call has left, off the executor.
    pub(crate) fn see_to(self: &Arc<Self>, rest: impl FnOnce() -> Result<()> + Send + 'static) {
        let store = Arc::clone(self);
        drop(offload(move || store.tell(&rest())));
    }

    /// Counts and reports an error that no caller is there to see.
    fn tell<T>(&self, done: &Result<T>) {
        done.as_ref().err().into_iter().for_each(|error| tell(&self.report, error));
    }
}
