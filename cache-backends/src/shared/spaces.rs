//! The table of spaces: who they are, what bounds they keep, by which policy.
//!
//! A row is free until its identity is stored, last. When all are taken the one that was not opened or written to for
//! longest is given away: functions that were changed leave spaces behind that nobody will ask for again.

use super::entry::EPOCH_AT;
use super::layout::{SPACE, SPACES};
use super::map::Map;
use super::stores::step;
use crate::sync::planted;
use memolith_core::{Policy, Timestamp};
use std::sync::atomic::AtomicU8;
use std::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use std::sync::{Arc, OnceLock};
use xxhash_rust::xxh3::xxh3_128;

/// Spaces up to this many entries live in one stripe, where bound and order hold for all of them together.
const SMALL: u64 = 1024;
/// Of larger ones each stripe has so many at least.
const SHARE: u64 = 128;
/// Of a bound in bytes each stripe has so many at least.
const SHARE_OF_BYTES: u64 = 1 << 20;
/// The row of the pieces of large values, which is nobody's.
pub(super) const PIECES: usize = SPACES - 1;

// The words of a row.
const LOW: usize = 0;
const HIGH: usize = 1;
const MAXSIZE: usize = 2;
const MAX_BYTES: usize = 3;
const STATE: usize = 4;
const USED: usize = 5;
const LENGTH: usize = 6;
const NAME: usize = 8;
/// Hits, misses and evictions that were its former owner's.
const FORMER: usize = SPACE - 3;

// The state of a row: policy, where it lives, and in the highest bits its epoch. One word, so that all of it changes at once.
const POLICY: u64 = 0xff;
const SCORED: u64 = 1 << 8;
const VISITED: u64 = 1 << 13;
const SPREAD_AT: u32 = 9;
const SPREAD: u64 = 0xf << SPREAD_AT;
const EPOCH: u64 = 1 << EPOCH_AT;
const EPOCHS: u64 = !(EPOCH - 1);
/// Of the pieces of large values.
const PIECES_STATE: u64 = SPREAD | VISITED;
/// Of a space that has entries in every stripe: more than there can be.
const EVERYWHERE: u32 = 15;
/// No bound.
const NONE: u64 = u64::MAX;

/// A space as it was when it was looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Space {
    pub(super) row: usize,
    /// 128 bits of hash of the name.
    pub(super) identity: [u64; 2],
    /// The state of its row.
    state: u64,
}

/// What a space must keep. `u64::MAX` is no bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bounds {
    pub(super) maxsize: u64,
    pub(super) max_bytes: u64,
    pub(super) policy: Policy,
    pub(super) spread: u32,
}

/// Entries of a space up to which recency is kept to the letter, by looking at all of them.
pub(super) const EXACT: u64 = 64;

impl Bounds {
    /// Whether the policy is kept by scores: always for those that a visited bit cannot express.
    pub(super) fn scored(&self) -> bool {
        match self.policy {
            Policy::Lru => self.maxsize <= EXACT,
            Policy::Mru | Policy::Lfu => true,
            _ => false,
        }
    }

    /// What is asked for, in a region of so many stripes.
    pub(super) fn of(space: &memolith_core::Space, stripes: usize) -> Bounds {
        let (maxsize, max_bytes) = (space.maxsize.unwrap_or(NONE), space.max_bytes.unwrap_or(NONE));
        let wanted = if maxsize <= SMALL { 1 } else { maxsize / SHARE }.min(max_bytes / SHARE_OF_BYTES);
        let spread = wanted.clamp(1, stripes as u64).ilog2();
        Bounds { maxsize, max_bytes, policy: space.policy, spread }
    }

    /// Whether an entry that is written again may stay where it is in the order, as one that was used.
    pub(super) fn keeps_place(&self) -> bool {
        !self.scored() && self.policy != Policy::Fifo
    }

    /// The parts of both bounds that `stripe` of `stripes` keeps for `space`: entries and bytes.
    pub(super) fn shares(&self, space: &Space, (stripe, stripes): (usize, usize)) -> (u64, u64) {
        let number = (stripe.wrapping_sub(space.first()) & (stripes - 1)) as u64;
        let share = |bound: u64| match bound {
            NONE => NONE,
            _ => (bound >> self.spread) + u64::from(number < bound & ((1 << self.spread) - 1)),
        };
        (share(self.maxsize), share(self.max_bytes))
    }
}

impl Space {
    /// The epoch, where it stands in an entry: raised when all entries are to be gone.
    #[inline(always)]
    pub(super) fn epoch(&self) -> u64 {
        self.state & EPOCHS
    }

    /// Whether hits are noted at all.
    #[inline(always)]
    pub(super) fn notes_visits(&self) -> bool {
        self.state & VISITED != 0
    }

    /// By what policy hits are scored, if they are.
    #[inline(always)]
    pub(super) fn scored(&self) -> Option<Policy> {
        (self.state & SCORED != 0).then(|| policy(self.state))
    }

