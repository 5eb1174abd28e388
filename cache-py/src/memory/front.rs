//! A short way to the entries whose arguments are the very objects of the call.

use super::entry::{Shape, View};
use crate::call::Call;
use pyo3::ffi::PyObject;

/// Numbers of entries by the addresses of arguments. An entry keeps its arguments alive, so the same address is the
/// same object; a number leads to an entry that is there, of these arguments or of others.
pub(super) struct Front {
    ids: Box<[u32; SLOTS]>,
}

/// Whether a cache has a front: where calls come with objects of their own, it costs more than it saves.
pub(super) struct Turn {
    /// Hits until this is looked at again.
    left: u32,
    /// All hits of the cache when that was decided.
    hits: u64,
}

/// Hits beside the front until it is looked at; and hits without one until it has another chance.
const TRIAL: u32 = 256;
const REST: u32 = 16 * TRIAL;

impl Turn {
    pub(super) const fn new() -> Self {
        Turn { left: TRIAL, hits: 0 }
    }

    /// A hit that the front had no part in.
    #[inline(always)]
    pub(super) fn is_due(&mut self) -> bool {
        self.left = self.left.wrapping_sub(1);
        self.left == 0
    }

    /// Decides, with all `hits` until now, and whether there was a front: whether there shall be one.
    #[cold]
    pub(super) fn decide(&mut self, hits: u64, was_there: bool) -> bool {
        let is_there = !was_there || hits.saturating_sub(self.hits) > 2 * u64::from(TRIAL);
        *self = Turn { left: if is_there { TRIAL } else { REST }, hits };
        is_there
    }
}

/// Eight times as many as the entries of a cache of the usual size: few share a slot.
const SLOTS: usize = 1 << BITS;
const BITS: u32 = 10;
/// In a cache with more entries than this, the front misses so often that it costs more than it saves.
pub(super) const MOST: usize = SLOTS;

impl Front {
    pub(super) fn new() -> Self {
        Front { ids: Box::new([0; SLOTS]) }
    }

    /// The number that belongs to the arguments of `call`, or of others; 0 if there was none yet.
    #[inline(always)]
    pub(super) fn get(&self, call: &Call<'_>) -> u32 {
        self.ids[slot(call)]
    }

    #[inline(always)]
    pub(super) fn set(&mut self, call: &Call<'_>, id: u32) {
        self.ids[slot(call)] = id;
    }

    /// The entry leaves: its number will be that of another.
    pub(super) fn forget(&mut self, view: View<'_>, id: u32) {
        let slot = slot_of(view.entry.shape.nargs(), (0..view.len()).map(|at| view.key(at)));
        if self.ids[slot] == id {
            self.ids[slot] = 0;
        }
    }
}

/// Whether an entry is that of `call`, by addresses alone.
#[inline(always)]
pub(super) fn is_identical(view: View<'_>, call: &Call<'_>) -> bool {
    let entry = view.entry;
    if call.len() == 1 && call.nkw() == 0 {
        return entry.only() == call.arg(0) && entry.shape == Shape::ONE;
    }
    if call.len() == 2 && call.nkw() == 0 {
        return entry.shape == Shape::TWO && view.key(0) == call.arg(0) && view.key(1) == call.arg(1);
    }
    Shape::of(call) == Some(entry.shape)
        && (call.nkw() == 0 || view.rare.names == call.kwnames())
        && (0..call.len()).all(|at| view.key(at) == call.arg(at))
}

#[inline(always)]
fn slot(call: &Call<'_>) -> usize {
    if call.len() == 2 {
        return slot_of(call.nargs(), [call.arg(0), call.arg(1)].into_iter());
    }
    slot_of(call.nargs(), (0..call.len()).map(|at| call.arg(at)))
}

#[inline(always)]
fn slot_of(nargs: usize, arguments: impl Iterator<Item = *mut PyObject>) -> usize {
    // Objects lie at multiples of 16.
    let bits = arguments.fold(0u64, |bits, object| bits.wrapping_mul(31) ^ (object as u64) >> 4);
    (bits.wrapping_add(nargs as u64).wrapping_mul(0x9E37_79B9_7F4A_7C15) >> (u64::BITS - BITS)) as usize
}
