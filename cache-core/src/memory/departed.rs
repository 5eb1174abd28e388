//! Entries on their way out: told to the listener and dropped, outside of all locks.

use super::limbo::Unlinked;
use super::table::Table;
use super::{Cause, Memory};
use crate::key::{Key, Value};
use std::mem::needs_drop;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::thread::panicking;

/// Entries dropped at a time, so that the lock is never held for long.
const BATCH: usize = 1024;

/// What has left a memory tier. Its drop tells the listener and drops the values: so it happens outside of all locks.
#[must_use]
pub(crate) struct Departed<'a, K: Key, V: Value> {
    memory: &'a Memory<K, V>,
    /// To be dropped.
    entries: Few<(K, V)>,
    /// To be told to the listener, where they lie.
    untold: Few<(Unlinked, Cause)>,
    /// When those who are told are to be dropped.
    when: When,
}

/// When values that have left are dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum When {
    /// Before the call returns, unless somebody is reading them.
    Now,
    /// When that costs no fence, or enough have gathered.
    Soon,
}

/// A list whose common case is one, which needs no allocation.
struct Few<T> {
    first: Option<T>,
    rest: Vec<T>,
}

impl<'a, K: Key, V: Value> Departed<'a, K, V> {
    pub(super) fn new(memory: &'a Memory<K, V>, when: When) -> Self {
        Departed { memory, entries: Few::new(), untold: Few::new(), when }
    }

    /// An entry that nobody reads.
    pub(super) fn push(&mut self, entry: (K, V)) {
        if needs_drop::<(K, V)>() {
            self.entries.push(entry);
        }
    }

    /// An entry that nobody has been told of.
    pub(super) fn push_untold(&mut self, gone: Unlinked, cause: Cause) {
        self.untold.push((gone, cause));
    }
}

impl<K: Key, V: Value> Drop for Departed<'_, K, V> {
    #[inline]
    fn drop(&mut self) {
        if !self.untold.is_empty() {
            self.tell();
        }
    }
}

impl<K: Key, V: Value> Departed<'_, K, V> {
    #[inline(never)]
    fn tell(&mut self) {
        let untold = self.untold.take();
        let Some(listener) = &self.memory.listener else { return };
        let mut panic = None;
        for (slot, cause) in untold.iter() {
            let (key, value) = self.memory.slab.unlinked(slot);
            // Those who come after one at which the listener panics are told too, and all slots come back.
            let told = catch_unwind(AssertUnwindSafe(|| listener(key, value, *cause)));
            panic = panic.or(told.err());
        }
        self.memory.bury(untold, self.when);
        if let Some(panic) = panic.filter(|_| !panicking()) {
            resume_unwind(panic);
        }
    }
}

impl<K: Key, V: Value> Memory<K, V> {
    /// Sends those to limbo who were told.
    fn bury(&self, told: Few<(Unlinked, Cause)>, when: When) {
        let mut departed = Departed::new(self, when);
        let mut table = self.table.0.lock();
        told.into_iter().for_each(|(slot, _)| table.bury(slot));
        if when == When::Soon {
            return self.drop_some(&mut table, &mut departed);
        }
        drop(table);
        self.drop_all_unread();
    }

    /// After an insertion: what has left is dropped at once where that costs no fence, else when enough has gathered.
    pub(super) fn drop_some(&self, table: &mut Table, departed: &mut Departed<'_, K, V>) {
        let costs_no_fence = table.limbo.is_empty() || self.stripes.only_mine();
        if table.is_limbo_full() || costs_no_fence {
            self.drop_unread(table, departed);
        }
    }

    /// After a removal: the values are gone when the call returns, unless somebody is reading them.
    pub(super) fn drop_unread(&self, table: &mut Table, departed: &mut Departed<'_, K, V>) {
        if !needs_drop::<(K, V)>() && !table.limbo.is_full() {
            return;
        }
        if !table.limbo.is_empty() {
            self.sort_limbo(table);
        }
        for _ in 0..BATCH {
            let Some(unread) = table.limbo.pop() else { return };
            table.free.push(unread.slot());
            departed.push(self.slab.take(&mut table.occupied, unread));
        }
    }

    /// As [`drop_unread`](Self::drop_unread) after the removal of many.
    pub(super) fn drop_all_unread(&self) {
        while self.drop_batch() {}
    }

    /// Whether there is more to drop.
    fn drop_batch(&self) -> bool {
        let mut departed = Departed::new(self, When::Now);
        let mut table = self.table.0.lock();
        self.drop_unread(&mut table, &mut departed);
        needs_drop::<(K, V)>() && !table.limbo.is_settled()
    }
}

impl<T> Few<T> {
    const fn new() -> Self {
        Few { first: None, rest: Vec::new() }
    }

    fn push(&mut self, one: T) {
        match self.first {
            None => self.first = Some(one),
            Some(_) => self.rest.push(one),
        }
    }

    fn take(&mut self) -> Self {
        std::mem::replace(self, Few::new())
    }

    fn is_empty(&self) -> bool {
        self.first.is_none()
    }

    fn iter(&self) -> impl Iterator<Item = &T> {
        self.first.iter().chain(&self.rest)
    }

    fn into_iter(self) -> impl Iterator<Item = T> {
        self.first.into_iter().chain(self.rest)
    }
}

#[cfg(all(test, not(any(shuttle, loom))))]
mod tests {
    use super::super::{Bounds, Life, NEVER};
    use super::*;
    use crate::eviction::Policy;
    use std::hash::BuildHasher;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    #[test]
    fn every_slot_comes_back_from_a_listener_that_panics() {
        let heard = Arc::new(AtomicUsize::new(0));
        let hears = Arc::clone(&heard);
        let listener = move |_: &u64, _: &Arc<()>, _| assert!(hears.fetch_add(1, Relaxed).is_multiple_of(2), "planned");
        let bounds = Bounds { maxsize: Some(100), max_weight: None, policy: Policy::Lru, tti: None };
        let hasher = hashbrown::DefaultHashBuilder::default();
        let memory = Memory::new(bounds, hasher.clone(), Some(Box::new(listener)), 1);
        let live = Arc::new(());
        let quietly = |work: &dyn Fn()| catch_unwind(AssertUnwindSafe(work)).is_ok();
        for round in 0..5_000u64 {
            let key = round % 170;
            let life = Life { now: 0, due: NEVER, limit: NEVER, weight: 0 };
            quietly(&|| {
                let mut exchange = memory.exchange(life);
                exchange.new = Some((key, Arc::clone(&live)));
                memory.insert(hasher.hash_one(key), &mut exchange);
            });
            match round % 500 {
                0 => _ = quietly(&|| drop(memory.clear(|| {}))),
                1..10 => _ = quietly(&|| drop(memory.remove(hasher.hash_one(key), &key, || 0))),
                250 => _ = quietly(&|| drop(memory.remove_if(0, |key, _| key % 3 == 0))),
                _ => {}
            }
        }
        assert!(heard.load(Relaxed) > 1_000);
        let table = memory.table.0.lock();
        assert!(table.fresh as usize <= table.slots_for(100), "{} slots", table.fresh);
        assert_eq!(Arc::strong_count(&live), 1 + table.len);
    }
}
