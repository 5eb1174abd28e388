//! What hits leave beside the entries for the algorithm to read.

use super::Slot;
use crate::sync::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;

/// Stamps leave room for so many bits of hits between two insertions.
pub(crate) const EPOCH_BITS: u32 = if cfg!(any(shuttle, loom)) { 2 } else { 16 };

/// The numbers that hits leave beside their entries, one for each slot. 0 for a slot that was never used.
pub(crate) trait Marks {
    /// The mark of `slot`.
    fn get(&self, slot: Slot) -> u64;
    /// Asks for the memory of `slot`, which will be looked at soon.
    fn prefetch(&self, slot: Slot) {
        let _ = slot;
    }
    /// Replaces the mark of `slot`. Not for [`Trace::Stamp`], whose marks only hits and insertions move.
    fn set(&self, slot: Slot, mark: u64);
}

/// Marks on their own, where no table carries them.
impl Marks for Vec<AtomicU64> {
    fn get(&self, slot: Slot) -> u64 {
        self[slot as usize].load(Relaxed)
    }

    fn set(&self, slot: Slot, mark: u64) {
        self[slot as usize].store(mark, Relaxed);
    }
}
