//! The log of a stripe: segments that are filled one after the other, and emptied when there is none left.
//!
//! One segment is always kept free. When the last but that one is taken, another gives up its entries: the emptiest if a
//! fifth of it is dead and it is not one of the youngest, and its live entries move; else the oldest, and those that were
//! used move, as many as fill half a segment. So the clock and compaction are one loop.

use super::entry;
use super::index::{Pointer, pointer, tag};
use super::layout::UNIT;
use super::read::Found;
use super::stores::step;
use super::stripe::{Bad, Sound, Stripe, Total};
use crate::sync::{fence, planted};
use std::sync::atomic::Ordering::{Relaxed, Release};

// What a stripe knows of a segment.
const TAIL: usize = 0;
pub(super) const LIVE: usize = 1;
const BIRTH: usize = 2;

/// Segments begun lately, whose rests are looked at for a small entry.
const YOUNG: u64 = 8;

/// Room in the log.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    pub(super) segment: usize,
    /// Words from the start of the segment.
    pub(super) offset: usize,
}

/// What is to be kept of a segment that is emptied.
#[derive(Clone, Copy, Debug)]
struct Rescue {
    into: usize,
    /// Whether only entries that were used are moved.
    used: bool,
    /// Words that may be moved at most.
    most: usize,
}

