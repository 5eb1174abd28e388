//! Tags: a clock, and for each tag the clock of its last invalidation.
//!
//! They lie in words of their own, which nothing evicts. Each tag has two places among all, and was invalidated when both
//! say so: the smaller of two is right unless others have fallen on each, and then it is too large, which is safe.

use super::layout::TAGS;
use super::map::Map;
use memolith_core::TagState;
use std::hash::{BuildHasher, RandomState};
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::{AcqRel, Acquire};
use xxhash_rust::xxh3::xxh3_64;

/// How far the tags have come.
pub(super) fn state(map: &Map, tags: &[&[u8]]) -> TagState {
    let (epoch, clock) = (epoch(map), clock(map).load(Acquire));
    let at = |tag: &&[u8]| places(tag).map(|place| map.word(map.layout.tag(place)).load(Acquire)).into_iter().min();
    TagState { epoch, clock, invalidated: tags.iter().map(|tag| at(tag).unwrap_or(0)).collect() }
}

/// Invalidates `tags`. Whoever dies here has not returned, and has invalidated them or not.
pub(super) fn invalidate(map: &Map, tags: &[&[u8]]) -> TagState {
    let now = clock(map).fetch_add(1, AcqRel) + 1;
    for place in tags.iter().flat_map(|tag| places(tag)) {
        // The later of two at once counts.
        map.word(map.layout.tag(place)).fetch_max(now, AcqRel);
    }
    state(map, tags)
}

/// Nothing that was tagged before is believed from now on.
pub(super) fn lose(map: &Map) {
    map.publish(map.layout.tag_state(), 0);
}

/// Random, and made by whoever asks first.
fn epoch(map: &Map) -> u64 {
    let word = map.word(map.layout.tag_state());
    let found = word.load(Acquire);
    if found != 0 {
        return found;
    }
    // The keys of the hasher are random.
    let mine = RandomState::new().hash_one(std::process::id()) | 1;
    word.compare_exchange(0, mine, AcqRel, Acquire).map_or_else(|theirs| theirs, |_| mine)
}

fn clock(map: &Map) -> &AtomicU64 {
    map.word(map.layout.tag_state() + 1)
}

fn places(tag: &[u8]) -> [usize; 2] {
    let hash = xxh3_64(tag);
    [hash, hash >> 32].map(|hash| hash as usize % TAGS)
}
