//! What is still known of entries that left.

use super::queues::Print;

/// Print, class and age of entries that left, those of them that may come back: 4 bytes each.
///
/// A table of sets, one cache line each. Who is worth least of four, in turn of the four quarters of a set, makes room.
#[derive(Debug, Default)]
pub(crate) struct Departed {
    sets: Vec<Set>,
    /// How many sets there will be.
    planned: usize,
    /// For how many there is room.
    room: usize,
    came: usize,
    now: u16,
}

/// Each a part of the print in 12 bits, the class in 4, the time of the last use in 16. 0 is nobody, for no print is 0.
#[derive(Clone, Debug, Default)]
#[repr(align(64))]
struct Set([u32; WAYS]);

const WAYS: usize = 16;
const QUARTER: usize = WAYS / 4;
const SETS_AT_ONCE: usize = 16;

impl Departed {
    /// Makes room for `count`. If there was less so far, all are forgotten.
    pub(crate) fn reserve(&mut self, count: usize) {
        if count > self.room {
            // Some more at once, for a cache that is bound by weight may grow one by one.
            self.room = count + count / 8;
            self.planned = self.room.div_ceil(WAYS);
            self.sets = Vec::with_capacity(self.planned);
        }
    }

    /// Time goes on by a tick.
    pub(crate) fn tick(&mut self) {
        self.now = self.now.wrapping_add(1);
    }

    /// Remembers who left, who has not been used for `age` ticks, instead of who is worth least by class and age.
    pub(crate) fn put(&mut self, print: Print, class: u32, age: u32, worth: impl Fn(u32, u32) -> u32) {
        // The sets come by and by: to make all those of a large cache at once would take milliseconds.
        let more = (self.planned - self.sets.len()).min(SETS_AT_ONCE);
        self.sets.extend((0..more).map(|_| Set::default()));
        self.came += 1;
        let (now, from) = (self.now, self.came % 4 * QUARTER);
        let Some(set) = self.set(print) else { return };
        let worth = |way: u32| if way == 0 { 0 } else { worth(way >> 16 & 15, age_of(way, now)) };
        if let Some(least) = set.0[from..from + QUARTER].iter_mut().min_by_key(|way| worth(**way)) {
            *least = part(print) << 20 | class << 16 | u32::from(now.wrapping_sub(age as u16));
        }
    }

    /// Forgets an entry that is back, and returns its class and age.
    pub(crate) fn take(&mut self, print: Print) -> Option<(u32, u32)> {
        let now = self.now;
        let set = self.set(print)?;
        // All are compared, which is quicker than stopping at one, for most lookups find none.
        let found = (0..WAYS).fold(0, |found, way| found | u32::from(set.0[way] >> 20 == part(print)) << way);
        if found == 0 {
            return None;
        }
        let way = std::mem::take(&mut set.0[found.trailing_zeros() as usize]);
        Some((way >> 16 & 15, age_of(way, now)))
    }

    /// How many sets there are.
    pub(crate) fn sets(&self) -> usize {
        self.sets.len()
    }

    /// Class and age of those in a set.
    pub(crate) fn of(&self, set: usize) -> impl Iterator<Item = (u32, u32)> {
        let ways = self.sets[set].0.iter().filter(|way| **way != 0);
        ways.map(|&way| (way >> 16 & 15, age_of(way, self.now)))
    }

    fn set(&mut self, print: Print) -> Option<&mut Set> {
        // The upper half of the product is spread over all the sets, without a division.
        let set = (u64::from(print) * self.planned as u64) >> 32;
        self.sets.get_mut(set as usize)
    }
}

/// 12 bits of a print, of those that do not choose the set.
fn part(print: Print) -> u32 {
    (print & 0xfff).max(1)
}

fn age_of(way: u32, now: u16) -> u32 {
    u32::from(now.wrapping_sub(way as u16))
}

#[cfg(test)]
mod tests {
    use super::super::queues::print;
    use super::*;

    #[test]
    fn those_who_are_worth_most_are_remembered() {
        let mut departed = Departed::default();
        departed.reserve(1_000);
        for hash in 0..20_000 {
            // One in two hundred is worth more than the others.
            departed.put(print(hash), if hash % 200 == 0 { 7 } else { 1 }, 3, |class, age| class + u32::from(age == 3));
        }
        let mut known = |rest: u64| -> Vec<(u32, u32)> {
            (0..20_000).filter(|hash| hash % 200 == rest).filter_map(|hash| departed.take(print(hash))).collect()
        };
        let (more, less) = (known(0), known(1));
        assert!(more.len() > 90, "{} of 100 are known", more.len());
        assert!(less.len() < 20, "{} of 100 are known", less.len());
        assert!(more.iter().all(|known| *known == (7, 3)), "{more:?}");
    }

    #[test]
    fn they_grow_older_and_are_taken_once() {
        let mut departed = Departed::default();
        assert_eq!(departed.take(print(1)), None);
        departed.reserve(100);
        // So that all sets are there.
        (0..100).for_each(|hash| departed.put(print(1_000 + hash), 0, 0, |_, age| age));
        departed.put(print(1), 5, 10, |_, _| 1);
        (0..70_000).for_each(|_| departed.tick());
        let all: usize = (0..departed.sets())
            .map(|set| departed.of(set).filter(|known| *known == (5, 70_010 % 65_536)).count())
            .sum();
        assert_eq!(all, 1);
        assert_eq!((departed.take(print(1)), departed.take(print(1))), (Some((5, 70_010 % 65_536)), None));
    }
}
