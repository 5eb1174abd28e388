//! How often entries were asked for of late, those that left included.
//!
//! Cormode and Muthukrishnan, "An improved data stream summary: the count-min sketch and its applications", Journal of
//! Algorithms 55(1), 2005, <https://doi.org/10.1016/j.jalgor.2003.12.001>.

use super::queues::Print;
use crate::system::prefetch;

/// Counts to 15, of everybody, in 24 bytes for each entry of the cache.
///
/// Four counters count for an entry, and the lowest is the estimate: never too low, and too high where others use all four.
/// They lie in one block, which is one cache line. From time to time all counts are halved, so that what was popular
/// once is forgotten; a block does it when it is used next, so nobody waits for a walk over all of them.
#[derive(Debug, Default)]
pub(crate) struct Sketch {
    blocks: Vec<Block>,
    /// How many blocks there will be.
    planned: usize,
    /// For how many entries.
    room: usize,
    /// What the counters grew by since they were last halved, and half of what they had then.
    grown: u64,
    /// How often they were halved.
    age: u8,
}

/// 4 rows of 32 counters of 4 bits. The age of the block takes the place of the first two.
#[derive(Clone, Debug, Default)]
#[repr(align(64))]
struct Block([u64; 2 * ROWS]);

const ROWS: usize = 4;
const MOST: u64 = 15;
const BLOCKS_AT_ONCE: usize = 16;

impl Sketch {
    /// Makes room for a cache of `entries`. If there was less so far, all counts begin anew.
    pub(crate) fn reserve(&mut self, entries: usize) {
        if entries > self.room {
            // Some more at once, for a cache that is bound by weight may grow one by one.
            self.room = entries + entries / 8;
            self.planned = (self.room / 3).max(1);
            self.blocks = Vec::with_capacity(self.planned);
        }
    }

    /// Counts `times` for an entry. After as many as `period` they are halved.
    #[inline]
    pub(crate) fn add(&mut self, print: Print, times: u64, period: u64) {
        if self.blocks.len() < self.planned {
            self.grow();
        }
        let Some(block) = self.block(print) else { return };
        let (old, new) = block.add(print, times);
        self.grown += new - old;
        if self.grown >= period {
            self.grown /= 2;
            self.age = self.age.wrapping_add(1);
        }
    }

    /// How often an entry was counted of late.
    #[inline]
    pub(crate) fn estimate(&mut self, print: Print) -> u64 {
        self.block(print).map_or(0, |block| block.lowest(&places(print)))
    }

    /// Asks for the memory of an entry, which will be counted soon.
    #[inline]
    pub(crate) fn prefetch(&self, print: Print) {
        self.blocks.get(self.at(print)).into_iter().for_each(prefetch);
    }

    // The blocks come by and by: to make all those of a large cache at once would take milliseconds.
    #[cold]
    fn grow(&mut self) {
        let more = (self.planned - self.blocks.len()).min(BLOCKS_AT_ONCE);
        self.blocks.extend((0..more).map(|_| Block::default()));
    }

    fn at(&self, print: Print) -> usize {
        // The upper half of the product is spread over all the blocks, without a division.
        ((u64::from(print) * self.planned as u64) >> 32) as usize
    }

    fn block(&mut self, print: Print) -> Option<&mut Block> {
        let at = self.at(print);
        let block = self.blocks.get_mut(at)?;
        block.grow_to(self.age);
        Some(block)
    }
}

impl Block {
    /// Halves the counters as often as it was put off. One that nobody used for 256 times in a row is none the older.
    fn grow_to(&mut self, age: u8) {
        let late = age.wrapping_sub(self.0[0] as u8);
        if late == 0 {
            return;
        }
        for _ in 0..late.min(4) {
            self.0.iter_mut().for_each(|word| *word = (*word >> 1) & 0x7777_7777_7777_7777);
        }
        self.0[0] = self.0[0] & !0xff | u64::from(age);
    }

