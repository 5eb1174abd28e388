//! Most recently used: of a scan that repeats and does not fit, all but one place keeps its entry.
//!
//! Chou and DeWitt, "An evaluation of buffer management strategies for relational database systems", VLDB 1985,
//! <https://www.vldb.org/conf/1985/P127.PDF>.

use super::list::List;
use super::{Eviction, Marks, Slot, Trace};

/// The order of uses and insertions, the last one in front: it leaves. Costs 8 bytes a slot.
#[derive(Debug)]
pub(crate) struct Mru {
    order: List,
}

impl Mru {
    /// Nobody yet, and about `expected` entries to come.
    pub(crate) fn new(expected: usize) -> Self {
        Mru { order: List::new(expected) }
    }
}

impl Eviction for Mru {
    fn trace(&self) -> Trace {
        Trace::Log
    }

    #[inline]
    fn touch(&mut self, slot: Slot) {
        self.order.move_to_front(slot);
    }

    fn evict(&mut self, _: &dyn Marks, _: u64) -> Option<Slot> {
        let slot = self.order.front()?;
        self.order.unlink(slot);
        Some(slot)
    }

    fn insert(&mut self, slot: Slot, _: u64, _: u64) {
        self.order.push_front(slot);
    }

    fn remove(&mut self, slot: Slot) {
        self.order.unlink(slot);
    }
}
