//! Places for bytes that outlive a process, each behind the same trait.

mod bare;
mod fjall;
mod lmdb;
mod region;

pub use bare::Bare;
pub use fjall::{Fjall, Journal};
pub use lmdb::Lmdb;
pub use region::Region;

use memolith::{Record, Timestamp};
use std::path::Path;

/// How much a store has to keep.
#[derive(Clone, Copy, Debug)]
pub struct Shape {
    /// Entries at most.
    pub entries: usize,
    /// Bytes of each value.
    pub bytes: usize,
}

impl Shape {
    /// A value of this length. Its bytes differ from each other, so that nobody stores less by packing them.
    #[must_use]
    pub fn record(self, number: u64) -> Record {
        let word = |at: u64| (number ^ at << 32).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(29).to_le_bytes();
        let value = (0..self.bytes as u64 / 8).flat_map(word).collect();
        Record { value, expires: Timestamp::NEVER }
    }
}

/// A place for values of one length under keys of 8 bytes.
pub trait Store: Send + Sync {
    /// What a get gives: it belongs to the caller, whatever is written afterwards.
    type Value: AsRef<[u8]>;

    /// Opens what lies at `place`, or makes it.
    fn open(place: &Path, shape: Shape) -> Self;

    /// The value of `key`.
    fn get(&self, key: [u8; 8]) -> Option<Self::Value>;

    /// Stores or replaces, and says whether it did.
    fn put(&self, key: [u8; 8], record: &Record) -> bool;

    /// Stores a value for each key from 0 up to, without, `shape.entries`.
    fn fill(&self, shape: Shape) {
        for key in 0..shape.entries as u64 {
            self.put(key.to_le_bytes(), &shape.record(key));
        }
    }
}
