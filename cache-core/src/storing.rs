//! The writing of one computed value to the backend, so that an invalidation meanwhile wins.

mod all;

use crate::backend::{AsyncBackend, Claim, Record};
use crate::error::Result;
use crate::flights::Flights;
use crate::key::{Key, Value};
use crate::stale::{Basis, Mark};
use crate::store::Store;
use crate::time::Timestamp;
use crate::waits::Ticket;
use std::sync::Arc;

/// A computation and where it is posted.
pub(crate) struct Posted<K: Key, V: Value> {
    pub(crate) flights: Arc<Flights<K, V>>,
    pub(crate) hash: u64,
    pub(crate) ticket: Ticket,
    /// Held until the value is written or given up.
    pub(crate) claim: Option<Claim>,
}

impl<K: Key, V: Value> Posted<K, V> {
    /// Takes it off the board.
    fn take(&self) {
        drop(self.flights.discard(self.hash, self.ticket));
    }

    /// Whether another value was put in place since this one was.
    fn is_superseded(&self) -> bool {
        self.flights.is_superseded(self.hash, self.ticket)
    }

    /// As `take` once the value is written. If its key was invalidated meanwhile, returns what is to be taken off when
    /// the value has been removed again.
    fn settle(self) -> Option<Self> {
        if self.flights.settle(self.hash, self.ticket) { None } else { Some(self) }
    }
}

/// One write. It goes on to its end even if the task that began it is cancelled: until it is known how it ended,
/// the flight stays on the board, so that an invalidation can be made good.
pub(crate) struct Storing<K: Key, V: Value> {
    /// None once the flight is off the board.
    posted: Option<Posted<K, V>>,
    store: Arc<Store>,
    key: Vec<u8>,
    /// None where the queue has it, and from the beginning of a value that has no form in bytes: then what is there goes.
    record: Option<Record>,
    /// Whether there is something to be undone.
    begun: bool,
    now: Timestamp,
    /// What others had removed when the value was there.
    mark: Mark,
    /// Another value may be in its place: if that cannot be replaced, it goes.
    replaces: bool,
}

impl<K: Key, V: Value> Storing<K, V> {
    pub(crate) fn new(
        posted: Posted<K, V>,
        (store, basis): (Arc<Store>, Basis),
        (key, record): (Vec<u8>, Option<Record>),
        now: Timestamp,
    ) -> Self {
        let (mark, begun) = (store.mark(basis), record.is_none());
        Storing { posted: Some(posted), store, key, record, begun, now, mark, replaces: false }
    }

    /// The same where another value may be in its place: if that cannot be replaced, it goes.
    pub(crate) fn replacing(mut self) -> Self {
        self.replaces = true;
        self
    }

    /// Writes on this thread.
    pub(crate) fn run(mut self) -> Result<()> {
        let written = match self.record {
            Some(_) => self.put(),
            None => self.store.remove(&self.key).map(drop),
        };
        self.undo_if_invalidated()?;
        written
    }

    /// Writes what was begun, and cancelled: memory has the value, and so would be alone with it. If it was invalidated
    /// meanwhile it goes, and what it was to replace.
    fn run_again(mut self) -> Result<()> {
        if self.is_kept() {
            return self.run();
        }
        let Some(invalidated) = self.posted.take() else { return Ok(()) };
        let superseded = || invalidated.is_superseded();
        let record = self.record.as_ref().filter(|_| !self.replaces || superseded());
        let taken = self.store.take_back(&self.key, record, &superseded);
        invalidated.take();
        taken.map(drop)
    }

    /// Whether nobody has invalidated the value.
    fn is_kept(&self) -> bool {
        self.outdate_if_others_removed();
        self.posted.as_ref().is_some_and(|posted| posted.flights.is_storing(posted.hash, posted.ticket))
    }

    /// Writes without blocking the executor.
    pub(crate) async fn run_async(mut self) -> Result<()> {
        if Self::are_quick(std::slice::from_ref(&self)) {
            return self.run();
        }
        let store = Arc::clone(&self.store);
        let Some(native) = store.native() else {
            return store.carry_out(move || self.run()).await;
        };
        self.begun = true;
        let written = match &self.record {
            Some(record) => {
                let put = store.put_async(native, &self.key, record, self.now).await;
                if put.is_err() && self.replaces {
                    let _ = store.remove_async(native, &self.key).await;
                }
                put
            }
            None => store.remove_async(native, &self.key).await.map(drop),
        };
        self.undo_async(native).await?;
        written
    }

    /// As [`undo_if_invalidated`](Self::undo_if_invalidated) through `native`.
    async fn undo_async(&mut self, native: &dyn AsyncBackend) -> Result<()> {
        self.outdate_if_others_removed();
        self.posted = self.posted.take().and_then(Posted::settle);
        if self.posted.is_none() {
            return Ok(());
        }
        // If we are cancelled here, our drop removes it.
        let taken = self.store.take_back_async(native, &self.key, self.record.as_ref()).await;
        self.posted.take().into_iter().for_each(|posted| posted.take());
        taken.map(drop)
    }

    /// Whether to write `all`, which are of one cache, is to put them into a queue that has room for them.
    fn are_quick(all: &[Self]) -> bool {
        let Some(store) = all.first().map(|first| &first.store).filter(|store| store.is_behind()) else { return false };
        let size = |one: &Self| Some(one.key.len() + one.record.as_ref()?.value.len());
        all.iter().map(size).sum::<Option<usize>>().is_some_and(|bytes| store.has_room(all.len(), bytes))
    }

    fn put(&mut self) -> Result<()> {
        let Some(posted) = &mut self.posted else { return Ok(()) };
        self.begun = true;
        let Posted { flights, hash, ticket, claim } = posted;
        let superseded = || flights.is_superseded(*hash, *ticket);
        let put = self.store.put(&self.key, (&mut self.record, self.mark, claim), (&superseded, self.now));
        if put.is_err() && self.replaces {
            // The error of the put says enough.
            let _ = self.store.remove(&self.key);
        }
        put
    }

    /// What others have removed while we wrote may be what we have written.
    fn outdate_if_others_removed(&self) {
        if let Some(posted) = self.posted.as_ref().filter(|_| self.store.is_past(self.mark)) {
            posted.flights.doom(posted.hash, posted.ticket);
        }
    }

    fn undo_if_invalidated(&mut self) -> Result<()> {
        self.outdate_if_others_removed();
        let Some(invalidated) = self.posted.take().and_then(Posted::settle) else { return Ok(()) };
        let taken = self.store.take_back(&self.key, self.record.as_ref(), &|| invalidated.is_superseded());
        invalidated.take();
        taken.map(drop)
    }
}

impl<K: Key, V: Value> Drop for Storing<K, V> {
    fn drop(&mut self) {
        let Some(posted) = self.posted.take() else { return };
        if !self.begun {
            // Nothing was written.
            posted.take();
            return;
        }
        // Cancelled in the middle of a native write: whether it happened is unknown.
        let rest = Storing {
            posted: Some(posted),
            store: Arc::clone(&self.store),
            key: std::mem::take(&mut self.key),
            record: self.record.take(),
            ..*self
        };
        self.store.see_to(move || rest.run_again());
    }
}
