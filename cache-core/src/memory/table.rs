//! Slots, an index over them, and the two orders in which they are given up: eviction and expiry.

use super::Bounds;
use super::expiry::Expiry;
use crate::eviction::{Eviction, Marks, Slot, Trace};
use crate::key::{Key, KeyRef, Value};
use crate::sync::AtomicU64;
use hashbrown::HashTable;
use std::time::Duration;

/// The deadline of what does not expire.
pub(crate) const NEVER: u64 = u64::MAX;
/// Expired entries reclaimed by one insertion: more than one, so that none pile up; few, so that it stays short.
const RECLAIM: usize = 4;
/// Entries shown to a predicate per lock.
const PAGE: usize = 64;

/// The entries of a memory tier.
#[derive(Debug)]
pub(super) struct Table<K, V> {
    index: HashTable<Slot>,
    slots: Vec<Option<Entry<K, V>>>,
    free: Vec<Slot>,
    /// None while the table is unbounded: there is no order to keep then.
    eviction: Option<Box<dyn Eviction>>,
    marks: Vec<AtomicU64>,
    /// The time of stamps.
    ticks: u64,
    expiry: Expiry,
    bounds: Bounds,
    weight: u64,
    stamps: u64,
    seed: u64,
}

#[derive(Debug)]
pub(super) struct Entry<K, V> {
    hash: u64,
    /// Which insertion this is.
    stamp: u64,
    weight: u64,
    /// From then on the entry is dead, in microseconds of the steady clock.
    deadline: u64,
    /// No use moves the deadline beyond this.
    limit: u64,
    key: K,
    value: V,
}

/// How long an entry may live, and how much room it takes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Life {
    /// The time of the insertion, in microseconds of the steady clock.
    pub(crate) now: u64,
    /// When its time to live is over.
    pub(crate) limit: u64,
    pub(crate) weight: u64,
}

/// What left the table, to be dropped outside of the lock.
#[derive(Debug)]
pub(crate) struct Displaced<K, V> {
    /// The common case is one, and needs no allocation.
    first: Option<Entry<K, V>>,
    rest: Vec<Entry<K, V>>,
    pub(super) evicted: u64,
    pub(super) expired: u64,
}

pub(super) enum Found {
    Live(Slot),
    Expired(Slot),
    Nothing,
}

impl<K, V> Default for Displaced<K, V> {
    fn default() -> Self {
        Displaced { first: None, rest: Vec::new(), evicted: 0, expired: 0 }
    }
}

impl<K, V> Displaced<K, V> {
    fn push(&mut self, entry: Entry<K, V>) {
        match self.first {
            None => self.first = Some(entry),
            Some(_) => self.rest.push(entry),
        }
    }
}

impl<K: Key, V: Value> Table<K, V> {
    pub(super) fn new(bounds: Bounds, seed: u64) -> Self {
        let mut table = Table {
            index: HashTable::new(),
            slots: Vec::new(),
            free: Vec::new(),
            eviction: None,
            marks: Vec::new(),
            ticks: 0,
            expiry: Expiry::default(),
            bounds,
            weight: 0,
            stamps: 0,
            seed,
        };
        table.order();
        table
    }

    pub(super) fn len(&self) -> usize {
        self.index.len()
    }

    pub(super) fn maxsize(&self) -> Option<usize> {
        self.bounds.maxsize
    }

    pub(super) fn has_deadlines(&self) -> bool {
        !self.expiry.is_empty()
    }

    #[inline(always)]
    pub(super) fn find<Q: KeyRef<K> + ?Sized>(&self, hash: u64, key: &Q, now: &impl Fn() -> u64) -> Found {
        let Some(slot) = self.slot_of(hash, key) else { return Found::Nothing };
        let deadline = self.entry(slot).deadline;
        if deadline == NEVER || deadline > now() { Found::Live(slot) } else { Found::Expired(slot) }
    }

    #[inline]
    pub(super) fn value(&self, slot: Slot) -> &V {
        &self.entry(slot).value
    }

