//! A cache of hashes without values: it knows what would be there, and counts.

use crate::eviction::{EPOCH_BITS, Eviction, Marks, Policy, Slot, Trace};
use crate::sync::AtomicU64;
use hashbrown::HashTable;

/// Entries for which room is made before they come, whatever the size: it may stand for no bound.
const EXPECTED: usize = 1 << 22;

/// One simulated cache. It asks the policy what the memory tier would ask it, in the same order.
#[derive(Debug)]
pub(super) struct Shadow {
    eviction: Box<dyn Eviction>,
    trace: Trace,
    maxsize: usize,
    /// Each hash with its slot beside it, so that a hit touches one line of it.
    index: HashTable<(u64, Slot)>,
    /// The hash in each slot. All slots are taken: who leaves makes room for who comes.
    hashes: Vec<u64>,
    marks: Vec<AtomicU64>,
    /// The time of stamps.
    ticks: u64,
    hits: u64,
}

impl Shadow {
    /// An empty one; `seed` decides where a policy chooses at random.
    pub(super) fn new(policy: Policy, maxsize: usize, seed: u64) -> Self {
        let eviction = policy.build(maxsize.min(EXPECTED), seed);
        Shadow {
            trace: eviction.trace(),
            eviction,
            // The highest number of a slot stands for none in the lists of the policies.
            maxsize: maxsize.min(Slot::MAX as usize - 1),
            index: HashTable::new(),
            hashes: Vec::new(),
            marks: Vec::new(),
            ticks: 0,
            hits: 0,
        }
    }

    /// Requests that were hits.
    pub(super) fn hits(&self) -> u64 {
        self.hits
    }

    /// A request for the key that hashes to `hash`; a miss is kept.
    #[inline]
    pub(super) fn request(&mut self, hash: u64) {
        let Some(&(_, slot)) = self.index.find(hash, |held| held.0 == hash) else { return self.insert(hash) };
        self.hits += 1;
        match self.trace {
            Trace::Nothing => {}
            Trace::Stamp => {
                self.ticks += 1;
                self.marks.set(slot, self.ticks);
            }
            Trace::Count(most) => {
                let mark = self.marks.get(slot);
                if mark < u64::from(most) {
                    self.marks.set(slot, mark + 1);
                }
            }
            Trace::Log => self.eviction.touch(slot),
        }
    }

    fn insert(&mut self, hash: u64) {
        if self.maxsize == 0 {
            return;
        }
        let slot = match self.evict(hash) {
            Some(slot) => slot,
            None => {
                self.hashes.push(hash);
                self.marks.push(AtomicU64::default());
                self.hashes.len() as Slot - 1
            }
        };
        self.hashes[slot as usize] = hash;
        self.index.insert_unique(hash, (hash, slot), |held| held.0);
        // Each insertion begins an epoch.
        self.ticks = ((self.ticks >> EPOCH_BITS) + 1) << EPOCH_BITS;
        let mark = if self.trace == Trace::Stamp { self.ticks } else { 0 };
        self.marks.set(slot, mark);
        self.eviction.insert(slot, mark, hash);
    }

    /// The slot that was given up for `incoming`, if none is free.
    fn evict(&mut self, incoming: u64) -> Option<Slot> {
        if self.hashes.len() < self.maxsize {
            return None;
        }
        let slot = self.eviction.evict(&self.marks, incoming)?;
        let leaver = self.hashes[slot as usize];
        if let Ok(held) = self.index.find_entry(leaver, |held| held.0 == leaver) {
            held.remove();
        }
        Some(slot)
    }
}
