//! Numbers by chance. They are no secrets: the standard library seeds its hash maps with them.

use std::hash::{BuildHasher, RandomState};

/// Any number.
pub(crate) fn random() -> u64 {
    RandomState::new().hash_one(())
}

/// At least 0 and below 1, in decimal.
pub(crate) fn fraction() -> String {
    format!("0.{:015}", random() % 1_000_000_000_000_000)
}
