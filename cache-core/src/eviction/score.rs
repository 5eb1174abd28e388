//! Eviction as data, for stores of bytes: what a hit does to an entry's score, and which end leaves.

use super::Policy;

/// The rule of a policy for stores that keep a number beside each entry (SQL, Redis, the shared map).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Score {
    /// What a hit does.
    pub on_hit: OnHit,
    /// Which end of the order leaves.
    pub leaves: End,
}

/// What a hit does to a score. A fresh entry has the time it was written, unless it says otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum OnHit {
    /// Becomes the time of the hit.
    Now,
    /// Stays.
    Keep,
    /// Grows by one; a fresh entry has one.
    Count,
    /// Stays; a fresh entry has a random number.
    Random,
}

/// An end of the order of scores.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The lowest score leaves.
    Lowest,
    /// The highest score of those that were there before leaves.
    Highest,
}

impl Policy {
    /// The rule in a store of bytes. A policy that needs more than a number is approximated there by recency;
    /// in memory it is itself.
    pub fn score(self) -> Score {
        let (on_hit, leaves) = match self {
            Policy::Lru | Policy::Sieve | Policy::S3Fifo | Policy::TinyLfu | Policy::Tenure | Policy::Auto => {
                (OnHit::Now, End::Lowest)
            }
            Policy::Mru => (OnHit::Now, End::Highest),
            Policy::Fifo => (OnHit::Keep, End::Lowest),
            Policy::Lfu => (OnHit::Count, End::Lowest),
            Policy::Random => (OnHit::Random, End::Lowest),
        };
        Score { on_hit, leaves }
    }
}
