//! Reading: no lock, no write but a visited bit, a score that has changed, and a counter of the reader's own.
//!
//! The sequence number of an entry is the generation of its segment. It is looked at before the entry's words are read and
//! after, and so is the slot: an entry that was there all the time is whole, because it is never written twice.

use super::entry::{self, Lens};
use super::index::{Index, Pointer, Slot, place};
use super::layout::{SPACES, UNIT};
use super::map::Map;
use super::name::Name;
use super::score;
use super::spaces::Space;
use crate::sync::{AtomicU64, fence, planted};
use memolith_core::{Policy, Timestamp};
use std::sync::atomic::Ordering::{Acquire, Relaxed};

/// How often an entry that moves away under the reader is looked for again.
const LOOKS: usize = 3;

/// An entry, where the map says it lies: inside of a segment in use, with lengths that stay in there.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) segment: usize,
    /// Its first word.
    pub(super) at: usize,
    pub(super) lens: Lens,
    /// The word that `lens` was read from.
    pub(super) packed: u64,
    pub(super) generation: u64,
}

/// A verified copy of a value, and where it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Copied {
    pub(super) slot: Slot,
    pub(super) expires: Timestamp,
    /// Whether it only says where the pieces of the true value are.
    pub(super) manifest: bool,
}

/// Follows a pointer of a stripe. `None`: it points outside, its segment is free, or the lengths leave the segment.
/// Nothing that is found is to be trusted: it may change the next moment.
#[inline(always)]
pub(super) fn follow(map: &Map, stripe: usize, pointer: Pointer) -> Option<Found> {
    let layout = &map.layout;
    let word = place(pointer) * UNIT;
    let (segment, offset) = (word >> layout.segment.trailing_zeros(), word & (layout.segment - 1));
    if segment >= layout.segments {
        return None;
    }
    // Acquire: what is read after is of this generation, or of a later one, which a second look notices.
    let generation = map.word(layout.generation(stripe, segment)).load(Acquire);
    if generation & 1 == 1 {
        return None;
    }
    let at = layout.segment_at(stripe, segment) + offset;
    let packed = map.words(at, entry::HEAD)?[1].load(Relaxed);
    let lens = Lens::unpack(packed);
    let fits = lens.space < SPACES && lens.words() <= layout.segment - offset;
    fits.then_some(Found { segment, at, lens, packed, generation })
}

/// Whether an entry is that of `name`.
#[inline(always)]
pub(super) fn is(map: &Map, found: &Found, name: &Name<'_>) -> bool {
    let lens = found.lens;
    lens.space == name.space
        && (lens.epoch == name.epoch || planted("any epoch"))
        && lens.key == name.key.len()
        && lens.digest == name.digest
        && map.words(found.at, lens.words()).is_some_and(|words| entry::holds(&words[entry::HEAD..], name.key))
}

/// Appends the value of `name` to `out` if it is there and alive.
#[inline(always)]
pub(super) fn get(map: &Map, name: &Name<'_>, now: Timestamp, out: &mut Vec<u8>) -> Option<Copied> {
    let index = Index::new(map, name.stripe);
    index.prefetch(name.buckets[0]);
    for _ in 0..LOOKS {
        let mut moved = false;
        for bucket in name.buckets {
            let mut tagged = index.tagged(bucket, name.tag);
            while tagged != 0 {
                let slot = Index::slot(bucket, tagged.trailing_zeros() as usize);
                tagged &= tagged - 1;
                let pointer = index.get(slot);
                prefetch(map, name.stripe, pointer);
                let Some(found) = follow(map, name.stripe, pointer) else {
                    moved = true;
                    continue;
                };
                // A slot is cleared before its segment is used again, so this one points into the generation just read.
                if !planted("no second look at the slot") && index.get(slot) != pointer {
                    moved = true;
                    continue;
                }
                if !is(map, &found, name) {
                    continue;
                }
                let start = out.len();
                let words = map.words(found.at, found.lens.words())?;
                let (sum, expires) = copy(words, found.lens, out);
                // Pairs with the fence of whoever writes into a segment: had we read a word of its next life, we would
                // see its generation.
                fence(Acquire);
                if !planted("no second look at the generation")
                    && map.load(map.layout.generation(name.stripe, found.segment)) != found.generation
                {
                    out.truncate(start);
                    moved = true;
                    continue;
                }
                let expires = Timestamp::from_micros(expires);
                let right = entry::checksum(name.hash, found.packed, expires.as_micros(), &out[start..]) == sum;
                if !(right || planted("no checksum")) || expires <= now {
                    out.truncate(start);
                    continue;
                }
                return Some(Copied { slot, expires, manifest: found.lens.manifest });
            }
        }
        if !moved {
            return None;
        }
    }
    None
}

/// Copies the value behind `out`; the checksum and the expiry.
#[inline(always)]
fn copy(words: &[AtomicU64], lens: Lens, out: &mut Vec<u8>) -> (u64, u64) {
    let value = &words[lens.value_at()..lens.value_at() + lens.value.div_ceil(8)];
    entry::read(value, lens.value, out);
    (words[0].load(Relaxed), words[2].load(Relaxed))
}

/// The entry's second line comes with the first instead of after it.
#[inline(always)]
fn prefetch(map: &Map, stripe: usize, pointer: Pointer) {
    let at = map.layout.segment_at(stripe, 0) + place(pointer) * UNIT;
    map.prefetch(at);
    map.prefetch(at + 8);
}

/// Notes a hit, where there is something new to note.
#[inline(always)]
pub(super) fn note((map, stripe): (&Map, usize), slot: Slot, space: &Space, now: Timestamp) {
    let index = Index::new(map, stripe);
    if space.policy != Policy::Fifo {
        index.visit(slot);
    }
    if space.scored {
        let score = index.score(slot);
        let after = score::after_hit(space.policy, score, now);
        if after != score {
            index.set_score(slot, after);
        }
    }
}

#[cfg(all(test, loom))]
mod loom_models;
