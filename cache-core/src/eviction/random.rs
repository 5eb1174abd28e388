//! Random replacement: a hit writes nothing, and no order of requests is its worst case.
//!
//! Belady, "A study of replacement algorithms for a virtual-storage computer", IBM Systems Journal 5(2), 1966,
//! <https://doi.org/10.1147/sj.52.0078>. The numbers are Marsaglia's, "Xorshift RNGs", Journal of Statistical Software 8(14), 2003,
//! <https://doi.org/10.18637/jss.v008.i14>.

use super::{Eviction, Marks, Slot, Trace};

/// The slots in any order, so that a random index is a random slot. Costs 8 bytes a slot.
#[derive(Debug)]
pub(crate) struct Random {
    slots: Vec<Slot>,
    /// Where each slot stands in `slots`; `ABSENT` for a free one.
    position: Vec<u32>,
    /// Never zero: from there xorshift does not get away.
    state: u64,
}

const ABSENT: u32 = u32::MAX;

impl Random {
    /// The same seed gives the same choices.
    pub(crate) fn new(seed: u64) -> Self {
        // Seeds are often small numbers in a row. An odd factor and a fold spread them over all the bits.
        let spread = (seed ^ 0x9e37_79b9_7f4a_7c15).wrapping_mul(0xd6e8_feb8_6659_fd93);
        Random { slots: Vec::new(), position: Vec::new(), state: (spread ^ (spread >> 32)).max(1) }
    }

    /// A number below `bound`.
    fn below(&mut self, bound: usize) -> usize {
        self.state ^= self.state << 13;
        self.state ^= self.state >> 7;
        self.state ^= self.state << 17;
        // The low bits of a plain xorshift are its weak ones; a product's upper half is made of the high ones.
        ((u128::from(self.state) * bound as u128) >> 64) as usize
    }
}

impl Eviction for Random {
    fn trace(&self) -> Trace {
        Trace::Nothing
    }

    fn evict(&mut self, _: &dyn Marks, _: u64) -> Option<Slot> {
        if self.slots.is_empty() {
            return None;
        }
        let index = self.below(self.slots.len());
        let slot = self.slots[index];
        self.remove(slot);
        Some(slot)
    }

    fn insert(&mut self, slot: Slot, _: u64, _: u64) {
        if self.position.len() <= slot as usize {
            self.position.resize(slot as usize + 1, ABSENT);
        }
        debug_assert!(self.position[slot as usize] == ABSENT, "a slot is inserted once");
        self.position[slot as usize] = self.slots.len() as u32;
        self.slots.push(slot);
    }

    fn remove(&mut self, slot: Slot) {
        let index = std::mem::replace(&mut self.position[slot as usize], ABSENT) as usize;
        debug_assert!(index < self.slots.len(), "a slot is removed once");
        self.slots.swap_remove(index);
        if let Some(&moved) = self.slots.get(index) {
            self.position[moved as usize] = index as u32;
        }
    }
}
