//! The table of spaces: who they are, what bounds they keep, by which policy.
//!
//! A row is free until its identity is stored, last. When all are taken the one that was not used for longest is given
//! away: functions that were changed leave spaces behind that nobody will ask for again.

use super::entry::Lens;
use super::layout::{SPACE, SPACES};
use super::map::Map;
use crate::sync::planted;
use memolith_core::{Policy, Timestamp};
use std::sync::OnceLock;
use std::sync::atomic::AtomicU8;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use xxhash_rust::xxh3::xxh3_128;

/// Spaces up to this many entries live in one stripe, where bound and order hold for all of them together.
pub(super) const SMALL: u64 = 1024;
/// The row of the pieces of large values, which is nobody's.
pub(super) const PIECES: usize = SPACES - 1;

// The words of a row.
const LOW: usize = 0;
const HIGH: usize = 1;
const MAXSIZE: usize = 2;
const MAX_BYTES: usize = 3;
const RULE: usize = 4;
const USED: usize = 5;
const LENGTH: usize = 6;
const EPOCH: usize = 7;
const NAME: usize = 8;

const HOME: u64 = 1 << 8;
const SCORED: u64 = 1 << 9;
/// No bound.
const NONE: u64 = u64::MAX;

/// A space as it was when it was looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Space {
    pub(super) row: usize,
    /// 128 bits of hash of the name.
    pub(super) identity: [u64; 2],
    /// Whether all of it lives in one stripe.
    pub(super) home: bool,
    pub(super) policy: Policy,
    /// Whether its policy goes by scores.
    pub(super) scored: bool,
    /// Raised when all its entries are to be gone.
    pub(super) epoch: u16,
}

/// What a space must keep. `u64::MAX` is no bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) maxsize: u64,
    pub(super) max_bytes: u64,
    pub(super) policy: Policy,
    pub(super) home: bool,
}

/// Entries of a space up to which recency is kept to the letter, by looking at all of them.
const EXACT: u64 = 64;

impl Bounds {
    /// Whether the policy is kept by scores: always for those that a visited bit cannot express.
    pub(super) fn scored(&self) -> bool {
        match self.policy {
            Policy::Lru => self.maxsize <= EXACT,
            Policy::Mru | Policy::Lfu => true,
            _ => false,
        }
    }

    /// What is asked for, in a region whose stripes have `stripe` bytes of data each.
    pub(super) fn of(space: &memolith_core::Space, stripe: u64) -> Bounds {
        let (maxsize, max_bytes) = (space.maxsize.unwrap_or(NONE), space.max_bytes.unwrap_or(NONE));
        Bounds { maxsize, max_bytes, policy: space.policy, home: maxsize <= SMALL || max_bytes <= stripe / 8 }
    }

    /// The part of a bound that one of `stripes` stripes keeps.
    pub(super) fn share(&self, bound: u64, (stripe, stripes): (usize, usize)) -> u64 {
        match self.home || bound == NONE {
            true => bound,
            false => bound / stripes as u64 + u64::from((stripe as u64) < bound % stripes as u64),
        }
    }
}

/// The space of the pieces of large values.
pub(super) fn pieces(head: u64) -> Space {
    Space { row: PIECES, identity: [head, !head], home: false, policy: Policy::Sieve, scored: false, epoch: 0 }
}

/// What this process knows of the names that it has met.
#[derive(Debug)]
pub(super) struct Spaces {
    known: Box<[OnceLock<Known>]>,
}

/// A name, whose hash costs more than to compare it.
#[derive(Debug)]
struct Known {
    name: Box<str>,
    identity: [u64; 2],
    /// Where it was found last.
    row: AtomicU8,
}

impl Spaces {
    pub(super) fn new() -> Self {
        Spaces { known: (0..256).map(|_| OnceLock::new()).collect() }
    }

    /// The space called `name`, if it has a row.
    #[inline]
    pub(super) fn find(&self, map: &Map, name: &str) -> Option<Space> {
        let known = self.place(name).get().filter(|known| *known.name == *name);
        match known {
            Some(known) if is(map, usize::from(known.row.load(Relaxed)), known.identity) => {
                Some(read(map, usize::from(known.row.load(Relaxed)), known.identity))
            }
            _ => self.search(map, name),
        }
    }

    #[cold]
    fn search(&self, map: &Map, name: &str) -> Option<Space> {
        let identity = identity(name);
        let row = (0..PIECES).find(|row| is(map, *row, identity))?;
        // Of two names that meet in one place the second is searched for each time.
        let known = self.place(name).get_or_init(|| Known { name: name.into(), identity, row: AtomicU8::new(0) });
        if *known.name == *name {
            known.row.store(row as u8, Relaxed);
        }
        Some(read(map, row, identity))
    }

