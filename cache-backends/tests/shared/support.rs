//! Regions, and the bytes that are put there.

use memolith_backends::Shared;
use memolith_core::{Backend, Policy, Record, Space, Timestamp};
use std::path::PathBuf;
use std::time::{Duration, Instant};

pub(crate) use crate::dir::Dir;

impl Dir {
    /// A region of so many megabytes.
    pub(crate) fn region(&self, mib: u64) -> Shared {
        Shared::sized(self.file(), mib << 20).unwrap()
    }

    /// Has a region in the place of this one, with one entry, that another process could have made.
    pub(crate) fn copy_of_a_region_with(&self, space: &Space, key: &[u8]) {
        let other = Dir::new("other");
        let region = other.region(4);
        open(&region, space);
        region.put(space, key, &record(*b"value"), at(0)).unwrap();
        std::fs::rename(other.file(), self.file()).unwrap();
    }

    pub(crate) fn file(&self) -> PathBuf {
        self.0.join("region")
    }
}

/// The `second`th second of the tests' time.
pub(crate) fn at(second: u64) -> Timestamp {
    Timestamp::from_micros(1_700_000_000_000_000).after(Duration::from_secs(second))
}

pub(crate) fn record(value: impl Into<Vec<u8>>) -> Record {
    Record { value: value.into(), expires: Timestamp::NEVER }
}

pub(crate) fn space(name: &str, maxsize: Option<u64>, policy: Policy) -> Space {
    let mut space = Space::new(name);
    (space.maxsize, space.policy) = (maxsize, policy);
    space
}

pub(crate) fn open(region: &Shared, space: &Space) {
    Backend::open(region, space).unwrap();
}

/// A value that depends on its key in every byte.
pub(crate) fn value(key: u64, length: usize) -> Vec<u8> {
    let mut state = key.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut byte = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    (0..length).map(|_| byte()).collect()
}

pub(crate) fn put(region: &Shared, space: &Space, key: u64, length: usize, second: u64) {
    region.put(space, &key.to_le_bytes(), &record(value(key, length)), at(second)).unwrap();
}

/// Whether `key` is there, with its value.
pub(crate) fn has(region: &Shared, space: &Space, key: u64, length: usize, second: u64) -> bool {
    let found = region.get(space, &key.to_le_bytes(), at(second)).unwrap();
    found.inspect(|record| assert!(record.value == value(key, length), "key {key} has the value of another")).is_some()
}

/// Waits until `done` is.
pub(crate) fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(20);
    while !done() {
        assert!(Instant::now() < end, "after 20 s: not {what}");
        std::thread::yield_now();
    }
}