    #[inline]
    pub(super) fn touch(&mut self, slot: Slot, now: impl Fn() -> u64) {
        if let Some(eviction) = &mut self.eviction {
            match eviction.trace() {
                Trace::Nothing => {}
                Trace::Stamp => {
                    self.ticks += 1;
                    self.marks.set(slot, self.ticks);
                }
                Trace::Count(most) => self.marks.set(slot, (self.marks.get(slot) + 1).min(u64::from(most))),
                Trace::Log => eviction.touch(slot),
            }
        }
        if let Some(tti) = self.bounds.tti {
            let entry = self.slots[slot as usize].as_mut().expect(OCCUPIED);
            entry.deadline = later(now(), tti).min(entry.limit);
            self.expiry.set(slot, entry.deadline);
        }
    }

    /// Stores what is in `new`, or leaves it there if it finds no room.
    pub(super) fn insert(&mut self, hash: u64, new: &mut Option<(K, V)>, life: Life) -> Displaced<K, V> {
        let mut displaced = Displaced::default();
        // The comparison of keys comes first: if it panics, nothing has changed, and nothing is dropped under the lock.
        let Some(old) = new.as_ref().map(|(key, _)| self.slot_of(hash, key)) else { return displaced };
        if let Some(slot) = old {
            let entry = self.take(slot);
            displaced.expired += u64::from(entry.deadline <= life.now);
            displaced.push(entry);
        }
        self.reclaim(life.now, RECLAIM, &mut displaced);
        if !self.make_room(hash, life.weight, &mut displaced) {
            return displaced;
        }
        let Some((key, value)) = new.take() else { return displaced };
        let deadline = self.bounds.tti.map_or(life.limit, |tti| later(life.now, tti).min(life.limit));
        let entry = Entry { hash, stamp: self.stamps, weight: life.weight, deadline, limit: life.limit, key, value };
        self.stamps += 1;
        self.weight += life.weight;
        let slot = self.place(entry);
        if deadline != NEVER {
            self.expiry.set(slot, deadline);
        }
        let slots = &self.slots;
        self.index.insert_unique(hash, slot, |slot| slots[*slot as usize].as_ref().expect(OCCUPIED).hash);
        if let Some(eviction) = &mut self.eviction {
            self.ticks += 1;
            if self.marks.len() <= slot as usize {
                self.marks.resize_with(slot as usize + 1, Default::default);
            }
            self.marks.set(slot, if eviction.trace() == Trace::Stamp { self.ticks } else { 0 });
            eviction.insert(&self.marks, slot, hash);
        }
        displaced
    }

    /// Removes the entry in `slot` from every order.
    pub(super) fn take(&mut self, slot: Slot) -> Entry<K, V> {
        if let Some(eviction) = &mut self.eviction {
            eviction.remove(slot);
        }
        self.unlink(slot)
    }

    /// As `take`, if the entry is still the one that was inserted as number `stamp`.
    pub(super) fn take_same(&mut self, slot: Slot, stamp: u64) -> Option<Entry<K, V>> {
        let same = self.slots.get(slot as usize)?.as_ref()?.stamp == stamp;
        same.then(|| self.take(slot))
    }

    /// Takes up to `most` entries whose time is over.
    pub(super) fn reclaim(&mut self, now: u64, most: usize, displaced: &mut Displaced<K, V>) {
        for _ in 0..most {
            let Some(slot) = self.expiry.pop(now) else { return };
            displaced.push(self.take(slot));
            displaced.expired += 1;
        }
    }

    /// Adds copies of some live entries from slot `from` on to `page`, with slot and stamp; returns where to go on.
    pub(super) fn page(&self, from: usize, now: u64, page: &mut Vec<(Slot, u64, K, V)>) -> Option<usize> {
        let until = self.slots.len().min(from + PAGE);
        let entries = self.slots[from.min(until)..until].iter().zip(from..);
        let live = entries.filter_map(|(entry, slot)| Some((entry.as_ref()?, slot as Slot)));
        for (entry, slot) in live.filter(|(entry, _)| entry.deadline > now) {
            page.push((slot, entry.stamp, entry.key.clone(), entry.value.clone()));
        }
        (until < self.slots.len()).then_some(until)
    }

