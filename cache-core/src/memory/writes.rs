//! What changes the memory tier: insertions, removals, and who has to leave for them.

use super::departed::{Departed, When};
use super::index::Place;
use super::limbo::Unlinked;
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
/// Of a key whose hash is no more to be had: nobody finds it, and it leaves when its turn comes.
const NO_HASH: u64 = 0;

impl<K: Key, V: Value> Memory<K, V> {
    /// Stores or replaces what is in `new`, in the same step evicting what has to leave. What finds no room stays in `new`,
    /// and the entry that it would have replaced leaves.
    pub(crate) fn insert(&self, hash: u64, new: &mut Option<(K, V)>, life: Life) -> Departed<'_, K, V> {
        let mut departed = Departed::new(self, When::Soon);
        let mut locked = self.table.0.lock();
        let table = &mut *locked;
        let Some((key, _)) = new.as_ref() else { return departed };
        // The user's code comes first: if it panics, nothing has changed.
        self.index.grow(table.len, |slot| self.hash_of(&table.occupied, slot).unwrap_or(NO_HASH));
        let is = |place: Place<'_>| key.is(&self.slab.held(&table.occupied, place.slot()).0);
        let find = || self.index.find(hash, |place| is(place).then(|| (place, place.slot())));
        let old = if self.index.is_absent(hash) { None } else { find() };
        self.tell(table);
        let mut superseded = Cause::Replaced;
        if let Some((_, slot)) = old {
            if self.deadline(slot) <= life.now {
                table.expired += 1;
                superseded = Cause::Expired;
            }
            table.eviction.iter_mut().for_each(|eviction| eviction.remove(slot));
            table.strike(slot);
        }
        self.reap(table, life.now, RECLAIM, &mut departed);
        let stays = life.limit > life.now && self.make_room(table, hash, life, &mut departed);
        let Some(entry) = new.take_if(|_| stays) else {
            if let Some((_, slot)) = old {
                let gone = self.unlink(table, slot);
                self.depart(table, gone, superseded, &mut departed);
            }
            return departed;
        };
        let slot = self.vacancy(table, &mut departed);
        self.slab.put(&mut table.occupied, slot, entry);
        let _ = self.clock.0.tick();
        self.settle(table, slot, life, hash);
        match old {
            Some((place, old)) => {
                place.replace(slot);
                self.depart(table, Unlinked::new(old), superseded, &mut departed);
            }
            None => self.index.link(hash, slot),
        }
        if needs_drop::<(K, V)>() {
            self.drop_some(table, &mut departed);
        }
        departed
    }

    /// Whether `key` had a live value.
    pub(crate) fn remove<Q: KeyRef<K> + ?Sized>(
        &self,
        hash: u64,
        key: &Q,
        now: impl Fn() -> u64,
    ) -> (bool, Departed<'_, K, V>) {
        let mut departed = Departed::new(self, When::Now);
        let mut locked = self.table.0.lock();
        let table = &mut *locked;
        let found = self
            .index
            .find(hash, |place| key.is(&self.slab.held(&table.occupied, place.slot()).0).then(|| place.slot()));
        let Some(slot) = found else { return (false, departed) };
        let deadline = self.deadline(slot);
        let live = deadline == NEVER || deadline > now();
        self.remove_slot(table, slot, if live { Cause::Removed } else { Cause::Expired }, &mut departed);
        table.expired += u64::from(!live);
        self.drop_unread(table, &mut departed);
        drop(locked);
        (live, departed)
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
                    if self.deadline(opened.slot()) <= now || !doomed(key, value) {
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

    /// Enters the entry that was put into `slot`, everywhere but in the index.
    fn settle(&self, table: &mut Table, slot: Slot, life: Life, hash: u64) {
        let deadline = self.tti.map_or(life.limit, |tti| later(life.now, tti).min(life.limit));
        if deadline != NEVER && !self.mortal.load(Relaxed) {
            self.mortal.store(true, Relaxed);
            self.set_mode(table);
        }
        if deadline.saturating_sub(life.now) < BRIEF {
            self.brief.store(true, Relaxed);
        }
        if self.mortal.load(Relaxed) {
            for (of, time) in [(&self.deadlines, deadline), (&self.limits, life.limit)] {
                of.reserve(slot as usize);
                of.get(slot as usize).iter().for_each(|place| place.store(!time, Relaxed));
            }
        }
        table.enter(slot, life.weight);
        if deadline != NEVER {
            table.expiry.set(slot, deadline);
        }
        let Some(eviction) = &mut table.eviction else {
            Marks::set(self, slot, self.clock.0.now());
            return;
        };
        let mark = if let Trace::Count(_) = eviction.trace() { 0 } else { self.clock.0.now() };
        Marks::set(self, slot, mark);
        eviction.insert(self, slot, hash);
    }

    /// Puts those who are there in the order in which they came, because nobody kept the order of uses.
    fn order(&self, table: &mut Table) {
        let mut held: Vec<_> = table.live.slots().map(|slot| (Marks::get(self, slot), slot)).collect();
        held.sort_unstable();
        let hash_of = |slot| self.hash_of(&table.occupied, slot).unwrap_or(NO_HASH);
        let hashes: Vec<_> = held.iter().map(|(_, slot)| hash_of(*slot)).collect();
        let Some(eviction) = &mut table.eviction else { return };
        for ((_, slot), hash) in held.into_iter().zip(hashes) {
            if let Trace::Count(_) = eviction.trace() {
                Marks::set(self, slot, 0);
            }
            eviction.insert(self, slot, hash);
        }
    }

    /// Takes up to `most` entries whose time is over, and says how many it took.
    fn reap(&self, table: &mut Table, now: u64, most: usize, departed: &mut Departed<'_, K, V>) -> usize {
        let mut reaped = 0;
        while reaped < most && !table.expiry.is_empty() {
            let Some(slot) = table.expiry.pop(now) else { break };
            let deadline = self.deadline(slot);
            if deadline > now {
                // It was used since.
                table.expiry.set(slot, deadline);
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
            if self.reap(table, life.now, 1, departed) == 0 && !self.evict(table, hash, departed) {
                return false;
            }
        }
        table.fresh < Slot::MAX - 2
    }

    fn evict(&self, table: &mut Table, incoming: u64, departed: &mut Departed<'_, K, V>) -> bool {
        let Some(slot) = table.eviction.as_mut().and_then(|eviction| eviction.evict(self, incoming)) else {
            return false;
        };
        let next = table.eviction.as_ref().and_then(|eviction| eviction.next_to_leave());
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

    /// A slot for one more entry.
    fn vacancy(&self, table: &mut Table, departed: &mut Departed<'_, K, V>) -> Slot {
        if let Some(slot) = table.free.pop() {
            return slot;
        }
        let enough = table.bounds.maxsize.map_or(usize::MAX, |maxsize| table.slots_for(maxsize));
        if !table.limbo.has_unread() && (table.is_limbo_full() || table.fresh as usize >= enough) {
            self.sort_limbo(table);
        }
        if let Some(unread) = table.limbo.pop() {
            let slot = unread.slot();
            departed.push(self.slab.take(&mut table.occupied, unread));
            return slot;
        }
        table.fresh += 1;
        table.fresh - 1
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
