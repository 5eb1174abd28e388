//! First in, first out: a hit writes nothing.
//!
//! Belady, "A study of replacement algorithms for a virtual-storage computer", IBM Systems Journal 5(2), 1966,
//! <https://doi.org/10.1147/sj.52.0078>.

use super::list::List;
use super::{Eviction, Marks, Slot, Trace};

/// The order of insertions, the last one in front. Costs 8 bytes a slot.
#[derive(Debug)]
pub(crate) struct Fifo {
    order: List,
}

impl Fifo {
    /// Nobody yet, and about `expected` entries to come.
    pub(crate) fn new(expected: usize) -> Self {
        Fifo { order: List::new(expected) }
    }
}

impl Eviction for Fifo {
    fn trace(&self) -> Trace {
        Trace::Nothing
    }

    fn evict(&mut self, _: &dyn Marks, _: u64) -> Option<Slot> {
        let slot = self.order.back()?;
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
