//! A policy for a table that one thread uses at a time.

use super::{EPOCH_BITS, Eviction, Marks, Policy, Trace};
use crate::sync::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// An algorithm together with what its hits leave behind, for who has entries in numbered slots and a lock, or a thread,
/// of its own around them. Slots are small numbers from 0 on: memory is taken up to the highest one seen, and kept.
///
/// A slot is `insert`ed once, and then `hit` until it is evicted or removed.
#[derive(Debug)]
pub struct Evictor {
    eviction: Box<dyn Eviction>,
    trace: Trace,
    marks: Vec<AtomicU64>,
    /// The time of stamps.
    ticks: u64,
}

impl Evictor {
    /// Nobody yet, and about `expected` entries to come. `seed` fixes the choices of a policy that makes any at random.
    pub fn new(policy: Policy, expected: usize, seed: u64) -> Self {
        let eviction = policy.build(expected, seed);
        Evictor { trace: eviction.trace(), eviction, marks: Vec::new(), ticks: 0 }
    }

    /// The entry in `slot` is used. Nothing happens for a slot that was never filled.
    #[inline]
    pub fn hit(&mut self, slot: u32) {
        let Some(mark) = self.marks.get_mut(slot as usize) else { return };
        match self.trace {
            Trace::Nothing => {}
            Trace::Stamp => {
                self.ticks += 1;
                *mark = AtomicU64::new(self.ticks);
            }
            Trace::Count(most) => {
                let count = mark.load(Relaxed);
                if count < u64::from(most) {
                    *mark = AtomicU64::new(count + 1);
                }
            }
            Trace::Log => self.eviction.touch(slot),
        }
    }

    /// `slot`, which was free, now holds the entry that hashes to `hash`.
    pub fn insert(&mut self, slot: u32, hash: u64) {
        while self.marks.len() <= slot as usize {
            self.marks.push(AtomicU64::new(0));
        }
        // Each insertion begins an epoch.
        self.ticks = ((self.ticks >> EPOCH_BITS) + 1) << EPOCH_BITS;
        let mark = if self.trace == Trace::Stamp { self.ticks } else { 0 };
        self.marks.set(slot, mark);
        self.eviction.insert(slot, mark, hash);
    }

    /// The entry in `slot`, which was filled, was removed or has expired.
    pub fn remove(&mut self, slot: u32) {
        self.eviction.remove(slot);
    }

    /// Who leaves, for an entry to come that hashes to `incoming`; its slot is free then. `None` when empty.
    pub fn evict(&mut self, incoming: u64) -> Option<u32> {
        self.eviction.evict(&self.marks, incoming)
    }
}
