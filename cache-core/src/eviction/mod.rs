//! Who leaves when a bound is reached: one algorithm, one file, each a plain value behind one trait.

mod fifo;
mod lfu;
mod list;
mod lru;
mod mru;
mod random;
mod score;
mod sieve;
#[cfg(test)]
mod tests;

pub use score::{End, OnHit, Score};

/// Which entry leaves a full cache.
///
/// | policy | who leaves | cost of a hit |
/// |---|---|---|
/// | `Lru` | the least recently used, exactly as in Python's `functools.lru_cache` | exclusive lock |
/// | `Mru` | the most recently used: right for scans that repeat | exclusive lock |
/// | `Fifo` | the oldest | shared lock, nothing written |
/// | `Lfu` | the least often used, the least recently used among those | exclusive lock |
/// | `Random` | anyone | shared lock, nothing written |
/// | `Sieve` | the oldest that was not used since the hand passed it | shared lock, one flag |
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Policy {
    /// Least recently used; exact.
    #[default]
    Lru,
    /// Most recently used.
    Mru,
    /// First in, first out.
    Fifo,
    /// Least frequently used.
    Lfu,
    /// A random entry.
    Random,
    /// SIEVE (Zhang et al., NSDI 2024).
    Sieve,
}

impl Policy {
    /// The algorithm, empty. `seed` fixes the choices of one that makes any at random.
    pub(crate) fn build(self, seed: u64) -> Box<dyn Eviction> {
        match self {
            Policy::Lru => Box::new(lru::Lru::default()),
            Policy::Mru => Box::new(mru::Mru::default()),
            Policy::Fifo => Box::new(fifo::Fifo::default()),
            Policy::Lfu => Box::new(lfu::Lfu::default()),
            Policy::Random => Box::new(random::Random::new(seed)),
            Policy::Sieve => Box::new(sieve::Sieve::default()),
        }
    }
}

/// The number of an entry's place in the memory tier.
pub(crate) type Slot = u32;

/// The lock a hit needs under a policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HitLock {
    /// Hits of several threads go on side by side: `touch_shared`.
    Shared,
    /// A hit changes the order: `touch`.
    Exclusive,
}

/// An algorithm: it sees slots and hashes, never a key or a value.
///
/// A slot is `insert`ed once, and then touched until it is evicted or removed. Slots are small numbers: memory is
/// taken up to the highest one seen, and kept.
pub(crate) trait Eviction: std::fmt::Debug + Send + Sync {
    /// The lock a hit needs. Constant for a policy.
    fn hit_lock(&self) -> HitLock;
    /// Records a hit on `slot` under the shared lock. Does nothing where a hit changes nothing, or needs the other lock.
    fn touch_shared(&self, slot: Slot) {
        let _ = slot;
    }
    /// Records a hit on `slot` under the exclusive lock.
    fn touch(&mut self, slot: Slot) {
        self.touch_shared(slot);
    }
    /// Room is needed for an entry that hashes to `incoming`: unlinks and returns who leaves; `None` when empty.
    fn evict(&mut self, incoming: u64) -> Option<Slot>;
    /// `slot`, which was free, now holds the entry that hashes to `hash`.
    fn insert(&mut self, slot: Slot, hash: u64);
    /// `slot` was removed, replaced or has expired.
    fn remove(&mut self, slot: Slot);
}
