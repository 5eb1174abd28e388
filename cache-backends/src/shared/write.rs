//! Writing, under the lock of a stripe. Each store may be the last one of its process:
//!
//! | store | died right after it: what others see, what a repair finds |
//! |---|---|
//! | lock word | nothing has changed |
//! | tail of the segment | a hole, that is gone with its segment |
//! | words of the entry | the same: nothing points to them |
//! | books of the replaced entry | it is still there; the repair counts it again |
//! | slot of a victim | one entry fewer |
//! | slot of the entry | **the commit**: before it the old value or none, after it the new one |
//! | books of the entry | the repair writes them again |
//! | lock word | all is done |
//!
//! A value that keeps its place in the order has no books to leave or to enter: its slot is turned, then bytes and live
//! words are counted. What has to leave for room in the log is in [`segments`](super::segments).

use super::entry;
use super::index::{Index, Pointer, Slot};
use super::name::Name;
use super::read::{self, Found};
use super::score;
use super::spaces::{self, Bounds, Space};
use super::stripe::{Bad, Sound, Stripe, Total};
use crate::sync::planted;
use memolith_core::Timestamp;

/// What is to be written.
#[derive(Clone, Copy, Debug)]
pub(super) struct New<'v> {
    pub(super) value: &'v [u8],
    pub(super) expires: Timestamp,
    /// The bytes of key and value of which `value` is only the manifest.
    pub(super) manifest: Option<u64>,
}

/// What became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Put {
    /// It is kept, or its space is too small for it.
    Done,
    /// The space has moved to other stripes.
    Moved,
    /// There is no room on the disk.
    Full,
}

