//! A locked stripe: its books, and the right to write.
//!
//! What readers see (slots, generations, entries) is the truth, and changes by single words in an order that is right after
//! each of them. The books (lists, counts, live bytes) are derived from it, and written again by whoever takes the lock
//! from a dead owner.

use super::index::{Index, Pointer, Slot};
use super::large::Manifest;
use super::layout::Layout;
use super::map::Map;
use super::read::{self, Found};
use memolith_core::Timestamp;
use std::cell::RefCell;

/// The books do not fit together, as in a damaged file: they are to be written again.
#[derive(Debug)]
pub(super) struct Bad;
pub(super) type Sound<T> = Result<T, Bad>;

/// The totals of a stripe.
#[derive(Clone, Copy, Debug)]
pub(super) enum Total {
    /// The segment that is written to.
    Active = 0,
    /// Segments begun: their order.
    Births = 1,
    Evictions = 2,
    Oversize = 3,
    Repairs = 4,
}

/// A stripe whose lock is held.
#[derive(Clone, Copy, Debug)]
pub(super) struct Stripe<'m> {
    pub(super) map: &'m Map,
    pub(super) index: Index<'m>,
    pub(super) number: usize,
    pub(super) now: Timestamp,
    /// The manifests of entries that have left: their pieces are to follow.
    orphans: &'m RefCell<Vec<Manifest>>,
}

/// The word of a book that counts evictions, which a repair keeps.
pub(super) const EVICTED: usize = 3;

/// What a stripe knows of a space. Three words: entries and the hand of the policy; head and tail of the list; bytes.
/// [`EVICTED`] is the fourth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Book {
    pub(super) entries: u32,
    /// Where the policy looks next.
    pub(super) hand: Slot,
    pub(super) head: Slot,
    pub(super) tail: Slot,
    /// Keys and values.
    pub(super) bytes: u64,
}

impl<'m> Stripe<'m> {
    pub(super) fn new((map, number): (&'m Map, usize), now: Timestamp, orphans: &'m RefCell<Vec<Manifest>>) -> Self {
        Stripe { map, index: Index::new(map, number), number, now, orphans }
    }

    pub(super) fn layout(&self) -> &'m Layout {
        &self.map.layout
    }

    pub(super) fn total(&self, total: Total) -> u64 {
        self.map.load(self.layout().totals(self.number) + total as usize)
    }

    pub(super) fn set_total(&self, total: Total, value: u64) {
        self.map.store(self.layout().totals(self.number) + total as usize, value);
    }

    pub(super) fn raise(&self, total: Total) {
        self.set_total(total, self.total(total).wrapping_add(1));
    }

    /// The slots in it may be anything: whoever follows one asks whether it is one.
    #[inline(always)]
    pub(super) fn book(&self, space: usize) -> Book {
        book(self.map, self.number, space)
    }

    pub(super) fn set_book(&self, space: usize, book: Book) {
        let at = self.layout().book(self.number, space);
        self.map.store(at, u64::from(book.entries) | u64::from(book.hand) << 32);
        self.map.store(at + 1, u64::from(book.head) | u64::from(book.tail) << 32);
        self.map.store(at + 2, book.bytes);
    }

    /// An entry of `space` is evicted.
    pub(super) fn count_eviction(&self, space: usize) {
        let at = self.layout().book(self.number, space) + EVICTED;
        self.map.store(at, self.map.load(at).wrapping_add(1));
        self.raise(Total::Evictions);
    }

    /// The entry behind a pointer of this stripe.
    pub(super) fn follow(&self, pointer: Pointer) -> Option<Found> {
        read::follow(self.map, self.number, pointer)
    }

    /// When an entry expires.
    pub(super) fn expires(&self, found: &Found) -> Timestamp {
        Timestamp::from_micros(self.map.load(found.at + 2))
    }

    /// What an entry counts for: the bytes of its key and its value.
    pub(super) fn weight(&self, found: &Found) -> u64 {
        let manifest = Manifest::of(self.map, found);
        manifest.map_or((found.lens.key + found.lens.value) as u64, |manifest| manifest.weight())
    }

    /// Out of the index first, by one word: a reader has it or not. Then out of the books.
    pub(super) fn remove(&self, slot: Slot) -> Sound<()> {
        let pointer = self.index.get(slot);
        if pointer == 0 {
            return Err(Bad);
        }
        let found = self.follow(pointer).ok_or(Bad)?;
        self.index.set(slot, 0);
        self.index.take_visited(slot);
        self.leave(slot, &found)
    }

    /// The pieces of an entry, if it has any, are to follow it.
    pub(super) fn orphan(&self, found: &Found) {
        if found.lens.manifest {
            self.orphans.borrow_mut().extend(Manifest::of(self.map, found));
        }
    }

    /// An entry leaves the books; its slot is another's from now on.
    pub(super) fn leave(&self, slot: Slot, found: &Found) -> Sound<()> {
        self.orphan(found);
        self.add_live(found.segment, -(found.lens.words() as i64));
        let mut book = self.book(found.lens.space);
        self.unlink(&mut book, slot)?;
        book.entries = book.entries.saturating_sub(1);
        book.bytes = book.bytes.saturating_sub(self.weight(found));
        self.set_book(found.lens.space, book);
        Ok(())
    }

    /// An entry enters the books as the youngest of its space.
    pub(super) fn enter(&self, slot: Slot, found: &Found) -> Sound<()> {
        self.add_live(found.segment, found.lens.words() as i64);
        let mut book = self.book(found.lens.space);
        self.push(&mut book, slot)?;
        book.entries = book.entries.saturating_add(1);
        book.bytes = book.bytes.saturating_add(self.weight(found));
        self.set_book(found.lens.space, book);
        Ok(())
    }
}

/// Entries of a space that a stripe has ever evicted.
pub(super) fn evictions(map: &Map, stripe: usize, space: usize) -> u64 {
    map.load(map.layout.book(stripe, space) + EVICTED)
}

/// What a stripe knows of a space, for who does not hold its lock.
#[inline(always)]
pub(super) fn book(map: &Map, stripe: usize, space: usize) -> Book {
    let at = map.layout.book(stripe, space);
    let (counts, ends) = (map.load(at), map.load(at + 1));
    Book {
        entries: counts as u32,
        hand: (counts >> 32) as u32,
        head: ends as u32,
        tail: (ends >> 32) as u32,
        bytes: map.load(at + 2),
    }
}
