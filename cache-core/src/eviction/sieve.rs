//! SIEVE: a hit sets a flag, and a hand that walks from the oldest to the newest takes the first entry without one.
//!
//! Zhang, Yang, Yue, Vigfusson and Rashmi, "SIEVE is simpler than LRU", NSDI 2024,
//! <https://www.usenix.org/conference/nsdi24/presentation/zhang-yazhuo>.

use super::list::List;
use super::{Eviction, LONGEST_WALK, Marks, Slot, Trace};

/// The order of insertions, the last one in front. Costs 8 bytes a slot.
#[derive(Debug)]
pub(crate) struct Sieve {
    order: List,
    /// Where the walk goes on; `None` is at the back.
    hand: Option<Slot>,
}

impl Sieve {
    /// Nobody yet, and about `expected` entries to come.
    pub(crate) fn new(expected: usize) -> Self {
        Sieve { order: List::new(expected), hand: None }
    }
}

impl Eviction for Sieve {
    fn trace(&self) -> Trace {
        Trace::Count(1)
    }

    fn evict(&mut self, marks: &dyn Marks, _: u64) -> Option<Slot> {
        let back = self.order.back()?;
        let mut slot = self.hand.unwrap_or(back);
        // Every step clears a flag, so the walk costs one step for each hit that set one.
        for _ in 0..LONGEST_WALK {
            if marks.get(slot) == 0 {
                break;
            }
            marks.set(slot, 0);
            slot = self.order.prev(slot).unwrap_or(back);
        }
        self.hand = self.order.prev(slot);
        self.order.unlink(slot);
        Some(slot)
    }

    fn insert(&mut self, slot: Slot, _: u64, _: u64) {
        self.order.push_front(slot);
    }

    fn remove(&mut self, slot: Slot) {
        if self.hand == Some(slot) {
            self.hand = self.order.prev(slot);
        }
        self.order.unlink(slot);
    }
}