    /// The first of its stripes, which is to be taken modulo their number.
    #[inline(always)]
    fn first(&self) -> usize {
        self.identity[1] as usize >> 1
    }

    /// Where a key of some hash lives, of `stripes` stripes.
    #[inline(always)]
    pub(super) fn stripe(&self, hash: u64, stripes: usize) -> usize {
        let offset = (hash >> 32) as usize & ((1 << spread(self.state)) - 1);
        self.first().wrapping_add(offset) & (stripes - 1)
    }

    /// All of its stripes.
    pub(super) fn stripes(&self, stripes: usize) -> impl Iterator<Item = usize> + use<> {
        let (first, count) = (self.first(), 1_usize << spread(self.state));
        (0..count.min(stripes)).map(move |offset| first.wrapping_add(offset) & (stripes - 1))
    }
}

/// The space of the pieces of large values.
pub(super) fn pieces(head: u64) -> Space {
    Space { row: PIECES, identity: [head, !head], state: PIECES_STATE }
}

/// What this process knows of the names that it has met.
#[derive(Debug)]
pub(super) struct Spaces {
    known: Box<[OnceLock<Known>]>,
    /// Where the others were found, by their hash: of a process that makes more caches than there are places.
    rows: [AtomicU8; 256],
}

/// A name that is told from others by where it lies.
#[derive(Debug)]
struct Known {
    /// Kept, so that no other name lies there.
    name: Arc<str>,
    identity: [u64; 2],
    /// Where it was found last.
    row: AtomicU8,
}

impl Spaces {
    pub(super) fn new() -> Self {
        Spaces { known: (0..256).map(|_| OnceLock::new()).collect(), rows: [const { AtomicU8::new(0) }; 256] }
    }

    /// The space called `name`, if it has a row.
    #[inline]
    pub(super) fn find(&self, map: &Map, name: &Arc<str>) -> Option<Space> {
        let known = self.place(name).get().filter(|known| Arc::ptr_eq(&known.name, name));
        let known = known.map(|known| (usize::from(known.row.load(Relaxed)), known.identity));
        match known {
            Some((row, identity)) if is(map, row, identity) => Some(read(map, row, identity)),
            _ => self.search(map, name),
        }
    }

    #[cold]
    fn search(&self, map: &Map, name: &Arc<str>) -> Option<Space> {
        let identity = identity(name);
        let hint = &self.rows[identity[1] as usize >> 1 & 255];
        let guess = usize::from(hint.load(Relaxed));
        let row = if is(map, guess, identity) { guess } else { (0..PIECES).find(|row| is(map, *row, identity))? };
        hint.store(row as u8, Relaxed);
        // Of two names that meet in one place the second is hashed each time.
        let new = || Known { name: Arc::clone(name), identity, row: AtomicU8::new(0) };
        let known = self.place(name).get_or_init(new);
        if known.identity == identity {
            known.row.store(row as u8, Relaxed);
        }
        Some(read(map, row, identity))
    }

    /// Those that still have the row where they were found.
    pub(super) fn met(&self, map: &Map) -> impl Iterator<Item = Space> {
        let known = self.known.iter().filter_map(OnceLock::get);
        let known = known.map(|known| (usize::from(known.row.load(Relaxed)), known.identity));
        known.filter(|(row, identity)| is(map, *row, *identity)).map(|(row, identity)| read(map, row, identity))
    }

