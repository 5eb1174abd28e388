//! What changes the memory tier: insertions, removals, and who has to leave for them.

use super::departed::{Departed, When};
use super::index::Place;
use super::limbo::Unlinked;
use super::segments::MOST;
use super::slab::Occupied;
use super::table::Table;
use super::{BRIEF, Cause, Life, Memory, NEVER, later};
use crate::eviction::{Marks, Slot, Trace};
use crate::key::{Key, KeyRef, Value};
use std::hash::BuildHasher;
use std::mem::needs_drop;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::Ordering::Relaxed;

/// Expired entries reclaimed by one insertion: more than one, so that none pile up; few, so that it stays short.
const RECLAIM: usize = 4;
/// Entries above which the index is too large to be near the processor, and is asked for in time.
const FAR: usize = 1 << 18;
/// Of a key whose hash is no more to be had: nobody finds it, and it leaves when its turn comes.
const NO_HASH: u64 = 0;

/// An entry that comes, and what leaves for it. In one place from the beginning, for moving it would cost as much as a lock.
pub(crate) struct Exchange<'a, K: Key, V: Value> {
    /// To be put in place. What finds no room stays.
    pub(crate) new: Option<(K, V)>,
    life: Life,
    departed: Departed<'a, K, V>,
}

impl<K: Key, V: Value> Memory<K, V> {
    /// Of nothing yet. To be made, and dropped, outside of all locks.
    #[inline]
    pub(crate) fn exchange(&self, life: Life) -> Exchange<'_, K, V> {
        Exchange { new: None, life, departed: Departed::new(self, When::Soon) }
    }

    /// Stores or replaces what is new, in the same step evicting what has to leave. If it finds no room, the entry that it
    /// would have replaced leaves.
    pub(crate) fn insert(&self, hash: u64, exchange: &mut Exchange<'_, K, V>) {
        let Exchange { new, life, departed } = exchange;
        let life = *life;
        let mut locked = self.table.0.lock();
        let table = &mut *locked;
        let Some((key, _)) = new.as_ref() else { return };
        // The user's code comes first: if it panics, nothing has changed.
        self.index.grow(table.len, |slot| self.hash_of(&table.occupied, slot).unwrap_or(NO_HASH));
        let old = if self.index.is_absent(hash) { None } else { self.place_of(table, hash, key) };
        self.tell(table);
        let superseded = old.map_or(Cause::Replaced, |old| self.retire(table, old.slot(), life.now));
        if !table.expiry.is_empty() {
            self.reap(table, life.now, RECLAIM, departed);
        }
        let stays = life.limit > life.now && self.make_room(table, hash, life, departed);
        let Some(entry) = new.take_if(|_| stays) else {
            if let Some(old) = old {
                let gone = self.unlink(table, old.slot());
                self.depart(table, gone, superseded, departed);
            }
            return;
        };
        let slot = self.put(table, entry, departed);
        let _ = self.clock.0.tick();
        self.settle(table, slot, life, hash);
        match old {
            Some(place) => {
                let gone = place.slot();
                place.replace(slot);
                self.depart(table, Unlinked::new(gone), superseded, departed);
            }
            None => self.index.link(hash, slot),
        }
        if needs_drop::<(K, V)>() {
            self.drop_some(table, departed);
        }
    }

    /// Whether `key` had a live value.
    pub(crate) fn remove<Q: KeyRef<K> + ?Sized>(
        &self,
        hash: u64,
        key: &Q,
        now: impl Fn() -> u64,
    ) -> (bool, Departed<'_, K, V>) {
        let mut departed = Departed::new(self, When::Now);
        let live = self.remove_into(&mut departed, (hash, key), now);
        (live, departed)
    }

    /// As [`remove`](Self::remove) for each of `keys`, none of which is told or dropped before all have left.
    pub(crate) fn remove_each(&self, keys: &[(u64, K)], now: impl Fn() -> u64) -> Departed<'_, K, V> {
        let mut departed = Departed::new(self, When::Now);
        keys.iter().for_each(|(hash, key)| _ = self.remove_into(&mut departed, (*hash, key), &now));
        departed
    }

    fn remove_into<Q: KeyRef<K> + ?Sized>(
        &self,
        departed: &mut Departed<'_, K, V>,
        (hash, key): (u64, &Q),
        now: impl Fn() -> u64,
    ) -> bool {
        let mut locked = self.table.0.lock();
        let table = &mut *locked;
        let found = self
            .index
            .find(hash, |place| key.is(&self.slab.held(&table.occupied, place.slot()).0).then(|| place.slot()));
        let Some(slot) = found else { return false };
        let end = self.end(slot);
        let live = end == NEVER || end > now();
        self.remove_slot(table, slot, if live { Cause::Removed } else { Cause::Expired }, departed);
        table.expired += u64::from(!live);
        self.drop_unread(table, departed);
        live
    }

    /// Removes the entries that `doomed` picks; it is asked outside of the lock, about entries where they lie.
    pub(crate) fn remove_if(&self, now: u64, mut doomed: impl FnMut(&K, &V) -> bool) -> (usize, Departed<'_, K, V>) {
        let mut removed = 0;
        let mut untold = Departed::new(self, When::Now);
        self.stripes.with_mine(
            || self.table.0.lock(),
            |stripe| {
                self.index.visit(|place| {
                    let Some(hazard) = stripe.hazard() else { return };
                    let Some(reading) = hazard.protect(place.word()) else { return };
                    let opened = self.slab.open(reading);
                    let (key, value) = opened.entry();
                    if self.end(opened.slot()) <= now || !doomed(key, value) {
                        return;
                    }
                    // It has no other tenant while we read.
                    let mut departed = Departed::new(self, When::Now);
                    let mut table = self.table.0.lock();
                    if table.live.contains(opened.slot()) {
                        self.remove_slot(&mut table, opened.slot(), Cause::Removed, &mut untold);
                        removed += 1;
                    }
                    drop(opened);
                    self.drop_unread(&mut table, &mut departed);
                    drop(table);
                });
            },
        );
        (removed, untold)
    }

    /// Removes everything. `cleared` runs in the same step.
    pub(crate) fn clear(&self, cleared: impl FnOnce()) -> Departed<'_, K, V> {
        let mut departed = Departed::new(self, When::Now);
        let mut locked = self.table.0.lock();
        let table = &mut *locked;
        self.index.clear();
        for slot in std::mem::take(&mut table.live).slots() {
            self.depart(table, Unlinked::new(slot), Cause::Removed, &mut departed);
        }
        (table.len, table.weight) = (0, 0);
        table.weights.clear();
        table.expiry = Default::default();
        table.eviction = table.eviction.is_some().then(|| table.new_order());
        cleared();
        drop(locked);
        self.drop_all_unread();
        departed
    }

    /// Entries held and the bound on them, at one moment.
    pub(crate) fn len_and_maxsize(&self, now: impl Fn() -> u64) -> (usize, Option<usize>) {
        let mut departed = Departed::new(self, When::Now);
        let mut locked = self.table.0.lock();
        let table = &mut *locked;
        if !table.expiry.is_empty() {
            self.reap(table, now(), usize::MAX, &mut departed);
            self.drop_unread(table, &mut departed);
        }
        let held = (table.len, table.bounds.maxsize);
        drop(locked);
        held
    }

    /// Changes the bound; what has to leave has left when this returns. `changed` runs in the same step, so that of two
    /// changes at once the later one holds everywhere.
    pub(crate) fn set_maxsize(
        &self,
        maxsize: Option<usize>,
        now: impl Fn() -> u64,
        changed: impl FnOnce(),
    ) -> Departed<'_, K, V> {
        let mut departed = Departed::new(self, When::Now);
        let mut locked = self.table.0.lock();
        let table = &mut *locked;
        self.tell(table);
        table.set_maxsize(maxsize);
        if table.start_order() {
            self.order(table);
        }
        self.set_mode(table);
        if !table.expiry.is_empty() {
            self.reap(table, now(), usize::MAX, &mut departed);
        }
        while maxsize.is_some_and(|most| table.len > most) && self.evict(table, 0, &mut departed) {}
        changed();
        self.off.store(maxsize == Some(0), Relaxed);
        drop(locked);
        self.drop_all_unread();
        departed
    }

    /// Where the entry of `key` stands.
    #[inline(never)]
    fn place_of(&self, table: &Table, hash: u64, key: &K) -> Option<Place<'_>> {
        let is = |place: Place<'_>| key.is(&self.slab.held(&table.occupied, place.slot()).0);
        self.index.find(hash, |place| is(place).then_some(place))
    }

    /// Takes an entry that another will replace out of everything but the index, and says why it leaves.
    #[inline(never)]
    fn retire(&self, table: &mut Table, slot: Slot, now: u64) -> Cause {
        table.eviction.iter_mut().for_each(|eviction| eviction.remove(slot));
        table.strike(slot);
        if self.end(slot) > now {
            return Cause::Replaced;
        }
        table.expired += 1;
        Cause::Expired
    }

    /// Enters the entry that was put into `slot`, everywhere but in the index.
    fn settle(&self, table: &mut Table, slot: Slot, life: Life, hash: u64) {
        if life.limit != NEVER || self.tti.is_some() || self.mortal.load(Relaxed) {
            self.set_deadline(table, slot, life);
        }
        table.enter(slot, life.weight);
        let mark = if self.counts() { 0 } else { self.clock.0.now() };
        Marks::set(self, slot, mark);
        if let Some(eviction) = &mut table.eviction {
            eviction.insert(slot, mark, hash);
        }
    }

    /// Notes when the entry that was put into `slot` expires, if it does.
    #[inline(never)]
    fn set_deadline(&self, table: &mut Table, slot: Slot, life: Life) {
        let deadline = self.tti.map_or(life.due, |tti| later(life.now, tti).min(life.limit));
        let end = if self.tti.is_some() { deadline } else { life.limit };
        if end != NEVER && !self.mortal.load(Relaxed) {
            self.mortal.store(true, Relaxed);
            self.set_mode(table);
        }
        if end.saturating_sub(life.now) < BRIEF {
            self.brief.store(true, Relaxed);
        }
        if self.mortal.load(Relaxed) {
            for (of, time) in [(&self.deadlines, deadline), (&self.limits, life.limit)] {
                of.reserve(slot as usize);
                of.get(slot as usize).iter().for_each(|place| place.store(!time, Relaxed));
            }
        }
        if end != NEVER {
            table.expiry.set(slot, end);
        }
    }

    /// Puts those who are there in the order in which they came, because nobody kept the order of uses.
    fn order(&self, table: &mut Table) {
        let mut held: Vec<_> = table.live.slots().map(|slot| (Marks::get(self, slot), slot)).collect();
        held.sort_unstable();
        let hash_of = |slot| self.hash_of(&table.occupied, slot).unwrap_or(NO_HASH);
        let hashes: Vec<_> = held.iter().map(|(_, slot)| hash_of(*slot)).collect();
        let Some(eviction) = &mut table.eviction else { return };
        for ((mut mark, slot), hash) in held.into_iter().zip(hashes) {
            if let Trace::Count(_) = eviction.trace() {
                mark = 0;
                Marks::set(self, slot, mark);
            }
            eviction.insert(slot, mark, hash);
        }
    }

    /// Takes up to `most` entries whose time is over, and says how many it took.
    #[inline(never)]
    fn reap(&self, table: &mut Table, now: u64, most: usize, departed: &mut Departed<'_, K, V>) -> usize {
        let mut reaped = 0;
        while reaped < most && !table.expiry.is_empty() {
            let Some(slot) = table.expiry.pop(now) else { break };
            let end = self.end(slot);
            if end > now {
                // It was used since.
                table.expiry.set(slot, end);
                continue;
            }
            self.remove_slot(table, slot, Cause::Expired, departed);
            table.expired += 1;
            reaped += 1;
        }
        reaped
    }

    /// Evicts until one more entry fits; before anybody who lives, those go whose time is over. `false` if it never will.
    fn make_room(&self, table: &mut Table, hash: u64, life: Life, departed: &mut Departed<'_, K, V>) -> bool {
        if !table.can_hold(life.weight) {
            return false;
        }
        while !table.has_room(life.weight) {
            let reaped = if table.expiry.is_empty() { 0 } else { self.reap(table, life.now, 1, departed) };
            if reaped == 0 && !self.evict(table, hash, departed) {
                return false;
            }
        }
        (table.fresh as usize) < MOST
    }

    fn evict(&self, table: &mut Table, incoming: u64, departed: &mut Departed<'_, K, V>) -> bool {
        let Some(slot) = table.eviction.as_mut().and_then(|eviction| eviction.evict(self, incoming)) else {
            return false;
        };
        let next = table.eviction.as_ref().filter(|_| table.len > FAR).and_then(|eviction| eviction.next_to_leave());
        if let Some(hash) = next.and_then(|next| self.hash_of(&table.occupied, next)) {
            self.index.prefetch(hash);
        }
        table.strike(slot);
        table.evicted += 1;
        let gone = self.unlink(table, slot);
        self.depart(table, gone, Cause::Evicted, departed);
        true
    }

    fn remove_slot(&self, table: &mut Table, slot: Slot, cause: Cause, departed: &mut Departed<'_, K, V>) {
        table.eviction.iter_mut().for_each(|eviction| eviction.remove(slot));
        table.strike(slot);
        let gone = self.unlink(table, slot);
        self.depart(table, gone, cause, departed);
    }

    fn unlink(&self, table: &Table, slot: Slot) -> Unlinked {
        let hash = self.hash_of(&table.occupied, slot);
        // It may no longer hash as it did: then it is searched for.
        if !hash.is_some_and(|hash| self.index.unlink(hash, slot)) {
            self.index.search_and_unlink(slot);
        }
        Unlinked::new(slot)
    }

    /// Sends an entry away: to the listener first, if there is one.
    fn depart(&self, table: &mut Table, gone: Unlinked, cause: Cause, departed: &mut Departed<'_, K, V>) {
        if self.listener.is_some() {
            departed.push_untold(gone, cause);
        } else {
            table.bury(gone);
        }
    }

    /// Puts one more entry into a slot.
    fn put(&self, table: &mut Table, entry: (K, V), departed: &mut Departed<'_, K, V>) -> Slot {
        if table.free.is_empty() && !table.limbo.has_unread() && table.is_sort_due() {
            self.sort_limbo(table);
        }
        if table.free.is_empty()
            && let Some(unread) = table.limbo.pop()
        {
            let slot = unread.slot();
            departed.push(self.slab.exchange(&mut table.occupied, unread, entry));
            return slot;
        }
        let slot = table.vacancy();
        self.slab.put(&mut table.occupied, slot, entry);
        slot
    }

    pub(super) fn sort_limbo(&self, table: &mut Table) {
        let mut limbo = std::mem::take(&mut table.limbo);
        // Hits on what is about to be used again are told, and so forgotten, while nobody is there.
        limbo.sort(&self.stripes, || self.tell(table));
        table.limbo = limbo;
        table.gone = 0;
    }

    /// `None` if the key panics: it is the key of another call, which must not end this one.
    #[inline]
    fn hash_of(&self, occupied: &Occupied, slot: Slot) -> Option<u64> {
        let key = &self.slab.held(occupied, slot).0;
        catch_unwind(AssertUnwindSafe(|| self.hasher.hash_one(key))).ok()
    }
}
