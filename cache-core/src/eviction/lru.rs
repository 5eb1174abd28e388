//! Least recently used, exactly.
//!
//! Mattson, Gecsei, Slutz and Traiger, "Evaluation techniques for storage hierarchies", IBM Systems Journal 9(2), 1970,
//! <https://doi.org/10.1147/sj.92.0078>;
//! the order of hits and misses is that of Python's [`functools.lru_cache`](https://docs.python.org/3/library/functools.html#functools.lru_cache).

use super::list::List;
use super::{Eviction, Marks, Slot, Trace};

/// The order of uses, the last one in front. Costs 8 bytes a slot.
#[derive(Debug, Default)]
pub(crate) struct Lru {
    order: List,
}

impl Eviction for Lru {
    fn trace(&self) -> Trace {
        Trace::Log
    }

    #[inline]
    fn touch(&mut self, slot: Slot) {
        self.order.move_to_front(slot);
    }

    fn evict(&mut self, _: &dyn Marks, _: u64) -> Option<Slot> {
        let slot = self.order.back()?;
        self.order.unlink(slot);
        Some(slot)
    }

    fn insert(&mut self, _: &dyn Marks, slot: Slot, _: u64) {
        self.order.push_front(slot);
    }

    fn remove(&mut self, slot: Slot) {
        self.order.unlink(slot);
    }
}
