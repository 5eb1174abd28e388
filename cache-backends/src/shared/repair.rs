//! What a process left behind that died, or a file that was damaged: the books are written again from the truth.

use super::index::{Slot, place};
use super::layout::{SPACES, UNIT};
use super::read::Found;
use super::stripe::{Book, Stripe, Total};

impl Stripe<'_> {
    /// Writes all that is derived from slots, generations and lengths once more. It may die on the way as well: the next
    /// one begins anew. Visited bits and scores survive, values are not read.
    pub(super) fn repair(&self) {
        self.raise(Total::Repairs);
        (0..SPACES).for_each(|space| self.set_book(space, Book::default()));
        self.renumber_segments();
        for (_, _, slot, found) in self.sound_entries() {
            // The books were emptied above and every link is set afresh, so this meets no bad one.
            let _ = self.enter(slot, &found);
        }
    }

    /// Births from one on: damaged ones may be huge, and only their order matters.
    fn renumber_segments(&self) {
        let segments = 0..self.layout().segments;
        let used = segments.clone().filter(|segment| !self.is_free(*segment));
        // Each is read once: a process that writes what it must not would make the order of a sort change under it.
        let mut used: Vec<(u64, usize)> = used.map(|segment| (self.birth(segment), segment)).collect();
        used.sort_unstable();
        segments.for_each(|segment| self.set_live(segment, 0));
        for (birth, (_, segment)) in (1..).zip(&used) {
            self.set_birth(*segment, birth);
            self.set_tail(*segment, self.tail(*segment));
        }
        self.set_total(Total::Births, used.len() as u64);
        self.set_total(Total::Active, used.last().map_or(u64::MAX, |(_, segment)| *segment as u64));
    }

    /// The entries that can be, in the order in which they were written. The slots of all others are cleared.
    fn sound_entries(&self) -> Vec<(u64, usize, Slot, Found)> {
        let mut sound = vec![];
        for (slot, pointer) in self.index.iter() {
            let offset = (place(pointer) * UNIT) & (self.layout().segment - 1);
            let found = self
                .follow(pointer)
                .filter(|found| found.lens.space < SPACES && offset + found.lens.words() <= self.tail(found.segment));
            match found {
                Some(found) => sound.push((self.birth(found.segment), found.at, slot, found)),
                None => self.index.set(slot, 0),
            }
        }
        sound.sort_unstable_by_key(|(birth, at, ..)| (*birth, *at));
        sound
    }
}
