//! Several values written in one step.

use super::Storing;
use crate::backend::Record;
use crate::error::Result;
use crate::key::{Key, Value};
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
            return store.carry_out(move || Self::run_all(all)).await;
        };
        let (mut all, bare) = Self::parted(all);
        let (entries, now) = Self::entries(&mut all);
        let mut under_way = UnderWay { all, entries };
        let put = store.put_many_async(native, &under_way.entries, now).await;
        let (mut all, mut removed) = (under_way.land(), Ok(()));
        for one in &mut all {
            if put.is_err() && one.replaces {
                // The error of the put says enough.
                let _ = store.remove_async(native, &one.key).await;
            }
            removed = removed.and(one.undo_async(native).await);
        }
        // Not before the others: if we were cancelled here, those would be in memory alone.
        for one in bare {
            removed = removed.and(one.run_async().await);
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

/// Several on their way to the backend.
struct UnderWay<K: Key, V: Value> {
    all: Vec<Storing<K, V>>,
    /// Their records.
    entries: Vec<(Vec<u8>, Record)>,
}

impl<K: Key, V: Value> UnderWay<K, V> {
    /// They have arrived, or not.
    fn land(&mut self) -> Vec<Storing<K, V>> {
        let (mut all, entries) = (std::mem::take(&mut self.all), std::mem::take(&mut self.entries));
        Storing::keep(&mut all, entries);
        all
    }
}

impl<K: Key, V: Value> Drop for UnderWay<K, V> {
    fn drop(&mut self) {
        let all = self.land();
        let Some(store) = all.first().map(|first| Arc::clone(&first.store)) else { return };
        // Cancelled: whether it happened is unknown. What was invalidated meanwhile ends by itself.
        store.see_to(move || Storing::run_all(all.into_iter().filter(Storing::is_kept).collect()));
    }
}
