//! Entries that left a short while ago, remembered by their prints alone.

use super::queues::Print;

/// The prints of the last entries that left, about 6 bytes each.
///
/// A table of sets, one cache line each. An entry is half a print and the time when it came, where time is how many
/// have come; it is found while it is young enough, so nothing is ever taken out for its age. A full set forgets its
/// oldest, so one ghost in ten goes a little early; and one lookup in 4,000 takes somebody else for a ghost.
#[derive(Debug, Default)]
pub(crate) struct Ghosts {
    sets: Vec<Set>,
    /// How many sets there will be.
    planned: usize,
    /// For how many there is room.
    room: usize,
    /// How many have come.
    now: u64,
}

/// The last to come of those that belong here, in turn.
#[derive(Clone, Debug, Default)]
#[repr(align(64))]
struct Set {
    /// 0 is nobody.
    prints: [u16; WAYS],
    came: [u16; WAYS],
    /// Whose turn it is to be forgotten.
    next: u8,
}

/// With 4 bytes each, and one for `next`, a cache line is full.
const WAYS: usize = 15;

/// How many a set should hold: they are filled unevenly.
const SHARE: usize = 11;

const SETS_AT_ONCE: usize = 16;

impl Ghosts {
    /// Makes room for the last `count` that left. If there was less so far, all are forgotten.
    pub(crate) fn reserve(&mut self, count: usize) {
        if count > self.room {
            // Some more at once, for a cache that is bound by weight may grow one by one.
            self.room = count + count / 8;
            self.planned = self.room.div_ceil(SHARE);
            self.sets = Vec::with_capacity(self.planned);
        }
    }

    /// Remembers an entry that left.
    pub(crate) fn put(&mut self, print: Print) {
        let now = self.time();
        self.now += 1;
        // The sets come by and by: to make all those of a large cache at once would take milliseconds.
        let more = (self.planned - self.sets.len()).min(SETS_AT_ONCE);
        self.sets.extend((0..more).map(|_| Set::default()));
        let Some(set) = self.set(print) else { return };
        let way = usize::from(set.next);
        set.prints[way] = half(print);
        set.came[way] = now;
        set.next = if way + 1 < WAYS { set.next + 1 } else { 0 };
    }

    /// Forgets an entry, and says whether it was among the last `count` to leave.
    pub(crate) fn take(&mut self, print: Print, count: usize) -> bool {
        let (now, tick) = (self.time(), self.tick());
        let Some(set) = self.set(print) else { return false };
        // All are compared, which is quicker than stopping at one, for most lookups find none.
        let found = (0..WAYS).fold(0, |found, way| found | u32::from(set.prints[way] == half(print)) << way);
        if found == 0 {
            return false;
        }
        let way = found.trailing_zeros() as usize;
        set.prints[way] = 0;
        u64::from(now.wrapping_sub(set.came[way])) * tick <= count as u64
    }

    fn set(&mut self, print: Print) -> Option<&mut Set> {
        // The upper half of the product is spread over all the sets, without a division.
        let set = (u64::from(print) * self.planned as u64) >> 32;
        self.sets.get_mut(set as usize)
    }

    /// The time in ticks, of which 16 bits tell more than the age of anybody who matters.
    fn time(&self) -> u16 {
        (self.now / self.tick()) as u16
    }

    /// How many come in a tick.
    fn tick(&self) -> u64 {
        self.room as u64 / (1 << 14) + 1
    }
}

/// The half of a print that does not choose the set.
fn half(print: Print) -> u16 {
    (print as u16).max(1)
}

#[cfg(test)]
mod tests {
    use super::super::queues::print;
    use super::*;

    /// How many of the `count` that left last are remembered, after `since` more have left.
    fn remembered(count: usize, since: u64) -> usize {
        let mut ghosts = Ghosts::default();
        ghosts.reserve(count);
        // Long enough for all the sets to be there.
        (0..10 * count as u64).for_each(|hash| ghosts.put(print(hash | 1 << 40)));
        (0..count as u64).for_each(|hash| ghosts.put(print(hash)));
        (0..since).for_each(|hash| ghosts.put(print(hash | 1 << 50)));
        (0..count as u64).filter(|&hash| ghosts.take(print(hash), count)).count()
    }

    #[test]
    fn remember_those_who_left_last() {
        for count in [100, 3_000, 40_000, 300_000] {
            let (all, half, none) =
                (remembered(count, 0), remembered(count, count as u64 / 2), remembered(count, count as u64 * 11 / 10));
            assert!(all > count * 9 / 10, "{all} of the last {count}");
            assert!((count * 45 / 100..=count * 51 / 100).contains(&half), "{half} of {count}, where half are too old");
            assert!(none <= count / 50, "{none} of {count}, where all are too old");
        }
    }

    #[test]
    fn are_taken_once_and_taken_for_others_rarely() {
        let mut ghosts = Ghosts::default();
        assert!(!ghosts.take(print(1), 10));
        ghosts.reserve(10_000);
        (0..100_000).for_each(|hash| ghosts.put(print(hash)));
        assert!(ghosts.take(print(99_999), 10_000));
        assert!(!ghosts.take(print(99_999), 10_000));
        let wrong = (1u64 << 40..(1 << 40) + 100_000).filter(|&hash| ghosts.take(print(hash), 10_000)).count();
        assert!(wrong < 60, "{wrong} of 100000");
    }
}
