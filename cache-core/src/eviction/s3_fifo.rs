//! S3-FIFO: newcomers prove themselves in a small queue, and who was there a short while ago need not.
//!
//! Yang, Zhang, Qiu, Yue and Rashmi, "FIFO queues are all you need for cache eviction", SOSP 2023,
//! <https://doi.org/10.1145/3600006.3613147>.

use super::ghosts::Ghosts;
use super::queues::{Queues, print};
use super::{Eviction, LONGEST_WALK, Marks, Slot, Trace};

/// Two queues, and the ghosts of those that left from the small one. Costs 16 bytes a slot, and 6 for a ghost.
#[derive(Debug)]
pub(crate) struct S3Fifo {
    queues: Queues<2>,
    ghosts: Ghosts,
    /// How many of them count, which is the share of the main queue. `None` until room was needed.
    remembered: Option<usize>,
}

/// Of newcomers, a tenth of the capacity.
const SMALL: usize = 0;
const MAIN: usize = 1;

impl S3Fifo {
    /// For about `expected` entries.
    pub(crate) fn new(expected: usize) -> Self {
        S3Fifo { queues: Queues::new(expected), ghosts: Ghosts::default(), remembered: None }
    }
}

impl Eviction for S3Fifo {
    fn trace(&self) -> Trace {
        Trace::Count(3)
    }

    fn evict(&mut self, marks: &dyn Marks, _: u64) -> Option<Slot> {
        let capacity = self.queues.total();
        if capacity == 0 {
            return None;
        }
        let small = (capacity / 10).max(1);
        self.remembered = Some(capacity - small);
        self.ghosts.reserve(capacity - small);
        let mut walk = 0..LONGEST_WALK;
        let slot = loop {
            let full = self.queues.len(SMALL) >= small;
            // All the entries of the other queue may have been removed.
            let order = if full { [SMALL, MAIN] } else { [MAIN, SMALL] };
            let slot = order.into_iter().find_map(|queue| self.queues.back(queue))?;
            let mark = marks.get(slot);
            if walk.next().is_none() {
                break slot;
            }
            match self.queues.queue(slot) {
                SMALL if mark > 1 => marks.set(slot, 0),
                MAIN if mark > 0 => marks.set(slot, mark - 1),
                _ => break slot,
            }
            self.queues.move_to(MAIN, slot);
        };
        if self.queues.queue(slot) == SMALL {
            self.ghosts.put(self.queues.print(slot));
        }
        self.queues.remove(slot);
        Some(slot)
    }

    fn insert(&mut self, slot: Slot, _: u64, hash: u64) {
        let print = print(hash);
        // While there is room for everybody nobody has to prove anything.
        let known = self.remembered.is_none_or(|count| self.ghosts.take(print, count));
        self.queues.insert(if known { MAIN } else { SMALL }, slot, print);
    }

    fn remove(&mut self, slot: Slot) {
        self.queues.remove(slot);
    }
}
