//! The books of a memory tier: what is kept under its lock.

use super::limbo::{Limbo, Unlinked};
use super::slab::Occupied;
use super::{Bounds, PIECE, expiry::Expiry};
use crate::eviction::{Eviction, Slot};

/// Slots that may wait for readers to leave, in a tier that is not small.
const LIMBO: usize = 1024;

/// Who is there, who leaves next, and which slots are free.
#[derive(Debug)]
pub(super) struct Table {
    pub(super) bounds: Bounds,
    /// Slots that hold an entry, be it one that has left.
    pub(super) occupied: Occupied,
    /// Slots whose entries are in the index.
    pub(super) live: Occupied,
    pub(super) len: usize,
    pub(super) weight: u64,
    /// By slot, as far as anything weighs.
    pub(super) weights: Vec<u64>,
    /// None until the tier has a bound: there is no order to keep before.
    pub(super) eviction: Option<Box<dyn Eviction>>,
    pub(super) expiry: Expiry,
    pub(super) limbo: Limbo,
    /// The weight of what has left since limbo was last sorted.
    pub(super) gone: u64,
    /// Slots that hold nothing.
    pub(super) free: Vec<Slot>,
    /// The first slot that was never used.
    pub(super) fresh: Slot,
    pub(super) evicted: u64,
    pub(super) expired: u64,
    seed: u64,
}

impl Table {
    pub(super) fn new(bounds: Bounds, seed: u64) -> Self {
        let mut table = Table {
            bounds,
            occupied: Occupied::default(),
            live: Occupied::default(),
            len: 0,
            weight: 0,
            weights: Vec::new(),
            eviction: None,
            expiry: Expiry::default(),
            limbo: Limbo::new(limbo_for(bounds.maxsize)),
            gone: 0,
            free: Vec::new(),
            fresh: 0,
            evicted: 0,
            expired: 0,
            seed,
        };
        table.start_order();
        table
    }

    /// Changes the bound on entries.
    pub(super) fn set_maxsize(&mut self, maxsize: Option<usize>) {
        self.bounds.maxsize = maxsize;
        self.limbo.set_most(limbo_for(maxsize));
    }

    /// Slots that so many entries need, those in limbo with them.
    pub(super) fn slots_for(&self, entries: usize) -> usize {
        entries.saturating_add(2 * self.limbo.most()).saturating_add(1)
    }

    /// Starts the order of eviction if the bounds demand one. Whether it has started now; it does not end when the bounds go.
    pub(super) fn start_order(&mut self) -> bool {
        let bounded = self.bounds.maxsize.is_some() || self.bounds.max_weight.is_some();
        let starts = bounded && self.eviction.is_none();
        if starts {
            self.eviction = Some(self.new_order());
        }
        starts
    }

    pub(super) fn new_order(&self) -> Box<dyn Eviction> {
        // Places for those in limbo too: to move what was kept of a million entries takes milliseconds.
        let slots = self.bounds.maxsize.map_or(0, |maxsize| self.slots_for(maxsize).min(PIECE));
        self.bounds.policy.build(slots, self.seed)
    }

    /// Whether an entry of `weight` can ever fit.
    pub(super) fn can_hold(&self, weight: u64) -> bool {
        self.bounds.maxsize != Some(0) && self.bounds.max_weight.is_none_or(|most| weight <= most)
    }

    /// Whether an entry of `weight` fits now.
    pub(super) fn has_room(&self, weight: u64) -> bool {
        let heaviest = self.bounds.max_weight.unwrap_or(u64::MAX);
        let fits = weight == 0 || self.weight.checked_add(weight).is_some_and(|weight| weight <= heaviest);
        fits && self.bounds.maxsize.is_none_or(|most| self.len < most)
    }

    /// Enters an entry.
    #[inline]
    pub(super) fn enter(&mut self, slot: Slot, weight: u64) {
        self.live.insert(slot);
        self.len += 1;
        if weight > 0 || !self.weights.is_empty() {
            self.weigh(slot, weight);
        }
    }

    #[inline(never)]
    fn weigh(&mut self, slot: Slot, weight: u64) {
        if self.weights.len() <= slot as usize {
            self.weights.resize(slot as usize + 1, 0);
        }
        self.weights[slot as usize] = weight;
        self.weight += weight;
    }

    /// Strikes out an entry that the order of eviction has let go.
    #[inline]
    pub(super) fn strike(&mut self, slot: Slot) {
        self.live.remove(slot);
        self.len -= 1;
        self.weight -= self.weights.get(slot as usize).copied().unwrap_or(0);
        if !self.expiry.is_empty() {
            self.expiry.remove(slot);
        }
    }

    /// Sends a slot that was struck out to limbo.
    pub(super) fn bury(&mut self, gone: Unlinked) {
        let weight = self.weights.get(gone.slot() as usize).copied().unwrap_or(0);
        self.gone = self.gone.saturating_add(weight);
        self.limbo.push(gone);
    }

    /// A slot that holds nothing.
    pub(super) fn vacancy(&mut self) -> Slot {
        self.free.pop().unwrap_or_else(|| {
            self.fresh += 1;
            self.fresh - 1
        })
    }

    /// Whether it is time to find out who of limbo can be replaced, rather than to take a slot that was never used.
    pub(super) fn is_sort_due(&self) -> bool {
        let enough = self.bounds.maxsize.map_or(usize::MAX, |maxsize| self.slots_for(maxsize));
        self.is_limbo_full() || self.fresh as usize >= enough
    }

    /// Whether what has left must be dropped before more of it gathers: a bound on weight is meant as one on memory.
    pub(super) fn is_limbo_full(&self) -> bool {
        self.limbo.is_full() || self.bounds.max_weight.is_some_and(|most| self.gone > most / 64)
    }
}

fn limbo_for(maxsize: Option<usize>) -> usize {
    maxsize.map_or(LIMBO, |maxsize| (maxsize / 8).clamp(1, LIMBO))
}