impl Stripe<'_> {
    /// Room for `words` words; what lay there belongs to nobody. `None` when not even one segment could be allocated.
    pub(super) fn room(&self, words: usize) -> Sound<Option<Room>> {
        let segments = 0..self.layout().segments;
        let active = self.total(Total::Active) as usize;
        if segments.contains(&active)
            && let Some(room) = self.reserve(active, words)
        {
            return Ok(Some(room));
        }
        // Small entries fill what large ones have left at the ends of the youngest segments.
        let births = self.total(Total::Births);
        let is_young = |segment: &usize| births.saturating_sub(self.birth(*segment)) < YOUNG;
        if let Some(room) = segments.clone().filter(is_young).find_map(|segment| self.reserve(segment, words)) {
            return Ok(Some(room));
        }
        let fresh = match segments.clone().find(|segment| self.is_free(*segment) && self.begin(*segment)) {
            Some(segment) => segment,
            // A writer has died between taking the spare one and making the next, or the disk is full.
            None => {
                let Some((victim, _)) = self.victim_segment(usize::MAX, 0) else { return Ok(None) };
                self.empty(victim, None)?;
                if !self.begin(victim) {
                    return Ok(None);
                }
                victim
            }
        };
        let room = self.reserve(fresh, words).ok_or(Bad)?;
        if !segments.into_iter().any(|segment| self.is_free(segment))
            && let Some((victim, used)) = self.victim_segment(fresh, self.layout().segment - words)
        {
            let most = if used { self.layout().segment / 2 } else { self.layout().segment - words };
            self.empty(victim, Some(Rescue { into: fresh, used, most }))?;
        }
        Ok(Some(room))
    }

    /// The pointer to an entry that lies in `room`.
    pub(super) fn pointer(&self, tag: u32, room: Room) -> Pointer {
        pointer(tag, (room.segment * self.layout().segment + room.offset) / UNIT)
    }

    /// The first word of `room`.
    pub(super) fn room_at(&self, room: Room) -> usize {
        self.layout().segment_at(self.number, room.segment) + room.offset
    }

    fn segment_word(&self, segment: usize, word: usize) -> usize {
        self.layout().segment_book(self.number, segment) + word
    }

    fn generation(&self, segment: usize) -> u64 {
        self.map.load(self.layout().generation(self.number, segment))
    }

    pub(super) fn is_free(&self, segment: usize) -> bool {
        self.generation(segment) & 1 == 1
    }

    pub(super) fn birth(&self, segment: usize) -> u64 {
        self.map.load(self.segment_word(segment, BIRTH))
    }

    pub(super) fn set_birth(&self, segment: usize, birth: u64) {
        self.map.store(self.segment_word(segment, BIRTH), birth);
    }

    pub(super) fn tail(&self, segment: usize) -> usize {
        self.map.load(self.segment_word(segment, TAIL)).min(self.layout().segment as u64) as usize
    }

    pub(super) fn set_tail(&self, segment: usize, tail: usize) {
        self.map.store(self.segment_word(segment, TAIL), tail as u64);
    }

    fn live(&self, segment: usize) -> u64 {
        self.map.load(self.segment_word(segment, LIVE))
    }

    pub(super) fn set_live(&self, segment: usize, words: u64) {
        self.map.store(self.segment_word(segment, LIVE), words);
    }

    pub(super) fn add_live(&self, segment: usize, words: i64) {
        self.set_live(segment, self.live(segment).saturating_add_signed(words));
    }

    /// Takes the words before they are written: those of a writer that dies are a hole, never an overlap.
    fn reserve(&self, segment: usize, words: usize) -> Option<Room> {
        let tail = self.tail(segment);
        if self.is_free(segment) || words > self.layout().segment - tail {
            return None;
        }
        self.set_tail(segment, tail + words);
        Some(Room { segment, offset: tail })
    }

    /// Brings a free segment into use: its lengths first, then the even generation.
    fn begin(&self, segment: usize) -> bool {
        let generation = self.generation(segment);
        let at = self.layout().segment_at(self.number, segment);
        // The first use: a full disk is an error here, and not a signal later.
        if generation == 1 && self.map.allocate(at, self.layout().segment).is_err() {
            return false;
        }
        let birth = self.total(Total::Births).wrapping_add(1);
        self.set_total(Total::Births, birth);
        self.set_tail(segment, 0);
        self.set_live(segment, 0);
        self.set_birth(segment, birth);
        self.map.publish(self.layout().generation(self.number, segment), generation.wrapping_add(1));
        self.set_total(Total::Active, segment as u64);
        true
    }

    /// The segment to give up while `fresh` is filled, where there is `room` for what moves; and whether by its age.
    fn victim_segment(&self, fresh: usize, room: usize) -> Option<(usize, bool)> {
        let used = || (0..self.layout().segments).filter(|segment| *segment != fresh && !self.is_free(*segment));
        let oldest = used().min_by_key(|segment| self.birth(*segment))?;
        // The youngest are not dead but unfinished, and what was written last is not to leave first.
        let births = self.total(Total::Births);
        let is_grown = |segment: &usize| births.saturating_sub(self.birth(*segment)) >= YOUNG;
        let emptiest = used().filter(is_grown).min_by_key(|segment| self.live(*segment)).unwrap_or(oldest);
        if self.live(emptiest) <= (self.layout().segment / 5 * 4).min(room) as u64 {
            return Some((emptiest, false));
        }
        Some((oldest, true))
    }

    /// Empties a segment. Its entries are found by the index, not by walking its bytes: nothing there has to make sense.
    fn empty(&self, segment: usize, rescue: Option<Rescue>) -> Sound<()> {
        let mut left = rescue.map_or(0, |rescue| rescue.most);
        let places = (self.layout().segment / UNIT).trailing_zeros();
        let here = move |pointer| pointer != 0 && super::index::place(pointer) >> places == segment;
        for (slot, pointer) in self.index.select(here) {
            if !here(pointer) {
                continue;
            }
            let found = self.follow(pointer).ok_or(Bad)?;
            let words = found.lens.words();
            let is_alive = self.expires(&found) > self.now;
            let room = rescue
                .filter(|rescue| is_alive && words <= left && (!rescue.used || self.index.take_visited(slot)))
                .and_then(|rescue| self.reserve(rescue.into, words));
            let Some(room) = room else {
                self.count_eviction(found.lens.space);
                self.remove(slot)?;
                continue;
            };
            // The copy, then one word that turns the slot to it. Both are good until the generation changes.
            self.copy(&found, room)?;
            self.index.set(slot, self.pointer(tag(pointer), room));
            self.add_live(room.segment, words as i64);
            left -= words;
        }
        let generation = self.layout().generation(self.number, segment);
        self.map.store(generation, self.map.load(generation).wrapping_add(1) | 1);
        if !planted("no fence after the odd generation") {
            // Pairs with the Acquire fence of readers: whoever reads a word written from here on sees the odd generation.
            fence(Release);
        }
        self.set_live(segment, 0);
        Ok(())
    }

    fn copy(&self, found: &Found, room: Room) -> Sound<()> {
        let words = found.lens.words();
        let from = self.map.words(found.at, words).ok_or(Bad)?;
        let to = self.map.words(self.room_at(room), words).ok_or(Bad)?;
        step();
        to.iter().zip(from).for_each(|(to, from)| to.store(from.load(Relaxed), Relaxed));
        Ok(())
    }

    /// Writes an entry where nothing points yet.
    pub(super) fn write(&self, room: Room, head: [u64; entry::HEAD], (key, value): (&[u8], &[u8])) -> Sound<()> {
        let words = entry::words(key.len(), value.len());
        let to = self.map.words(self.room_at(room), words).ok_or(Bad)?;
        step();
        to.iter().zip(head).for_each(|(word, value)| word.store(value, Relaxed));
        entry::write(&to[entry::HEAD..], key);
        step();
        entry::write(&to[entry::HEAD + key.len().div_ceil(8)..], value);
        Ok(())
    }
}