    /// Empties the table and returns what was in it.
    pub(super) fn clear(&mut self) -> Vec<Option<Entry<K, V>>> {
        let stamps = self.stamps;
        let old = std::mem::replace(self, Table::new(self.bounds, self.seed));
        self.stamps = stamps;
        old.slots
    }

    pub(super) fn set_maxsize(&mut self, maxsize: Option<usize>, displaced: &mut Displaced<K, V>) {
        self.bounds.maxsize = maxsize;
        self.order();
        let most = maxsize.unwrap_or(usize::MAX);
        while self.len() > most && self.evict(0, displaced) {}
    }

    /// Starts or ends the order of eviction, as the bounds demand.
    fn order(&mut self) {
        let bounded = self.bounds.maxsize.is_some() || self.bounds.max_weight.is_some();
        if bounded == self.eviction.is_some() {
            return;
        }
        self.eviction = bounded.then(|| self.bounds.policy.build(self.bounds.maxsize.unwrap_or(0), self.seed));
        let Some(eviction) = &mut self.eviction else { return };
        // Nobody kept the order of uses; the order of insertion is what is left of it.
        let live = self.slots.iter().zip(0..).filter_map(|(entry, slot)| Some((entry.as_ref()?, slot)));
        let mut live: Vec<_> = live.map(|(entry, slot)| (entry.stamp, entry.hash, slot)).collect();
        live.sort_unstable();
        self.marks.resize_with(self.slots.len(), Default::default);
        for (_, hash, slot) in live {
            self.ticks += 1;
            self.marks.set(slot, if eviction.trace() == Trace::Stamp { self.ticks } else { 0 });
            eviction.insert(&self.marks, slot, hash);
        }
    }

    /// Evicts until one more entry of `weight` fits. `false` if it never will.
    fn make_room(&mut self, hash: u64, weight: u64, displaced: &mut Displaced<K, V>) -> bool {
        let most = self.bounds.maxsize.unwrap_or(usize::MAX);
        let heaviest = self.bounds.max_weight.unwrap_or(u64::MAX);
        if most == 0 || weight > heaviest {
            return false;
        }
        while self.len() >= most || self.weight > heaviest - weight {
            if !self.evict(hash, displaced) {
                return false;
            }
        }
        // The sum of weights must not overflow where nothing bounds it.
        self.weight.checked_add(weight).is_some() && self.slots.len() < Slot::MAX as usize
    }

    fn evict(&mut self, incoming: u64, displaced: &mut Displaced<K, V>) -> bool {
        let Some(slot) = self.eviction.as_mut().and_then(|eviction| eviction.evict(&self.marks, incoming)) else {
            return false;
        };
        displaced.push(self.unlink(slot));
        displaced.evicted += 1;
        true
    }

    fn unlink(&mut self, slot: Slot) -> Entry<K, V> {
        let entry = self.slots[slot as usize].take().expect(OCCUPIED);
        if let Ok(indexed) = self.index.find_entry(entry.hash, |other| *other == slot) {
            indexed.remove();
        }
        self.expiry.remove(slot);
        self.free.push(slot);
        self.weight -= entry.weight;
        entry
    }

    fn place(&mut self, entry: Entry<K, V>) -> Slot {
        match self.free.pop() {
            Some(slot) => {
                self.slots[slot as usize] = Some(entry);
                slot
            }
            None => {
                self.slots.push(Some(entry));
                (self.slots.len() - 1) as Slot
            }
        }
    }

    #[inline]
    fn slot_of<Q: KeyRef<K> + ?Sized>(&self, hash: u64, key: &Q) -> Option<Slot> {
        let same = |slot: &Slot| {
            let entry = self.entry(*slot);
            entry.hash == hash && key.is(&entry.key)
        };
        self.index.find(hash, same).copied()
    }

    #[inline]
    fn entry(&self, slot: Slot) -> &Entry<K, V> {
        self.slots[slot as usize].as_ref().expect(OCCUPIED)
    }
}

const OCCUPIED: &str = "the index, the eviction order and the wheel name occupied slots only";

/// `duration` after `now`, on the scale of deadlines.
pub(crate) fn later(now: u64, duration: Duration) -> u64 {
    now.saturating_add(u64::try_from(duration.as_micros()).unwrap_or(NEVER))
}
