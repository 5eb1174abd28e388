//! Ours, by the interface for bytes: what a cache calls, without keys to encode and values to decode.

use super::{Shape, Store};
use memolith::{Backend, Record, Space, Timestamp, open};
use std::path::Path;
use std::sync::Arc;

/// A space in a region of its own.
#[derive(Debug)]
pub struct Region {
    // As a cache has it: a call goes through a table of functions.
    shared: Arc<dyn Backend>,
    space: Space,
}

/// Any moment will do: nothing expires.
const NOW: Timestamp = Timestamp::from_micros(1_700_000_000_000_000);

impl Region {
    /// A space of `maxsize` entries in a region of `room` bytes; the policy is that of a cache that is told none.
    ///
    /// # Panics
    ///
    /// If the region cannot be opened.
    #[must_use]
    pub fn new(place: &Path, room: u64, maxsize: Option<u64>) -> Self {
        let url = format!("shm:{}?max_bytes={room}", place.display());
        let shared = open(&url).expect("a path in our own directory is fine, on Linux");
        let mut space = Space::new("compare::bytes(u64) -> Vec<u8>");
        space.maxsize = maxsize;
        shared.open(&space).expect("a fresh region takes a space");
        Region { shared, space }
    }

    /// Bytes in which `shape` has room to spare: half as much again as its entries and what belongs to each of them.
    #[must_use]
    pub fn room(shape: Shape) -> u64 {
        let bytes = shape.entries * (shape.bytes + 160) * 3 / 2;
        (bytes as u64).next_multiple_of(1 << 20).max(64 << 20)
    }

    /// Entries held now.
    ///
    /// # Panics
    ///
    /// If the region fails.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.shared.len(&self.space).expect("a region counts what it holds")
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

impl Store for Region {
    type Value = Vec<u8>;

    fn open(place: &Path, shape: Shape) -> Self {
        Region::new(place, Region::room(shape), None)
    }

    #[inline]
    fn get(&self, key: [u8; 8]) -> Option<Vec<u8>> {
        Some(self.shared.get(&self.space, &key, NOW).ok()??.value)
    }

    #[inline]
    fn put(&self, key: [u8; 8], record: &Record) -> bool {
        self.shared.put(&self.space, &key, record, NOW).is_ok()
    }
}