    /// The lowest of the four counters.
    fn lowest(&self, places: &[Place; ROWS]) -> u64 {
        places.iter().fold(MOST, |lowest, place| lowest.min(self.0[place.word] >> place.shift & MOST))
    }

    /// Makes each of the four counters as high as the lowest becomes; returns what that was and is.
    ///
    /// A counter that others have raised above that is right for this entry as well.
    fn add(&mut self, print: Print, times: u64) -> (u64, u64) {
        let places = places(print);
        let old = self.lowest(&places);
        let new = (old + times).min(MOST);
        for Place { word, shift } in places {
            let count = self.0[word] >> shift & MOST;
            self.0[word] += new.saturating_sub(count) << shift;
        }
        (old, new)
    }
}

/// Where a counter begins.
struct Place {
    word: usize,
    /// In bits.
    shift: u32,
}

/// The four counters of an entry, one in each row.
fn places(print: Print) -> [Place; ROWS] {
    // The bits that chose the block are the high ones; a product spreads the low ones.
    let bits = (u64::from(print).wrapping_mul(0xd6e8_feb8_6659_fd93) >> 40) as u32;
    std::array::from_fn(|row| {
        let counter = bits >> (5 * row) & 31;
        let counter = if row == 0 && counter < 2 { counter + 2 } else { counter };
        Place { word: 2 * row + (counter >> 4) as usize, shift: counter % 16 * 4 }
    })
}

#[cfg(test)]
mod tests {
    use super::super::queues::print;
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use std::collections::HashMap;

    /// A sketch with all its blocks.
    fn sketch(entries: usize) -> Sketch {
        let mut sketch = Sketch::default();
        sketch.reserve(entries);
        (0..entries).for_each(|_| sketch.add(0, 0, u64::MAX));
        sketch
    }

    proptest! {
        #[test]
        fn never_estimates_too_low(counted in vec((0..300u64, 1..4u64), 0..600)) {
            let (mut sketch, mut counts) = (sketch(100), HashMap::<u64, u64>::new());
            for (hash, times) in counted {
                sketch.add(print(hash), times, u64::MAX);
                *counts.entry(hash).or_default() += times;
            }
            for (hash, count) in counts {
                prop_assert!((count.min(MOST)..=MOST).contains(&sketch.estimate(print(hash))));
            }
        }
    }

    #[test]
    fn estimates_too_high_rarely() {
        let mut sketch = sketch(1_000);
        (0..10_000).for_each(|hash| sketch.add(print(hash), 1, u64::MAX));
        let high = (0..10_000).filter(|&hash| sketch.estimate(print(hash)) > 1).count();
        let unknown = (10_000..20_000).filter(|&hash| sketch.estimate(print(hash)) > 0).count();
        // Ten times as many as the cache holds were counted once.
        assert!(high < 1_500, "{high} of 10000 are too high");
        assert!(unknown < 1_500, "{unknown} of 10000 are unknown");
    }

    #[test]
    fn forgets_by_halves() {
        let mut sketch = sketch(1_000);
        sketch.add(print(1), 12, 20);
        sketch.add(print(2), 8, 20);
        assert_eq!([1, 2].map(|hash| sketch.estimate(print(hash))), [6, 4]);
        // What was counted before is half of it.
        sketch.add(print(1), 9, 20);
        assert_eq!([1, 2].map(|hash| sketch.estimate(print(hash))), [15, 4]);
        sketch.add(print(3), 1, 20);
        assert_eq!([1, 2, 3].map(|hash| sketch.estimate(print(hash))), [7, 2, 0]);
    }

    #[test]
    fn halves_what_was_not_looked_at_as_often() {
        let mut sketch = sketch(1_000);
        sketch.add(print(1), 15, u64::MAX);
        (0..3).for_each(|hash| sketch.add(print(7 + hash), 1, 1));
        assert_eq!(sketch.estimate(print(1)), 1);
        (0..9).for_each(|hash| sketch.add(print(100 + hash), 1, 1));
        assert_eq!(sketch.estimate(print(1)), 0);
    }
}
