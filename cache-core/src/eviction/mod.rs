//! Who leaves when a bound is reached: one algorithm, one file, each a plain value behind one trait.

mod alumni;
mod balance;
mod evictor;
mod fifo;
mod ghosts;
mod gittins;
mod lfu;
mod list;
mod lru;
mod marks;
mod mru;
mod queues;
mod random;
mod s3_fifo;
mod score;
mod sieve;
mod sketch;
mod tenure;
#[cfg(test)]
mod tests;
mod tiny_lfu;

pub use evictor::Evictor;
pub(crate) use marks::{EPOCH_BITS, Marks};
pub use score::{End, OnHit, Score};

/// Which entry leaves a full cache.
///
/// | policy | who leaves | what a hit writes |
/// |---|---|---|
/// | `Lru` | the least recently used, exactly as in Python's `functools.lru_cache` | the time |
/// | `Mru` | the most recently used: right for scans that repeat | a log of its thread |
/// | `Fifo` | the oldest | nothing |
/// | `Lfu` | the least often used, the least recently used among those | a log of its thread |
/// | `Random` | anyone | nothing |
/// | `Sieve` | the oldest that was not used since the hand passed it | a flag, once |
/// | `S3Fifo` | the oldest of the newcomers, unless it was used twice; else the oldest of the rest that was not used | a count, to 3 |
/// | `TinyLfu` | the oldest of the newcomers, or, if that one was asked for more often, the oldest of the rest | a count, to 3 |
/// | `Tenure` | who can be expected to give the fewest hits for its place, of a sample | a flag, once |
/// | `Auto` | as under the policy that keeps best whatever the requests are like: today `Tenure` | as that |
///
/// Choose `Lru` where the order of hits and misses must be foreseeable, and `TinyLfu` where as many of them as possible
/// should be hits: a miss costs 1.5 times as much, some 40 ns more. Under `Tenure` more are, and a hit costs no more, but a
/// miss costs 3.6 times as much, some 200 ns more: it is for what takes microseconds to compute.
///
/// Beside the entries a policy takes, for each of them, 4 bytes (`Lru`), 8 (`Mru`, `Fifo`, `Random`, `Sieve`), 12 (`Lfu`),
/// 22 (`S3Fifo`), 40 (`TinyLfu`) or 32 (`Tenure`).
///
/// ```
/// use memolith_core::{Cache, Policy};
///
/// let cache: Cache<u64, u64> = Cache::builder().maxsize(2).policy(Policy::Fifo).build();
/// cache.insert(1, 1);
/// cache.insert(2, 2);
/// // Under `Lru` this use would keep it.
/// assert_eq!(cache.get(&1), Some(1));
/// cache.insert(3, 3);
/// assert!(!cache.contains(&1));
/// ```
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
    /// S3-FIFO (Yang et al., SOSP 2023).
    S3Fifo,
    /// W-TinyLFU (Einziger, Friedman and Manes, TOS 2017), with a window that adapts.
    TinyLfu,
    /// The least hits to be expected for its place, learned from the requests; memolith's own.
    Tenure,
    /// The best known one, which may be another in a later version.
    Auto,
}

impl Policy {
    /// Every algorithm there is, for those who compare them. More may come.
    pub const ALL: &'static [Policy] = &[
        Policy::Lru,
        Policy::Mru,
        Policy::Fifo,
        Policy::Lfu,
        Policy::Random,
        Policy::Sieve,
        Policy::S3Fifo,
        Policy::TinyLfu,
        Policy::Tenure,
    ];

    /// The algorithm, empty, for about so many slots. `seed` fixes the choices of one that makes any at random.
    pub(crate) fn build(self, expected: usize, seed: u64) -> Box<dyn Eviction> {
        match self {
            Policy::Lru => Box::new(lru::Lru::new(expected)),
            Policy::Mru => Box::new(mru::Mru::new(expected)),
            Policy::Fifo => Box::new(fifo::Fifo::new(expected)),
            Policy::Lfu => Box::new(lfu::Lfu::new(expected)),
            Policy::Random => Box::new(random::Random::new(seed)),
            Policy::Sieve => Box::new(sieve::Sieve::new(expected)),
            Policy::S3Fifo => Box::new(s3_fifo::S3Fifo::new(expected)),
            Policy::TinyLfu => Box::new(tiny_lfu::TinyLfu::new(expected, seed)),
            Policy::Tenure | Policy::Auto => Box::new(tenure::Tenure::new(expected, seed)),
        }
    }
}

/// How many steps one eviction takes at most where an algorithm walks past entries that were used.
///
/// The walks are short on the average, for each step undoes a hit. But other threads hit while one walks, and in a cache of
/// a million that were all used a walk by the book takes milliseconds. Whoever the last step stands at leaves.
const LONGEST_WALK: usize = 2_048;

/// The number of an entry's place in the memory tier.
pub(crate) type Slot = u32;

/// What a hit leaves behind for the policy. It writes nothing that threads fight over, and takes no lock.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Trace {
    /// Nothing.
    Nothing,
    /// The mark becomes the time of the hit: a number that grows, in the exact order of the hits of one thread,
    /// and between threads in the order of hits and insertions. A fresh slot has the time of its insertion.
    Stamp,
    /// The mark grows by one, up to this many. Of hits at the same instant some may be lost. A fresh slot has 0.
    Count(u8),
    /// A note in the thread's log: `touch` is called, under the lock, for every hit before any insertion, eviction or
    /// removal that follows it; in the exact order of the hits of one thread.
    Log,
}

/// An algorithm: it sees slots, marks and hashes, never a key or a value.
///
/// A slot is `insert`ed once, and then hit until it is evicted or removed. Slots are small numbers: memory is
/// taken up to the highest one seen, and kept.
pub(crate) trait Eviction: std::fmt::Debug + Send + Sync {
    /// What hits leave behind. Constant for a policy.
    fn trace(&self) -> Trace;
    /// A hit on `slot`, where hits are logged.
    fn touch(&mut self, slot: Slot) {
        let _ = slot;
    }
    /// Room is needed for an entry that hashes to `incoming`: unlinks and returns who leaves; `None` when empty.
    fn evict(&mut self, marks: &dyn Marks, incoming: u64) -> Option<Slot>;
    /// Who will probably be evicted soon, so that memory can be asked for in time.
    fn next_to_leave(&self) -> Option<Slot> {
        None
    }
    /// `slot`, which was free, now holds the entry that hashes to `hash`, and has this mark already.
    fn insert(&mut self, slot: Slot, mark: u64, hash: u64);
    /// `slot` was removed, replaced or has expired.
    fn remove(&mut self, slot: Slot);
}
