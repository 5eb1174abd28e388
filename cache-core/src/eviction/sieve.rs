//! SIEVE: a hit sets a flag, and a hand that walks from the oldest to the newest takes the first entry without one.
//!
//! Zhang, Yang, Yue, Vigfusson and Rashmi, "SIEVE is simpler than LRU", NSDI 2024,
//! <https://www.usenix.org/conference/nsdi24/presentation/zhang-yazhuo>.

use super::list::List;
use super::{Eviction, HitLock, Slot};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

/// The order of insertions, the last one in front. Costs 9 bytes a slot.
#[derive(Debug, Default)]
pub(crate) struct Sieve {
    order: List,
    /// Whether each slot was hit since it came or the hand passed it.
    visited: Vec<AtomicBool>,
    /// Where the walk goes on; `None` is at the back.
    hand: Option<Slot>,
}

impl Eviction for Sieve {
    fn hit_lock(&self) -> HitLock {
        HitLock::Shared
    }

    #[inline]
    fn touch_shared(&self, slot: Slot) {
        let visited = &self.visited[slot as usize];
        // Reading first is load-bearing: a flag that is set already stays in the caches of all the cores that hit it.
        // Relaxed is enough, for the lock orders the hits of others before the walk of the hand.
        if !visited.load(Relaxed) {
            visited.store(true, Relaxed);
        }
    }

    fn evict(&mut self, _: u64) -> Option<Slot> {
        let back = self.order.back()?;
        let mut slot = self.hand.unwrap_or(back);
        // Every step clears a flag, so the walk ends, and costs one step for each hit that set one.
        while std::mem::take(self.visited[slot as usize].get_mut()) {
            slot = self.order.prev(slot).unwrap_or(back);
        }
        self.hand = self.order.prev(slot);
        self.order.unlink(slot);
        Some(slot)
    }

    fn insert(&mut self, slot: Slot, _: u64) {
        if self.visited.len() <= slot as usize {
            self.visited.resize_with(slot as usize + 1, AtomicBool::default);
        }
        *self.visited[slot as usize].get_mut() = false;
        self.order.push_front(slot);
    }

    fn remove(&mut self, slot: Slot) {
        if self.hand == Some(slot) {
            self.hand = self.order.prev(slot);
        }
        self.order.unlink(slot);
    }
}
