//! The order of a space in a stripe: a list over slots, the oldest at its head.

use super::index::{Index, Slot};
use super::stripe::{Bad, Book, Sound, Stripe};

impl Stripe<'_> {
    /// The word of a slot's neighbours.
    fn link(&self, slot: Slot) -> usize {
        self.layout().links(self.number) + Index::number(slot)
    }

    /// Those before and after a slot in its list.
    fn sides(&self, slot: Slot) -> Sound<(Slot, Slot)> {
        if !self.index.has(slot) {
            return Err(Bad);
        }
        let link = self.map.load(self.link(slot));
        let (before, after) = (link as u32, (link >> 32) as u32);
        let sound = |slot| slot == 0 || self.index.has(slot);
        if sound(before) && sound(after) { Ok((before, after)) } else { Err(Bad) }
    }

    fn set_sides(&self, slot: Slot, before: Slot, after: Slot) {
        self.map.store(self.link(slot), u64::from(before) | u64::from(after) << 32);
    }

    /// The next younger one, or zero.
    pub(super) fn after(&self, slot: Slot) -> Sound<Slot> {
        Ok(self.sides(slot)?.1)
    }

    /// The next older one, or zero.
    pub(super) fn before(&self, slot: Slot) -> Sound<Slot> {
        Ok(self.sides(slot)?.0)
    }

    /// Has what is needed come to evict a slot, which will be soon.
    pub(super) fn expect(&self, slot: Slot) {
        if self.index.has(slot) {
            self.map.prefetch(self.link(slot));
            self.index.prefetch(Index::bucket(slot));
        }
    }

    /// Puts a slot at the young end of a book's list.
    pub(super) fn push(&self, book: &mut Book, slot: Slot) -> Sound<()> {
        self.set_sides(slot, book.tail, 0);
        match book.tail {
            0 => book.head = slot,
            tail => {
                let (before, _) = self.sides(tail)?;
                self.set_sides(tail, before, slot);
            }
        }
        book.tail = slot;
        Ok(())
    }

    /// Takes a slot out of a book's list. A hand that pointed there points to the next younger one.
    pub(super) fn unlink(&self, book: &mut Book, slot: Slot) -> Sound<()> {
        let (before, after) = self.sides(slot)?;
        if book.hand == slot {
            book.hand = after;
        }
        match before {
            0 if book.head == slot => book.head = after,
            0 => return Err(Bad),
            before => self.set_sides(before, self.sides(before)?.0, after),
        }
        match after {
            0 if book.tail == slot => book.tail = before,
            0 => return Err(Bad),
            after => self.set_sides(after, before, self.sides(after)?.1),
        }
        Ok(())
    }
}
