//! Several values written in one step.

use super::Storing;
use crate::backend::Record;
use crate::error::Result;
use crate::key::{Key, Value};
use crate::offload::offload;
use crate::time::Timestamp;
use std::sync::Arc;

impl<K: Key, V: Value> Storing<K, V> {
    /// As [`run`](Self::run) for each of them, which are of one cache.
    pub(crate) fn run_all(all: Vec<Self>) -> Result<()> {
        let Some(store) = all.first().map(|first| Arc::clone(&first.store)) else { return Ok(()) };
        if store.is_behind() || all.len() == 1 {
            return all.into_iter().map(Self::run).fold(Ok(()), Result::and);
        }
        let (mut all, bare) = Self::parted(all);
        let removed = bare.into_iter().map(Self::run).fold(Ok(()), Result::and);
        let (entries, now) = Self::entries(&mut all);
        let put = store.put_many(&entries, now);
        Self::keep(&mut all, entries);
        if put.is_err() {
            all.iter().filter(|one| one.replaces).for_each(|one| _ = store.remove(&one.key));
        }
        all.iter_mut().map(Self::undo_if_invalidated).fold(removed, Result::and)?;
        put
    }

    /// As [`run_async`](Self::run_async) for each of them.
    pub(crate) async fn run_all_async(all: Vec<Self>) -> Result<()> {
        let Some(store) = all.first().map(|first| Arc::clone(&first.store)) else { return Ok(()) };
        if Self::are_quick(&all) {
            return Self::run_all(all);
        }
        let Some(native) = store.native() else {
            return offload(move || Self::run_all(all)).await.unwrap_or(Ok(()));
        };
        let (mut all, bare) = Self::parted(all);
        let mut removed = Ok(());
        for one in bare {
            removed = removed.and(one.run_async().await);
        }
        let (entries, now) = Self::entries(&mut all);
        let put = store.put_many_async(native, &entries, now).await;
        Self::keep(&mut all, entries);
        for one in &mut all {
            if put.is_err() && one.replaces {
                // The error of the put says enough.
                let _ = store.remove_async(native, &one.key).await;
            }
            removed = removed.and(one.undo_async(native).await);
        }
        removed.and(put)
    }

    /// Those that are written together, and those without a form in bytes.
    fn parted(all: Vec<Self>) -> (Vec<Self>, Vec<Self>) {
        all.into_iter().partition(|one| one.record.is_some())
    }

    /// Their records, whose writing begins now.
    fn entries(all: &mut [Self]) -> (Vec<(Vec<u8>, Record)>, Timestamp) {
        let now = all.iter().map(|one| one.now).max();
        let entries = all.iter_mut().filter_map(|one| {
            one.begun = true;
            Some((one.key.clone(), one.record.take()?))
        });
        (entries.collect(), now.unwrap_or(Timestamp::from_micros(0)))
    }

    /// Gives each its record again: it may have to be taken back.
    fn keep(all: &mut [Self], entries: Vec<(Vec<u8>, Record)>) {
        all.iter_mut().zip(entries).for_each(|(one, (_, record))| one.record = Some(record));
    }
}