    #[inline(always)]
    fn place(&self, name: &Arc<str>) -> &OnceLock<Known> {
        let mixed = (Arc::as_ptr(name).addr() as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
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
    // Acquire: who sees the epoch that a space has moved with asks where it has moved to.
    let state = map.word(map.layout.space(row) + STATE).load(Acquire);
    Space { row, identity, state }
}

/// Both halves are never zero.
fn identity(name: &str) -> [u64; 2] {
    let hash = xxh3_128(name.as_bytes());
    [hash as u64 | 1, (hash >> 64) as u64 | 1]
}

/// Whether `space` still has the row and the epoch that it was looked up with: where it moves its epoch changes.
pub(super) fn is_current(map: &Map, space: &Space) -> bool {
    space.row == PIECES || is(map, space.row, space.identity) && epoch(map, space.row) == space.epoch()
}

/// From now on no entry that the space has had is found: whatever cannot be removed at once is gone all the same.
/// After 16 million times an entry that was never removed would be back: see [`Region::remove`](super::region).
pub(super) fn renounce(map: &Map, row: usize) {
    step();
    map.word(map.layout.space(row) + STATE).fetch_add(EPOCH, AcqRel);
}

/// The epoch of the space in `row`, where it stands in an entry.
pub(super) fn epoch(map: &Map, row: usize) -> u64 {
    map.word(map.layout.space(row) + STATE).load(Acquire) & EPOCHS
}

/// What the space in `row` must keep.
pub(super) fn bounds(map: &Map, row: usize) -> Bounds {
    let at = map.layout.space(row);
    if row == PIECES {
        return Bounds { maxsize: NONE, max_bytes: NONE, policy: Policy::Sieve, spread: EVERYWHERE };
    }
    let state = map.load(at + STATE);
    Bounds {
        maxsize: map.load(at + MAXSIZE),
        max_bytes: map.load(at + MAX_BYTES),
        policy: policy(state),
        spread: spread(state),
    }
}

/// Writes the bounds of `row`, whose space is renounced where it moves. For who holds the table's lock.
pub(super) fn set_bounds(map: &Map, row: usize, bounds: Bounds) {
    let at = map.layout.space(row);
    map.store(at + MAXSIZE, bounds.maxsize);
    map.store(at + MAX_BYTES, bounds.max_bytes);
    let flag = |flag: u64, is: bool| if is { flag } else { 0 };
    let rule = number(bounds.policy)
        | u64::from(bounds.spread) << SPREAD_AT
        | flag(SCORED, bounds.scored())
        | flag(VISITED, bounds.policy != Policy::Fifo);
    let new = |state: u64| {
        let moved = (state ^ rule) & SPREAD != 0;
        let raised = if moved { state.wrapping_add(EPOCH) } else { state };
        Some(raised & EPOCHS | rule)
    };
    step();
    // Others may renounce the space meanwhile. It never fails, for `new` always says something. Release pairs with `read`:
    // who knows where the space has moved to finds the bounds that it has there.
    let order = if planted("state before bounds") { Relaxed } else { AcqRel };
    let _ = map.word(at + STATE).fetch_update(order, Acquire, new);
}

/// Whose a row was before.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Former {
    Nobody,
    Somebody,
}

/// Gives `name` a row: a free one, or the one that was not touched for longest. For who holds the table's lock.
/// The row's former entries belong to nobody: their checksums say whose they were, and they are to be removed.
pub(super) fn claim(map: &Map, name: &str, bounds: Bounds, now: Timestamp) -> (Space, Former) {
    let identity = identity(name);
    let used = |row: &usize| map.load(map.layout.space(*row) + USED);
    let free = |row: &usize| map.load(map.layout.space(*row) + HIGH) == 0;
    let row = (0..PIECES).find(free).or_else(|| (0..PIECES).min_by_key(used)).unwrap_or(0);
    let at = map.layout.space(row);
    let former = if map.load(at + STATE) == 0 { Former::Nobody } else { Former::Somebody };
    map.publish(at + HIGH, 0);
    renounce(map, row);
    set_bounds(map, row, bounds);
    let text = &name.as_bytes()[..name.len().min((FORMER - NAME) * 8)];
    map.store(at + LENGTH, text.len() as u64);
    if let Some(words) = map.words(at + NAME, FORMER - NAME) {
        super::entry::write(words, text);
    }
    if former == Former::Somebody {
        let counted = super::counters::counted(map, row);
        (FORMER..).zip(counted).for_each(|(word, counted)| map.store(at + word, counted));
    }
    map.store(at + USED, minutes(now));
    map.store(at + LOW, identity[0]);
    match planted("identity before bounds") {
        true => map.store(at + HIGH, identity[1]),
        false => map.publish(at + HIGH, identity[1]),
    }
    (read(map, row, identity), former)
}

/// Notes that the space is opened or written to. A hit does not, for it would write where others read.
pub(super) fn touch(map: &Map, space: &Space, now: Timestamp) {
    let at = map.layout.space(space.row) + USED;
    if space.row != PIECES && map.load(at) != minutes(now) {
        map.word(at).store(minutes(now), Relaxed);
    }
}

/// What had been counted for `row` when its space got it: hits, misses, evictions.
pub(super) fn counted_before(map: &Map, row: usize) -> [u64; 3] {
    [0, 1, 2].map(|word| map.load(map.layout.space(row) + FORMER + word))
}

/// The rows in use, with the start of their names.
pub(super) fn names(map: &Map) -> impl Iterator<Item = (usize, String)> + '_ {
    (0..PIECES).filter_map(|row| {
        let at = map.layout.space(row);
        if map.word(at + HIGH).load(Acquire) == 0 {
            return None;
        }
        let mut name = vec![];
        let length = map.load(at + LENGTH).min(((FORMER - NAME) * 8) as u64) as usize;
        super::entry::read(map.words(at + NAME, FORMER - NAME)?, length, &mut name);
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
fn spread(state: u64) -> u32 {
    (state & SPREAD) as u32 >> SPREAD_AT
}

#[inline(always)]
fn policy(state: u64) -> Policy {
    POLICIES.get((state & POLICY) as usize).copied().unwrap_or(Policy::Lru)
}

#[cfg(all(test, loom))]
mod loom_models;
