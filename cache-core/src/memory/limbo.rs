//! Slots that are out of the index and may still be read: they wait until no hazard names them.

use super::stripes::Stripes;
use crate::eviction::Slot;
use crate::sync::{fence, planted};
use crate::system;
use std::sync::atomic::Ordering::SeqCst;

/// Slots on their way from the index to their next tenant.
#[derive(Debug, Default)]
pub(super) struct Limbo {
    /// Out of the index.
    waiting: Vec<Slot>,
    /// Read by nobody. Their entries are dropped one at a time, by those who need the slots.
    unread: Vec<Slot>,
    /// How many may wait: one fence is for all of them.
    most: usize,
    hazards: Vec<Slot>,
}

/// A slot that is out of the index, and may be read.
#[derive(Debug)]
pub(super) struct Unlinked(Slot);

impl Unlinked {
    /// Of a slot that the caller has just taken out of the index, and nobody else.
    pub(super) fn new(slot: Slot) -> Self {
        Unlinked(slot)
    }

    pub(super) fn slot(&self) -> Slot {
        self.0
    }
}

/// A slot that is out of the index and that nobody reads.
#[derive(Debug)]
pub(super) struct Unread(Slot);

impl Unread {
    pub(super) fn slot(&self) -> Slot {
        self.0
    }
}

impl Limbo {
    pub(super) fn new(most: usize) -> Self {
        let most = most.max(1);
        Limbo { waiting: Vec::with_capacity(most + 1), unread: Vec::with_capacity(most + 1), most, hazards: Vec::new() }
    }

    /// Slots that may wait.
    pub(super) fn most(&self) -> usize {
        self.most
    }

    /// `slot` has left the index.
    pub(super) fn push(&mut self, slot: Unlinked) {
        self.waiting.push(slot.0);
    }

    /// Whether nothing is there that could be given out at once.
    pub(super) fn is_settled(&self) -> bool {
        self.unread.is_empty()
    }

    /// Whether it is time to [sort](Self::sort).
    pub(super) fn is_full(&self) -> bool {
        self.waiting.len() >= self.most
    }

    /// Whether nothing has left since it was last sorted, and nothing was read then.
    pub(super) fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    pub(super) fn has_unread(&self) -> bool {
        !self.unread.is_empty()
    }

    /// A slot to be used again.
    pub(super) fn pop(&mut self) -> Option<Unread> {
        self.unread.pop().map(Unread)
    }

    /// Finds out who is read by nobody any more. `between` runs when that is certain, before any of them is given out.
    ///
    /// Called by who holds the lock, without which no thread comes by a stripe. It waits for nobody: a slot that is read,
    /// however long, stays.
    pub(super) fn sort(&mut self, stripes: &Stripes, between: impl FnOnce()) {
        if !stripes.only_mine() && !planted("no fence of the writer") {
            // Pairs with the fence in `Hazard::protect`. Without one nobody can tell who reads: then all stay, for ever.
            if !system::has_asymmetric_fence() {
                fence(SeqCst);
            } else if !system::fence_everywhere() {
                return;
            }
        }
        self.hazards.clear();
        self.hazards.extend(stripes.all().flat_map(|stripe| stripe.hazards()));
        if planted("hazards unseen") {
            self.hazards.clear();
        }
        between();
        let (hazards, unread) = (&self.hazards, &mut self.unread);
        if hazards.is_empty() {
            return unread.extend(self.waiting.drain(..).rev());
        }
        // Reversed, so that slots are used again in the order in which they were left: neighbours are then close in age.
        unread.extend(self.waiting.iter().rev().filter(|slot| !hazards.contains(slot)));
        self.waiting.retain(|slot| hazards.contains(slot));
    }
}
