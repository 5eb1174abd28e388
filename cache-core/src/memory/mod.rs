//! The typed in-process tier: values stay `V`, nothing is serialized.

mod expiry;
mod lock;
mod table;

use crate::eviction::Policy;
use crate::key::{Key, KeyRef, Value};
use crate::sync::{AtomicBool, AtomicU64};
use lock::Lock;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use table::{Found, Table};

pub(crate) use table::{Displaced, Life, NEVER, later};

/// One table behind one lock, so that no part of it is full while another has room.
#[derive(Debug)]
pub(crate) struct Memory<K, V> {
    table: Lock<Table<K, V>>,
    /// A hint that nothing is kept; the table knows.
    off: AtomicBool,
    /// Whether an entry with a time to live was ever inserted.
    mortal: AtomicBool,
    pub(crate) evictions: AtomicU64,
    pub(crate) expired: AtomicU64,
}

/// What bounds a memory tier.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Bounds {
    pub(crate) maxsize: Option<usize>,
    pub(crate) max_weight: Option<u64>,
    pub(crate) policy: Policy,
    /// Time to live since last used.
    pub(crate) tti: Option<Duration>,
}

impl<K: Key, V: Value> Memory<K, V> {
    pub(crate) fn new(bounds: Bounds, seed: u64) -> Self {
        let table = Table::new(bounds, seed);
        let off = AtomicBool::new(bounds.maxsize == Some(0));
        Memory {
            table: Lock::new(table),
            off,
            mortal: AtomicBool::new(false),
            evictions: AtomicU64::new(0),
            expired: AtomicU64::new(0),
        }
    }

    /// The live value of `key`, and a hit for the eviction policy. `now` is only asked where something can expire.
    #[inline(always)]
    pub(crate) fn get<Q: KeyRef<K> + ?Sized>(&self, hash: u64, key: &Q, now: impl Fn() -> u64) -> Option<V> {
        let mut table = self.table.write();
        match table.find(hash, key, &now) {
            Found::Live(slot) => {
                // The clone comes first: if it panics, nothing has changed.
                let value = table.value(slot).clone();
                table.touch(slot, now);
                Some(value)
            }
            Found::Expired(slot) => {
                let entry = table.take(slot);
                drop(table);
                drop(entry);
                self.expired.fetch_add(1, Relaxed);
                None
            }
            Found::Nothing => None,
        }
    }

    /// Whether there is no room for anything.
    #[inline]
    pub(crate) fn is_off(&self) -> bool {
        self.off.load(Relaxed)
    }

    /// Whether `key` has a live value; no hit for anybody.
    pub(crate) fn contains<Q: KeyRef<K> + ?Sized>(&self, hash: u64, key: &Q, now: impl Fn() -> u64) -> bool {
        matches!(self.table.read().find(hash, key, &now), Found::Live(_))
    }

    /// Stores or replaces what is in `new`, in the same step evicting what has to leave. What left is dropped by the
    /// caller, outside of all locks, and so is what found no room and stays in `new`.
    #[must_use]
    pub(crate) fn insert(&self, hash: u64, new: &mut Option<(K, V)>, life: Life) -> Displaced<K, V> {
        if life.limit != NEVER && !self.mortal.load(Relaxed) {
            self.mortal.store(true, Relaxed);
        }
        let displaced = self.table.write().insert(hash, new, life);
        self.count(&displaced);
        displaced
    }

    pub(crate) fn remove<Q: KeyRef<K> + ?Sized>(&self, hash: u64, key: &Q, now: impl Fn() -> u64) -> bool {
        let mut table = self.table.write();
        let (slot, live) = match table.find(hash, key, &now) {
            Found::Live(slot) => (slot, true),
            Found::Expired(slot) => (slot, false),
            Found::Nothing => return false,
        };
        let entry = table.take(slot);
        drop(table);
        drop(entry);
        if !live {
            self.expired.fetch_add(1, Relaxed);
        }
        live
    }

    /// Removes the entries that `doomed` picks; it is asked outside of the lock, about a copy.
    pub(crate) fn remove_if(&self, now: u64, mut doomed: impl FnMut(&K, &V) -> bool) -> usize {
        let (mut from, mut removed) = (0, 0);
        loop {
            // Outside of the statement that locks, because a clone that panics drops those before it.
            let mut page = Vec::new();
            let next = self.table.read().page(from, now, &mut page);
            for (slot, stamp, key, value) in page {
                if doomed(&key, &value) {
                    // Unless the entry was replaced while we asked.
                    let entry = self.table.write().take_same(slot, stamp);
                    removed += usize::from(entry.is_some());
                }
            }
            match next {
                Some(next) => from = next,
                None => return removed,
            }
        }
    }

    /// Removes everything.
    pub(crate) fn clear(&self) {
        let entries = self.table.write().clear();
        drop(entries);
    }

    pub(crate) fn reset_counters(&self) {
        self.evictions.store(0, Relaxed);
        self.expired.store(0, Relaxed);
    }

    /// Whether an insertion has to say what time it is, because something may have expired.
    #[inline]
    pub(crate) fn is_mortal(&self) -> bool {
        self.mortal.load(Relaxed)
    }

    /// Entries held; what has expired is reclaimed first.
    pub(crate) fn len(&self, now: impl Fn() -> u64) -> usize {
        self.len_and_maxsize(now).0
    }

    /// Entries held and the bound on them, at one moment.
    pub(crate) fn len_and_maxsize(&self, now: impl Fn() -> u64) -> (usize, Option<usize>) {
        let table = self.table.read();
        if !table.has_deadlines() {
            return (table.len(), table.maxsize());
        }
        drop(table);
        let mut displaced = Displaced::default();
        let mut table = self.table.write();
        table.reclaim(now(), usize::MAX, &mut displaced);
        let now_held = (table.len(), table.maxsize());
        drop(table);
        self.count(&displaced);
        now_held
    }

    /// Changes the bound; what has to leave has left when this returns. `changed` runs in the same step, so that of two
    /// changes at once the later one holds everywhere.
    pub(crate) fn set_maxsize(&self, maxsize: Option<usize>, changed: impl FnOnce()) {
        let mut displaced = Displaced::default();
        let mut table = self.table.write();
        table.set_maxsize(maxsize, &mut displaced);
        changed();
        self.off.store(maxsize == Some(0), Relaxed);
        drop(table);
        self.count(&displaced);
    }

    fn count(&self, displaced: &Displaced<K, V>) {
        if displaced.evicted > 0 {
            self.evictions.fetch_add(displaced.evicted, Relaxed);
        }
        if displaced.expired > 0 {
            self.expired.fetch_add(displaced.expired, Relaxed);
        }
    }
}