    /// By the length and the last bytes: names begin with the same crate, and end with fingerprints.
    #[inline(always)]
    fn place(&self, name: &str) -> &OnceLock<Known> {
        let last = name.as_bytes().last_chunk().map_or(0, |last| u64::from_ne_bytes(*last));
        let mixed = (last ^ name.len() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        &self.known[(mixed >> 56) as usize]
    }
}

#[inline(always)]
fn is(map: &Map, row: usize, identity: [u64; 2]) -> bool {
    let at = map.layout.space(row);
    // Acquire: who sees the identity sees the bounds.
    map.word(at + HIGH).load(Acquire) == identity[1] && map.load(at + LOW) == identity[0]
}

#[inline(always)]
fn read(map: &Map, row: usize, identity: [u64; 2]) -> Space {
    // First: an epoch comes with the placement that it was raised for, or with a later one.
    let epoch = epoch(map, row);
    let rule = map.load(map.layout.space(row) + RULE);
    Space { row, identity, home: rule & HOME != 0, policy: policy(rule), scored: rule & SCORED != 0, epoch }
}

/// Both halves are never zero.
fn identity(name: &str) -> [u64; 2] {
    let hash = xxh3_128(name.as_bytes());
    [hash as u64 | 1, (hash >> 64) as u64 | 1]
}

/// Whether `space` still has the row, the placement and the epoch that it was looked up with.
pub(super) fn is_current(map: &Map, space: &Space) -> bool {
    let same = |now: Space| now.home == space.home && now.epoch == space.epoch;
    space.row == PIECES || is(map, space.row, space.identity) && same(read(map, space.row, space.identity))
}

/// From now on no entry that the space has had is found: whatever cannot be removed at once is gone all the same.
/// After 16,384 times an entry that was never removed would be back, which takes a writer that is stopped for as long.
pub(super) fn renounce(map: &Map, row: usize) {
    // Release pairs with `epoch`: who sees that it was raised sees the placement that was stored before.
    let order = if planted("epoch before placement") { Relaxed } else { Release };
    map.word(map.layout.space(row) + EPOCH).fetch_add(1, order);
}

/// The epoch of the space in `row`.
#[inline(always)]
pub(super) fn epoch(map: &Map, row: usize) -> u16 {
    // Acquire pairs with `renounce`.
    Lens::epoch_of(map.word(map.layout.space(row) + EPOCH).load(Acquire))
}

/// What the space in `row` must keep.
pub(super) fn bounds(map: &Map, row: usize) -> Bounds {
    let at = map.layout.space(row);
    if row == PIECES {
        return Bounds { maxsize: NONE, max_bytes: NONE, policy: Policy::Sieve, home: false };
    }
    let rule = map.load(at + RULE);
    Bounds {
        maxsize: map.load(at + MAXSIZE),
        max_bytes: map.load(at + MAX_BYTES),
        policy: policy(rule),
        home: rule & HOME != 0,
    }
}

/// Writes the bounds of `row`. For who holds the table's lock.
pub(super) fn set_bounds(map: &Map, row: usize, bounds: Bounds) {
    let at = map.layout.space(row);
    map.store(at + MAXSIZE, bounds.maxsize);
    map.store(at + MAX_BYTES, bounds.max_bytes);
    map.publish(
        at + RULE,
        number(bounds.policy) | (u64::from(bounds.home) * HOME) | (u64::from(bounds.scored()) * SCORED),
    );
}

/// Gives `name` a row: a free one, or the one that was not used for longest. For who holds the table's lock.
/// The row's former entries belong to nobody: their checksums say whose they were, and they are to be removed.
pub(super) fn claim(map: &Map, name: &str, bounds: Bounds, now: Timestamp) -> Space {
    let identity = identity(name);
    let used = |row: &usize| map.load(map.layout.space(*row) + USED);
    let free = |row: &usize| map.load(map.layout.space(*row) + HIGH) == 0;
    let row = (0..PIECES).find(free).or_else(|| (0..PIECES).min_by_key(used)).unwrap_or(0);
    let at = map.layout.space(row);
    map.publish(at + HIGH, 0);
    renounce(map, row);
    set_bounds(map, row, bounds);
    let text = &name.as_bytes()[..name.len().min((SPACE - NAME) * 8)];
    map.store(at + LENGTH, text.len() as u64);
    if let Some(words) = map.words(at + NAME, SPACE - NAME) {
        super::entry::write(words, text);
    }
    map.store(at + USED, minutes(now));
    map.store(at + LOW, identity[0]);
    if planted("identity before bounds") {
        map.store(at + HIGH, identity[1]);
        return read(map, row, identity);
    }
    map.publish(at + HIGH, identity[1]);
    read(map, row, identity)
}

/// Notes that the space is in use.
pub(super) fn touch(map: &Map, space: &Space, now: Timestamp) {
    let at = map.layout.space(space.row) + USED;
    if space.row != PIECES && map.load(at) != minutes(now) {
        map.word(at).store(minutes(now), Relaxed);
    }
}

/// The rows in use, with the start of their names.
pub(super) fn names(map: &Map) -> impl Iterator<Item = (usize, String)> + '_ {
    (0..PIECES).filter_map(|row| {
        let at = map.layout.space(row);
        if map.word(at + HIGH).load(Acquire) == 0 {
            return None;
        }
        let mut name = vec![];
        let length = map.load(at + LENGTH).min(((SPACE - NAME) * 8) as u64) as usize;
        super::entry::read(map.words(at + NAME, SPACE - NAME)?, length, &mut name);
        Some((row, String::from_utf8_lossy(&name).into_owned()))
    })
}

fn minutes(now: Timestamp) -> u64 {
    now.as_micros() / 60_000_000
}

/// The policies, by the numbers that stand in a row: a written format.
const POLICIES: [Policy; 10] = [
    Policy::Lru,
    Policy::Mru,
    Policy::Fifo,
    Policy::Lfu,
    Policy::Random,
    Policy::Sieve,
    Policy::S3Fifo,
    Policy::TinyLfu,
    Policy::Tenure,
    Policy::Auto,
];

fn number(policy: Policy) -> u64 {
    POLICIES.iter().position(|other| *other == policy).unwrap_or(0) as u64
}

#[inline(always)]
fn policy(rule: u64) -> Policy {
    POLICIES.get((rule & 0xff) as usize).copied().unwrap_or(Policy::Lru)
}

#[cfg(all(test, loom))]
mod loom_models;