impl Stripe<'_> {
    /// The slot of `name`, and the entry behind it.
    pub(super) fn find(&self, name: &Name<'_>) -> Option<(Slot, Found)> {
        name.buckets.iter().find_map(|bucket| {
            self.index.line(*bucket).tagged(name.tag).find_map(|at| {
                let slot = Index::slot(*bucket, at);
                let found = self.follow(self.index.get(slot)).filter(|found| read::is(self.map, found, name))?;
                Some((slot, found))
            })
        })
    }

    /// Removes `name`, and says whether it was there.
    pub(super) fn take(&self, name: &Name<'_>) -> Sound<bool> {
        match self.find(name) {
            Some((slot, _)) => self.remove(slot).map(|()| true),
            None => Ok(false),
        }
    }

    /// Stores or replaces, and evicts who has to leave for it.
    pub(super) fn put(&self, space: &Space, name: &Name<'_>, new: New<'_>) -> Sound<Put> {
        // It comes while the entry is written.
        self.index.prefetch(name.buckets[0]);
        if !spaces::is_current(self.map, space) {
            return Ok(Put::Moved);
        }
        let bounds = spaces::bounds(self.map, space.row);
        let (most, most_bytes) = bounds.shares(space, (self.number, self.layout().stripes));
        let weight = new.manifest.unwrap_or((name.key.len() + new.value.len()) as u64);
        if most == 0 || weight > most_bytes {
            if weight > most_bytes {
                self.raise(Total::Oversize);
            }
            return self.take(name).map(|_| Put::Done);
        }
        let mut lens = name.lens(new.value.len(), new.manifest.is_some());
        if planted("epoch of the commit") {
            lens.epoch = spaces::epoch(self.map, space.row);
        }
        let Some(room) = self.room(lens.words())? else {
            // What was there is not what was to be there.
            return self.take(name).map(|_| Put::Full);
        };
        self.prefetch(name);
        let (packed, expires) = (lens.pack(), new.expires.as_micros());
        let sum = entry::checksum(name.hash, packed, expires, new.value);
        self.write(room, [sum, packed, expires], (name.key, new.value))?;
        let pointer = self.pointer(name.tag, room);
        let old = self.find(name);
        if let Some((slot, found)) = &old {
            if bounds.keeps_place() && self.exchange((*slot, found), pointer, most_bytes)? {
                return Ok(Put::Done);
            }
            self.leave(*slot, found)?;
        }
        if space.row != spaces::PIECES {
            self.make_room(space, bounds, (1, weight))?;
        }
        let slot = match old {
            Some((slot, _)) => slot,
            None => self.free_slot(name)?,
        };
        self.index.take_visited(slot);
        self.index.set_score(slot, score::fresh(bounds.policy, self.now));
        self.index.set(slot, pointer);
        let found = self.follow(pointer).ok_or(Bad)?;
        self.enter(slot, &found)?;
        Ok(Put::Done)
    }

    /// Turns the slot of an entry to another of the same key, which takes its place in the order as one that was used:
    /// so nothing of the order is touched. `false` where others would have to leave for it.
    fn exchange(&self, (slot, old): (Slot, &Found), pointer: Pointer, most: u64) -> Sound<bool> {
        let new = self.follow(pointer).ok_or(Bad)?;
        let mut book = self.book(old.lens.space);
        book.bytes = book.bytes.saturating_sub(self.weight(old)).saturating_add(self.weight(&new));
        if book.bytes > most {
            return Ok(false);
        }
        self.index.set(slot, pointer);
        self.index.visit(slot);
        self.add_live(old.segment, -(old.lens.words() as i64));
        self.add_live(new.segment, new.lens.words() as i64);
        self.orphan(old);
        self.set_book(old.lens.space, book);
        Ok(true)
    }

    /// Has the entry come that `name` may replace, while something else is done.
    fn prefetch(&self, name: &Name<'_>) {
        let line = self.index.line(name.buckets[0]);
        if let Some(at) = line.tagged(name.tag).next() {
            read::prefetch(self.map, self.layout().data(self.number), line.get(at));
        }
    }

    /// Evicts from `space` until so many more entries and bytes keep its bounds.
    pub(super) fn make_room(&self, space: &Space, bounds: Bounds, (entries, bytes): (u64, u64)) -> Sound<()> {
        let (row, (most, most_bytes)) = (space.row, bounds.shares(space, (self.number, self.layout().stripes)));
        loop {
            let book = self.book(row);
            let fits = u64::from(book.entries) + entries <= most && book.bytes.saturating_add(bytes) <= most_bytes;
            if fits || book.entries == 0 {
                return Ok(());
            }
            self.evict(row, bounds)?;
        }
    }

    /// A free slot for `name`; if all of its two buckets are taken, one that was not used leaves.
    fn free_slot(&self, name: &Name<'_>) -> Sound<Slot> {
        let all =
            || name.buckets.iter().flat_map(|bucket| (0..super::layout::SLOTS).map(|at| Index::slot(*bucket, at)));
        if let Some(free) = all().find(|slot| self.index.get(*slot) == 0) {
            return Ok(free);
        }
        let unused = all().find(|slot| !self.index.take_visited(*slot));
        let victim = unused.unwrap_or(Index::slot(name.buckets[0], 0));
        if let Some(found) = self.follow(self.index.get(victim)) {
            self.count_eviction(found.lens.space);
        }
        self.remove(victim)?;
        Ok(victim)
    }

    /// Removes every entry of a former epoch of the space in `row`.
    pub(super) fn sweep(&self, row: usize) -> Sound<()> {
        let epoch = spaces::epoch(self.map, row);
        for (slot, pointer) in self.index.iter() {
            let found = self.follow(pointer).ok_or(Bad)?;
            if found.lens.space == row && found.lens.epoch != epoch {
                self.remove(slot)?;
            }
        }
        Ok(())
    }

    /// Gives every entry of the space in `row` the score of one just written, for a policy that counts otherwise.
    pub(super) fn renew_scores(&self, row: usize) -> Sound<()> {
        let bounds = spaces::bounds(self.map, row);
        let mut slot = self.book(row).head;
        for _ in 0..self.book(row).entries.min(self.index.slots()) {
            if slot == 0 {
                break;
            }
            // Asked first: it says whether there is such a slot.
            let after = self.after(slot)?;
            self.index.set_score(slot, score::fresh(bounds.policy, self.now));
            slot = after;
        }
        Ok(())
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::super::stripe::Book;
    use super::super::trial::{Scratch, region};
    use super::*;
    use std::cell::RefCell;

    #[test]
    fn a_list_that_begins_nowhere_is_bad_and_no_panic() {
        let scratch = Scratch::new();
        let region = region(&scratch.path("region"));
        let orphans = RefCell::default();
        let stripe = Stripe::new((&region.map, 0), Timestamp::from_micros(1), &orphans);
        for head in [15, u32::MAX] {
            stripe.set_book(0, Book { entries: 1, head, ..Book::default() });
            assert!(stripe.renew_scores(0).is_err(), "{head}");
        }
    }
}
