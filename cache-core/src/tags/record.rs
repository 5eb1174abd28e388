//! The tags of a backend that has no way of its own: all in one record of it.
//!
//! One record, because a backend may evict, expire or lose records one by one: who loses this one has another epoch
//! afterwards, and nothing that was tagged before is believed. It holds as many tags as were invalidated, up to a bound;
//! beyond that the oldest are forgotten, and count as invalidated when the last of them was.
//!
//! An invalidation writes the record, then tells. Who dies in between has invalidated the tags for whoever asks, and left
//! those who know an older answer with that until anything else is invalidated: it had not returned, so nobody may rely
//! on it yet. Before the record is written nothing has happened, and the next clock is the same.

use crate::backend::{Backend, Record, Space, TagState};
use crate::error::{Error, ErrorKind, Result};
use crate::time::Timestamp;
use parking_lot::Mutex;
use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// Tags in the record at most: 64 KiB.
const MOST: usize = 4096;
const KEY: &[u8] = b"memolith:tags";
const MAGIC: u64 = u64::from_le_bytes(*b"mlt tags");
/// How long others are waited for who invalidate.
const PATIENCE: Duration = Duration::from_millis(250);

/// Two threads of this process do not write at once; other processes are kept away by a claim.
static TURN: Mutex<()> = Mutex::new(());

/// What the record says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Tags {
    epoch: u64,
    clock: u64,
    /// The clock of any tag that is not listed, at most.
    floor: u64,
    /// A hash of each tag, and its clock.
    tags: Vec<(u64, u64)>,
}

/// As [`Backend::tags`], for any backend.
pub(crate) fn tags<B: Backend + ?Sized>(backend: &B, tags: &[&[u8]]) -> Result<TagState> {
    let space = Space::of_tags();
    backend.open(&space)?;
    match read(backend, &space)? {
        Some(found) => Ok(found.state(tags)),
        // Nobody has invalidated anything, or it was lost.
        None => invalidate_tags(backend, &[]).map(|state| TagState { invalidated: vec![0; tags.len()], ..state }),
    }
}

/// As [`Backend::invalidate_tags`], for any backend. Between processes it is exact where the backend keeps claims.
pub(crate) fn invalidate_tags<B: Backend + ?Sized>(backend: &B, tags: &[&[u8]]) -> Result<TagState> {
    let busy = || Error::new(ErrorKind::Busy, "somebody else is invalidating tags in this backend, try again");
    let space = Space::of_tags();
    backend.open(&space)?;
    let _turn = TURN.try_lock_for(PATIENCE).ok_or_else(busy)?;
    // The first time nobody is waited for; then whoever has it is given the time that is left.
    let claimed = match backend.claim(&space, KEY, PATIENCE)? {
        Some(claim) => Some(claim),
        None => backend.claim(&space, KEY, PATIENCE)?,
    };
    let _claim = claimed.ok_or_else(busy)?;
    let mut found = read(backend, &space)?.unwrap_or_else(Tags::new);
    found.invalidate(tags);
    let record = Record { value: found.to_bytes(), expires: Timestamp::NEVER };
    backend.put(&space, KEY, &record, Timestamp::from_micros(0))?;
    // Nothing is there under this name: it is removed to be told to who watches.
    backend.remove(&space, b"")?;
    Ok(found.state(tags))
}

fn read<B: Backend + ?Sized>(backend: &B, space: &Space) -> Result<Option<Tags>> {
    let record = backend.get(space, KEY, Timestamp::from_micros(0))?;
    Ok(record.and_then(|record| Tags::from_bytes(&record.value)))
}

impl Tags {
    fn new() -> Self {
        // Keys of the hasher are random.
        let epoch = RandomState::new().hash_one(std::process::id()) | 1;
        Tags { epoch, ..Tags::default() }
    }

