//! Who leaves a space that is full.

use super::index::Slot;
use super::score;
use super::spaces::{Bounds, EXACT};
use super::stripe::{Bad, Sound, Stripe};
use memolith_core::Policy;

/// Entries that are looked at for one that leaves: as many as are kept in order exactly. By `Lfu` four times as many, for
/// each look takes a use away.
const LOOKS: u32 = EXACT as u32;

impl Stripe<'_> {
    /// One entry of `space` leaves.
    pub(super) fn evict(&self, space: usize, bounds: Bounds) -> Sound<()> {
        let victim = self.victim(space, bounds)?;
        self.count_eviction(space);
        self.remove(victim)?;
        self.expect(self.book(space).head);
        Ok(())
    }

    fn victim(&self, space: usize, bounds: Bounds) -> Sound<Slot> {
        let policy = bounds.policy;
        let book = self.book(space);
        let sound = |slot| self.index.has(slot);
        if !sound(book.head) || !sound(book.tail) || (book.hand != 0 && !sound(book.hand)) {
            return Err(Bad);
        }
        match policy {
            Policy::Fifo => Ok(book.head),
            Policy::Lru | Policy::Mru | Policy::Lfu if bounds.scored() && book.entries <= LOOKS => {
                self.lowest((book.head, book.entries), policy, Stripe::after)
            }
            Policy::Lru => self.second_chance(space),
            Policy::Mru => self.lowest((book.tail, LOOKS), policy, Stripe::before),
            Policy::Lfu => self.count_down(space),
            Policy::Random => {
                let start = if book.hand == 0 { book.head } else { book.hand };
                let steps = draw(self.now.as_micros() ^ u64::from(start) << 32) % LOOKS.min(book.entries.max(1));
                self.turn(space, start, steps)
            }
            _ => self.sieve(space),
        }
    }

    /// The one whose score leaves first, of as many as `count` from `start` on.
    fn lowest(&self, (start, count): (Slot, u32), policy: Policy, next: fn(&Self, Slot) -> Sound<Slot>) -> Sound<Slot> {
        let rank = |slot| score::rank(policy, (self.index.score(slot), self.index.is_visited(slot)), self.now);
        let (mut lowest, mut slot) = (start, start);
        let mut least = rank(start);
        for _ in 1..count {
            slot = next(self, slot)?;
            if slot == 0 {
                break;
            }
            let rank = rank(slot);
            if rank < least {
                (lowest, least) = (slot, rank);
            }
        }
        Ok(lowest)
    }

    /// The next younger one; after the youngest the oldest.
    fn around(&self, space: usize, slot: Slot) -> Sound<Slot> {
        match self.after(slot)? {
            0 => Some(self.book(space).head).filter(|head| self.index.has(*head)).ok_or(Bad),
            after => Ok(after),
        }
    }

    /// Moves the hand on by as many as `steps` from `start`, around the list; where it stands then.
    fn turn(&self, space: usize, start: Slot, steps: u32) -> Sound<Slot> {
        let mut slot = start;
        for _ in 0..steps {
            slot = self.around(space, slot)?;
        }
        let mut book = self.book(space);
        book.hand = slot;
        self.set_book(space, book);
        Ok(slot)
    }

    /// The oldest that was not used since it came or since it was last passed over; those that were become the youngest.
    fn second_chance(&self, space: usize) -> Sound<Slot> {
        let mut book = self.book(space);
        for _ in 0..LOOKS {
            if !self.index.has(book.head) {
                return Err(Bad);
            }
            if !self.index.take_visited(book.head) {
                break;
            }
            let head = book.head;
            self.unlink(&mut book, head)?;
            self.push(&mut book, head)?;
            self.set_book(space, book);
        }
        Ok(book.head)
    }

    /// A clock with counts: the first that was not used again since it came or since the hand has passed it as often as it
    /// was used.
    fn count_down(&self, space: usize) -> Sound<Slot> {
        let book = self.book(space);
        let mut slot = if book.hand == 0 { book.head } else { book.hand };
        for _ in 0..LOOKS * 4 {
            let Some(fewer) = score::one_use_fewer(self.index.score(slot)) else { break };
            self.index.set_score(slot, fewer);
            slot = self.around(space, slot)?;
        }
        self.turn(space, slot, 0)
    }

    /// SIEVE: as the second chance, but who was used stays where it is and the hand goes on.
    fn sieve(&self, space: usize) -> Sound<Slot> {
        let book = self.book(space);
        let mut slot = if book.hand == 0 { book.head } else { book.hand };
        for _ in 0..LOOKS {
            if !self.index.take_visited(slot) {
                break;
            }
            slot = self.around(space, slot)?;
        }
        // `remove` moves the hand on when its slot leaves.
        self.turn(space, slot, 0)
    }
}

/// A number that looks like chance: the last step of SplitMix64.
fn draw(seed: u64) -> u32 {
    let mixed = (seed ^ (seed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    (mixed ^ (mixed >> 31)) as u32
}
