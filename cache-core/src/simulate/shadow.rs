//! A cache of hashes without values: it knows what would be there, and counts.

use crate::eviction::{Evictor, Policy, Slot};
use hashbrown::HashTable;

/// Entries for which room is made before they come, whatever the size: it may stand for no bound.
const EXPECTED: usize = 1 << 22;

/// One simulated cache. It asks the policy what the memory tier would ask it, in the same order.
#[derive(Debug)]
pub(super) struct Shadow {
    evictor: Evictor,
    maxsize: usize,
    /// Each hash with its slot beside it, so that a hit touches one line of it.
    index: HashTable<(u64, Slot)>,
    /// The hash in each slot. All slots are taken: who leaves makes room for who comes.
    hashes: Vec<u64>,
    hits: u64,
}

impl Shadow {
    /// An empty one; `seed` decides where a policy chooses at random.
    pub(super) fn new(policy: Policy, maxsize: usize, seed: u64) -> Self {
        Shadow {
            evictor: Evictor::new(policy, maxsize.min(EXPECTED), seed),
            // The highest number of a slot stands for none in the lists of the policies.
            maxsize: maxsize.min(Slot::MAX as usize - 1),
            index: HashTable::new(),
            hashes: Vec::new(),
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
        self.evictor.hit(slot);
    }

    fn insert(&mut self, hash: u64) {
        if self.maxsize == 0 {
            return;
        }
        let slot = match self.evict(hash) {
            Some(slot) => slot,
            None => {
                self.hashes.push(hash);
                self.hashes.len() as Slot - 1
            }
        };
        self.hashes[slot as usize] = hash;
        self.index.insert_unique(hash, (hash, slot), |held| held.0);
        self.evictor.insert(slot, hash);
    }

    /// The slot that was given up for `incoming`, if none is free.
    fn evict(&mut self, incoming: u64) -> Option<Slot> {
        if self.hashes.len() < self.maxsize {
            return None;
        }
        let slot = self.evictor.evict(incoming)?;
        let leaver = self.hashes[slot as usize];
        if let Ok(held) = self.index.find_entry(leaver, |held| held.0 == leaver) {
            held.remove();
        }
        Some(slot)
    }
}
