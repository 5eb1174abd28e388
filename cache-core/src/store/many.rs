//! Several keys in one step.

use super::Store;
use crate::backend::{AsyncBackend, Record};
use crate::error::{Error, ErrorKind, Result};
use crate::fault::{BACKEND, panicked, unpanicked, unpanicked_async};
use crate::offload::offload;
use crate::tags::Carried;
use crate::time::Timestamp;
use std::sync::Arc;
use std::sync::atomic::Ordering;

impl Store {
    /// As [`get`](Self::get) for each of `keys`, in their order.
    pub(crate) fn get_many(&self, keys: &[&[u8]], now: Timestamp) -> Result<Vec<Option<Record>>> {
        self.open_at_last();
        let (mut records, mut asked) = (vec![None; keys.len()], Vec::new());
        for (at, key) in keys.iter().enumerate() {
            match (self.dooms.of(key), self.queued(key)) {
                (None, Some(queued)) => records[at] = queued.record,
                (None, None) => asked.push(at),
                // What could not be removed is removed now, or is no answer.
                (Some(_), _) => records[at] = self.get(key, now)?,
            }
        }
        if asked.is_empty() {
            return Ok(records);
        }
        if self.is_unsure() {
            let _ = self.tags().look();
        }
        let rest: Vec<&[u8]> = asked.iter().map(|at| keys[*at]).collect();
        let found = unpanicked(BACKEND, || self.backend.get_many(&self.space(), &rest, now))?;
        for (at, record) in asked.into_iter().zip(complete(found, rest.len())?) {
            records[at] = record;
        }
        Ok(records)
    }

    pub(crate) async fn get_many_async(
        self: &Arc<Self>,
        keys: &[&[u8]],
        now: Timestamp,
    ) -> Result<Vec<Option<Record>>> {
        let ready = self.behind().is_none() && !self.unopened.load(Ordering::Acquire);
        let ready = ready && !self.is_unsure() && keys.iter().all(|key| self.dooms.of(key).is_none());
        match self.backend.as_async().filter(|_| ready) {
            _ if keys.is_empty() => Ok(Vec::new()),
            Some(native) => {
                let space = self.space();
                let found = unpanicked_async(async { native.get_many(&space, keys, now).await }).await?;
                complete(found, keys.len())
            }
            None => {
                let store = Arc::clone(self);
                let keys: Vec<Vec<u8>> = keys.iter().map(|key| key.to_vec()).collect();
                let get = move || store.get_many(&keys.iter().map(Vec::as_slice).collect::<Vec<_>>(), now);
                offload(get).await.unwrap_or_else(|| Err(panicked(BACKEND)))
            }
        }
    }

    /// For each of `all`, whether none of its tags was invalidated since its computation began.
    pub(crate) fn are_good(&self, all: &[Arc<Carried>]) -> Result<Vec<bool>> {
        if all.is_empty() { Ok(Vec::new()) } else { self.tags().are_good(all) }
    }

    /// As [`are_good`](Self::are_good), off the executor where the backend has to be asked.
    pub(crate) async fn are_good_async(self: &Arc<Self>, all: Vec<Arc<Carried>>) -> Result<Vec<bool>> {
        if all.is_empty() {
            return Ok(Vec::new());
        }
        if let Some(known) = self.tags.get().and_then(|tags| tags.known(&all)) {
            return Ok(known);
        }
        let store = Arc::clone(self);
        offload(move || store.are_good(&all)).await.unwrap_or_else(|| Err(panicked(BACKEND)))
    }

    /// As [`put`](Self::put) for each of `entries`, where they do not go to the queue.
    pub(crate) fn put_many(&self, entries: &[(Vec<u8>, Record)], now: Timestamp) -> Result<()> {
        self.open_at_last();
        let before = self.dooms.before();
        unpanicked(BACKEND, || self.backend.put_many(&self.space(), entries, now))?;
        entries.iter().for_each(|(key, _)| self.dooms.lift(key, before));
        Ok(())
    }

    /// As [`put_many`](Self::put_many) through `native`.
    pub(crate) async fn put_many_async(
        &self,
        native: &dyn AsyncBackend,
        entries: &[(Vec<u8>, Record)],
        now: Timestamp,
    ) -> Result<()> {
        let before = self.dooms.before();
        unpanicked_async(async { native.put_many(&self.space(), entries, now).await }).await?;
        entries.iter().for_each(|(key, _)| self.dooms.lift(key, before));
        Ok(())
    }
}

/// A backend of somebody else's may return too little.
fn complete(found: Vec<Option<Record>>, asked: usize) -> Result<Vec<Option<Record>>> {
    if found.len() == asked {
        return Ok(found);
    }
    Err(Error::new(
        ErrorKind::Unavailable,
        format!("the backend was asked for {asked} keys and told of {}", found.len()),
    ))
}