    fn invalidate(&mut self, tags: &[&[u8]]) {
        self.clock += 1;
        for tag in tags {
            let hash = hash(tag);
            match self.tags.binary_search_by_key(&hash, |(hash, _)| *hash) {
                Ok(at) => self.tags[at].1 = self.clock,
                Err(at) => self.tags.insert(at, (hash, self.clock)),
            }
        }
        if self.tags.len() > MOST {
            let mut clocks: Vec<u64> = self.tags.iter().map(|(_, clock)| *clock).collect();
            let (_, middle, _) = clocks.select_nth_unstable(MOST / 2);
            self.floor = *middle;
            self.tags.retain(|(_, clock)| *clock > self.floor);
        }
    }

    fn state(&self, tags: &[&[u8]]) -> TagState {
        let at = |tag: &&[u8]| match self.tags.binary_search_by_key(&hash(tag), |(hash, _)| *hash) {
            Ok(at) => self.tags[at].1,
            Err(_) => self.floor,
        };
        TagState { epoch: self.epoch, clock: self.clock, invalidated: tags.iter().map(at).collect() }
    }

    fn to_bytes(&self) -> Vec<u8> {
        let head = [MAGIC, self.epoch, self.clock, self.floor];
        let words = head.into_iter().chain(self.tags.iter().flat_map(|(hash, clock)| [*hash, *clock]));
        let mut bytes: Vec<u8> = words.flat_map(u64::to_le_bytes).collect();
        let sum = hash(&bytes);
        bytes.extend(sum.to_le_bytes());
        bytes
    }

    /// None if that is not what they are: then it is lost.
    fn from_bytes(bytes: &[u8]) -> Option<Tags> {
        let (bytes, sum) = bytes.split_last_chunk::<8>()?;
        if u64::from_le_bytes(*sum) != hash(bytes) {
            return None;
        }
        let mut words = bytes.as_chunks::<8>().0.iter().map(|word| u64::from_le_bytes(*word));
        let [magic, epoch, clock, floor] = [words.next()?, words.next()?, words.next()?, words.next()?];
        let mut tags = Vec::new();
        while let (Some(hash), Some(clock)) = (words.next(), words.next()) {
            tags.push((hash, clock));
        }
        (magic == MAGIC && epoch != 0 && tags.is_sorted()).then_some(Tags { epoch, clock, floor, tags })
    }
}

/// FNV-1a, finished by SplitMix64. Part of the format, so it stays as it is.
fn hash(bytes: &[u8]) -> u64 {
    let fold = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325, fold);
    let mixed = (hash ^ (hash >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_invalidated_comes_back() {
        let mut tags = Tags::new();
        tags.invalidate(&[b"a", b"b"]);
        tags.invalidate(&[b"b"]);
        let again = Tags::from_bytes(&tags.to_bytes()).expect("it was just written");
        assert_eq!(again, tags);
        assert_eq!(again.state(&[b"a", b"b", b"c"]).invalidated, [1, 2, 0]);
    }

    #[test]
    fn what_is_damaged_is_lost() {
        let mut tags = Tags::new();
        tags.invalidate(&[b"a", b"b"]);
        let bytes = tags.to_bytes();
        for at in 0..bytes.len() {
            let mut damaged = bytes.clone();
            damaged[at] ^= 4;
            assert_eq!(Tags::from_bytes(&damaged), None, "byte {at}");
            assert_eq!(Tags::from_bytes(&bytes[..at]), None, "cut at {at}");
        }
    }

    #[test]
    fn what_is_forgotten_counts_as_invalidated() {
        let mut tags = Tags::new();
        let names: Vec<Vec<u8>> = (0..=MOST).map(|at| at.to_string().into_bytes()).collect();
        names.iter().for_each(|name| tags.invalidate(&[name]));
        assert!(tags.tags.len() <= MOST);
        let state = tags.state(&names.iter().map(Vec::as_slice).collect::<Vec<_>>());
        let missed = state.invalidated.iter().enumerate().filter(|(at, clock)| **clock < *at as u64 + 1).count();
        assert_eq!((missed, state.clock), (0, MOST as u64 + 1));
        assert!(tags.state(&[b"never"]).invalidated[0] < state.clock);
    }
}
