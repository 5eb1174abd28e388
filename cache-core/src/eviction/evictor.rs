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
                mark.store(self.ticks, Relaxed);
            }
            Trace::Count(most) => {
                let count = mark.load(Relaxed);
                if count < u64::from(most) {
                    mark.store(count + 1, Relaxed);
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

#[cfg(test)]
mod tests {
    use super::Evictor;
    use crate::{Policy, simulate};
    use proptest::collection::vec;
    use proptest::prelude::*;
    use std::collections::HashMap;
    use std::hash::{DefaultHasher, Hash, Hasher};

    /// As a simulation names a key.
    fn hash(key: u32) -> u64 {
        let mut hasher = DefaultHasher::new();
        key.hash(&mut hasher);
        hasher.finish()
    }

    /// Hits of a table in a program of its own, whose first slot has this number.
    fn hits(policy: Policy, (maxsize, first): (usize, u32), trace: &[u32]) -> usize {
        let mut evictor = Evictor::new(policy, maxsize, 0);
        let mut slots = HashMap::new();
        let mut hits = 0;
        for key in trace {
            if let Some(slot) = slots.get(key) {
                evictor.hit(*slot);
                hits += 1;
                continue;
            }
            let mut slot = first + slots.len() as u32;
            if slots.len() == maxsize {
                let Some(left) = evictor.evict(hash(*key)) else { continue };
                slots.retain(|_, held| *held != left);
                slot = left;
            }
            slots.insert(*key, slot);
            evictor.insert(slot, hash(*key));
        }
        hits
    }

    proptest! {
        #[test]
        fn hits_where_a_simulation_does(maxsize in 0..60_usize, trace in vec(0..100_u32, 0..1_000)) {
            for simulated in simulate(&trace, Policy::ALL, &[maxsize]) {
                let hits = hits(simulated.policy, (maxsize, 0), &trace);
                let expected = (simulated.hit_ratio * trace.len() as f64).round() as usize;
                prop_assert_eq!(hits, expected, "{:?}", simulated.policy);
            }
        }

        #[test]
        fn the_first_slot_may_be_any(maxsize in 1..60_usize, trace in vec(0..100_u32, 0..1_000)) {
            // Where who leaves is drawn by lot, the number of a slot may count.
            let drawn = |policy: &Policy| matches!(policy, Policy::Random | Policy::Tenure);
            for policy in Policy::ALL.iter().copied().filter(|policy| !drawn(policy)) {
                prop_assert_eq!(hits(policy, (maxsize, 0), &trace), hits(policy, (maxsize, 1), &trace), "{:?}", policy);
            }
        }

        #[test]
        fn each_leaves_once_and_what_was_removed_does_not(
            slots in vec(any::<bool>(), 1..80),
            hit in vec(any::<prop::sample::Index>(), 0..50),
        ) {
            for &policy in Policy::ALL {
                let mut evictor = Evictor::new(policy, slots.len(), 7);
                (0..slots.len() as u32).for_each(|slot| evictor.insert(slot, hash(slot)));
                hit.iter().for_each(|slot| evictor.hit(slot.index(slots.len()) as u32));
                evictor.hit(10_000);
                let removed = slots.iter().enumerate().filter(|(_, stays)| !**stays);
                removed.for_each(|(slot, _)| evictor.remove(slot as u32));
                let mut left: Vec<_> = std::iter::from_fn(|| evictor.evict(1)).collect();
                left.sort_unstable();
                let expected: Vec<_> = (0..).zip(&slots).filter(|(_, stays)| **stays).map(|(slot, _)| slot).collect();
                prop_assert_eq!(left, expected, "{:?}", policy);
            }
        }
    }
}
