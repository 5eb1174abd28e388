//! The hasher of maps in memory. Their keys are names of functions and numbers that are hashes: nobody can crowd them.

use std::hash::{BuildHasherDefault, Hasher};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// For a `HashMap`: a tenth of the price of the standard one.
pub(super) type Hashed = BuildHasherDefault<Fast>;

#[derive(Debug, Default)]
pub(super) struct Fast(u64);

impl Hasher for Fast {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        self.0 = xxh3_64_with_seed(bytes, self.0);
    }

    /// The end of a name.
    fn write_u8(&mut self, byte: u8) {
        self.0 ^= u64::from(byte);
    }

    fn write_i64(&mut self, number: i64) {
        self.0 = number as u64;
    }
}
