//! Reading: no lock, no write but a visited bit, a score that has changed, and a counter of the reader's own.
//!
//! The sequence number of an entry is the generation of its segment. It is looked at before the entry's words are read and
//! after, and so is the slot: an entry that was there all the time is whole, because it is never written twice.

use super::entry::{self, HEAD, Lens};
use super::index::{Index, Pointer, Slot, place};
use super::layout::{SPACES, UNIT};
use super::map::Map;
use super::name::Name;
use super::score;
use super::spaces::Space;
use crate::sync::{AtomicU64, fence, planted};
use memolith_core::Timestamp;
use std::sync::atomic::Ordering::{Acquire, Relaxed};

/// How often an entry is looked for that moves away under the reader.
const LOOKS: usize = 3;

/// Where a pointer leads: into a segment in use.
#[derive(Clone, Copy, Debug)]
pub(super) struct Located<'m> {
    pub(super) segment: usize,
    pub(super) generation: u64,
    /// Its first word.
    pub(super) at: usize,
    /// From there to the end of the segment.
    words: &'m [AtomicU64],
}

/// An entry whose lengths stay in its segment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Found {
    pub(super) segment: usize,
    /// Its first word.
    pub(super) at: usize,
    pub(super) lens: Lens,
}

/// A verified copy of a value, and where it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Copied {
    pub(super) slot: Slot,
    pub(super) expires: Timestamp,
    /// Whether it only says where the pieces of the true value are.
    pub(super) manifest: bool,
}

/// Follows a pointer of a stripe. `None`: it points outside, or its segment is free.
/// Nothing that is found is to be trusted: it may change the next moment.
#[inline(always)]
pub(super) fn locate(map: &Map, (stripe, data): (usize, usize), pointer: Pointer) -> Option<Located<'_>> {
    let layout = &map.layout;
    // Cleared since it was found: what lies at the place zero is somebody else's.
    if pointer == 0 && !planted("a free slot followed") {
        return None;
    }
    let word = place(pointer) * UNIT;
    let (segment, offset) = (word >> layout.segment_bits, word & (layout.segment - 1));
    if segment >= layout.segments {
        return None;
    }
    // Acquire: what is read after is of this generation, or of a later one, which a second look notices.
    let generation = map.word(layout.generation(stripe, segment)).load(Acquire);
    if generation & 1 == 1 {
        return None;
    }
    let at = data + word;
    Some(Located { segment, generation, at, words: map.words(at, layout.segment - offset)? })
}

/// The entry that a pointer of a stripe leads to, if it can be one.
pub(super) fn follow(map: &Map, stripe: usize, pointer: Pointer) -> Option<Found> {
    let Located { segment, at, words, .. } = locate(map, (stripe, map.layout.data(stripe)), pointer)?;
    let lens = Lens::unpack(words.get(1)?.load(Relaxed));
    let fits = lens.space < SPACES && lens.words() <= words.len();
    fits.then_some(Found { segment, at, lens })
}

/// Whether an entry is that of `name`.
pub(super) fn is(map: &Map, found: &Found, name: &Name<'_>) -> bool {
    let words = map.words(found.at, found.lens.words());
    words.is_some_and(|words| is_of(words, words[1].load(Relaxed), name))
}

/// Whether the entry that begins with `words`, and whose second word is `packed`, is that of `name`.
#[inline(always)]
fn is_of(words: &[AtomicU64], packed: u64, name: &Name<'_>) -> bool {
    let of_key = if planted("any epoch") { Lens::OF_KEY_EVER } else { Lens::OF_KEY };
    (packed ^ name.packed) & of_key == 0 && words.get(HEAD..).is_some_and(|words| entry::holds(words, name.key))
}

/// Who finds out whether a value was damaged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Verify {
    /// The entry's own checksum.
    Here,
    /// The caller, by a checksum of its own: the sequence protocol alone keeps values whole and apart.
    Later,
}

/// Appends the value of `name` to `out` if it is there and alive.
#[inline(always)]
pub(super) fn get(map: &Map, name: &Name<'_>, (now, verify): (Timestamp, Verify), out: &mut Vec<u8>) -> Option<Copied> {
    let index = Index::new(map, name.stripe);
    let data = map.layout.data(name.stripe);
    for _ in 0..LOOKS {
        let mut moved = false;
        for bucket in name.buckets {
            let line = index.line(bucket);
            for at in line.tagged(name.tag) {
                let pointer = line.get(at);
                prefetch(map, data, pointer);
                let Some(located) = locate(map, (name.stripe, data), pointer) else {
                    moved = true;
                    continue;
                };
                // A slot is cleared before its segment is used again, so this one points into the generation just read.
                if !planted("no second look at the slot") && line.get(at) != pointer {
                    moved = true;
                    continue;
                }
                let Some(packed) = located.words.get(1).map(|word| word.load(Relaxed)) else { continue };
                if !is_of(located.words, packed, name) {
                    continue;
                }
                let start = out.len();
                let Some((sum, expires)) = copy(located.words, (packed, name), out) else { continue };
                // Pairs with the fence of whoever writes into a segment: had we read a word of its next life, we would
                // see its generation.
                fence(Acquire);
                if !planted("no second look at the generation")
                    && map.load(map.layout.generation(name.stripe, located.segment)) != located.generation
                {
                    out.truncate(start);
                    moved = true;
                    continue;
                }
                let expires = Timestamp::from_micros(expires);
                let right = verify == Verify::Later
                    || planted("no checksum")
                    || entry::checksum(name.hash, packed, expires.as_micros(), &out[start..]) == sum;
                if !right || expires <= now {
                    out.truncate(start);
                    continue;
                }
                return Some(Copied {
                    slot: Index::slot(bucket, at),
                    expires,
                    manifest: Lens::unpack(packed).manifest,
                });
            }
        }
        if !moved {
            return None;
        }
    }
    None
}

/// Copies the value behind `out`; the checksum and the expiry. `None` if the entry would leave its segment.
#[inline(always)]
fn copy(words: &[AtomicU64], (packed, name): (u64, &Name<'_>), out: &mut Vec<u8>) -> Option<(u64, u64)> {
    let length = Lens::value_of(packed);
    let value = words.get(HEAD + name.key.len().div_ceil(8)..)?.get(..length.div_ceil(8))?;
    entry::read(value, length, out);
    Some((words[0].load(Relaxed), words[2].load(Relaxed)))
}

/// The entry's second line comes with the first instead of after it.
#[inline(always)]
pub(super) fn prefetch(map: &Map, data: usize, pointer: Pointer) {
    let at = data + place(pointer) * UNIT;
    map.prefetch(at);
    map.prefetch(at + 8);
}

/// Notes a hit, where there is something new to note.
#[inline(always)]
pub(super) fn note((map, stripe): (&Map, usize), slot: Slot, space: &Space, now: Timestamp) {
    let index = Index::new(map, stripe);
    if space.notes_visits() {
        index.visit(slot);
    }
    if let Some(policy) = space.scored() {
        let score = index.score(slot);
        let after = score::after_hit(policy, score, now);
        if after != score {
            index.set_score(slot, after);
        }
    }
}

#[cfg(all(test, loom))]
mod loom_models;
