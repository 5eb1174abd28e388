//! Least recently used, exactly, from the times that hits left behind.
//!
//! Mattson, Gecsei, Slutz and Traiger, "Evaluation techniques for storage hierarchies", IBM Systems Journal 9(2), 1970,
//! <https://doi.org/10.1147/sj.92.0078>;
//! the order of hits and misses is that of Python's [`functools.lru_cache`](https://docs.python.org/3/library/functools.html#functools.lru_cache).
//! The calendar is Brown's, "Calendar queues", CACM 31(10), 1988, <https://doi.org/10.1145/63039.63045>.

use super::{EPOCH_BITS, Eviction, Marks, Slot, Trace};

/// A calendar of slots by when they were used, as far as is known.
///
/// A hit moves nothing. Each slot lies in a bucket of the calendar that begins no later than its last use, and times only
/// grow: so whoever was used last a long time ago is in the first bucket. When that is due, its slots are looked at: those
/// used since go to the buckets where they belong, the others are sorted, and leave one by one, unless they are used
/// meanwhile. A slot is looked at about once in a life, however often it was hit.
///
/// Costs 4 bytes and a bit a slot, at most 16 KiB for the calendar, and amortised constant time: the sorting is of buckets
/// of some dozens of slots, in large caches of some hundreds.
#[derive(Debug)]
pub(crate) struct Lru {
    /// The first slot of each bucket; bucket `b % heads.len()` is of the times `b << shift ..`.
    heads: Box<[Slot]>,
    /// A bit for each bucket that is not empty.
    occupied: Box<[u64]>,
    /// By slot: the next one in its bucket; `LAST`, or `OUT` if it is in none.
    next: Vec<Slot>,
    /// A bit for each slot that can leave. Others may still lie in a bucket, and are dropped when it is due.
    members: Vec<u64>,
    shift: u32,
    /// The bucket that was due last. The last bucket of the calendar takes whatever lies beyond it.
    low: u64,
    /// What was in it, the least recently used first: the time since the bucket began, and the slot.
    ready: Vec<u64>,
    /// How many of `ready` have left.
    left: usize,
    /// Slots that can leave.
    len: usize,
}

const LAST: Slot = Slot::MAX;
const OUT: Slot = Slot::MAX - 1;
/// How many evictions ahead an entry is asked for.
const SOON: usize = 6;
/// Slots that a bucket of a full cache holds, if all are missed.
const BUCKET: usize = 32;
/// As many times the entries that were expected make the calendar longer.
const MORE: usize = 4;

impl Lru {
    /// A calendar for about `expected` entries. Fewer only make it slower, and for many more it is made anew.
    pub(crate) fn new(expected: usize) -> Self {
        let (buckets, shift) = calendar(expected);
        Lru {
            heads: vec![LAST; buckets].into(),
            occupied: vec![0; buckets / 64].into(),
            next: Vec::with_capacity(expected.min(LARGE)),
            members: Vec::new(),
            shift,
            low: 0,
            ready: Vec::new(),
            left: 0,
            len: 0,
        }
    }

    /// Makes the calendar as long as it has to be: of one that is too short the last bucket holds nearly all slots, which
    /// would be looked at again and again.
    ///
    /// Each bucket goes where its beginning belongs, the last and longest one as it is: no mark is read.
    #[cold]
    fn lengthen(&mut self) {
        let (buckets, shift) = calendar(self.len);
        if buckets << shift <= self.heads.len() << self.shift {
            return;
        }
        let (low, from) = (self.low, self.shift);
        let heads = std::mem::replace(&mut self.heads, vec![LAST; buckets].into());
        self.occupied = vec![0; buckets / 64].into();
        (self.low, self.shift) = ((low << from) >> shift, shift);
        for before in (low..low + heads.len() as u64).rev() {
            let first = heads[before as usize % heads.len()];
            let bucket = self.bucket(before << from);
            if self.heads[bucket] == LAST && first != LAST {
                self.heads[bucket] = first;
                self.occupied[bucket / 64] |= 1 << (bucket % 64);
                continue;
            }
            let mut slot = first;
            while slot != LAST {
                let next = self.next[slot as usize];
                self.file(slot, before << from);
                slot = next;
            }
        }
        for at in self.left..self.ready.len() {
            self.file(self.ready[at] as Slot, low << from);
        }
        self.ready.clear();
        self.left = 0;
    }

    /// Entries for which the calendar is long enough.
    fn expected(&self) -> usize {
        (self.heads.len() << (self.shift - EPOCH_BITS)) / 2
    }

    /// The place of the bucket to which `time` belongs.
    #[inline]
    fn bucket(&self, time: u64) -> usize {
        let last = self.low + self.heads.len() as u64 - 1;
        (time >> self.shift).max(self.low).min(last) as usize & self.mask()
    }

    /// Puts `slot`, which is in no bucket, where `time` belongs.
    #[inline]
    fn file(&mut self, slot: Slot, time: u64) {
        let bucket = self.bucket(time);
        self.next[slot as usize] = std::mem::replace(&mut self.heads[bucket], slot);
        self.occupied[bucket / 64] |= 1 << (bucket % 64);
    }

    /// Sorts the slots of the first bucket with any into `ready`. `false` if there is none.
    #[inline(never)]
    fn open_next(&mut self, marks: &dyn Marks) -> bool {
        let Some(due) = self.first_occupied() else { return false };
        self.low = due;
        self.ready.clear();
        self.left = 0;
        let bucket = due as usize & self.mask();
        let first = std::mem::replace(&mut self.heads[bucket], LAST);
        self.occupied[bucket / 64] &= !(1 << (bucket % 64));
        if self.occupied.iter().all(|word| *word == 0) {
            // All that is left may have been used long after: there is no need to walk through all the time between.
            self.low = self.earliest(first, marks).max(due);
        }
        let mut slot = first;
        while slot != LAST {
            let next = std::mem::replace(&mut self.next[slot as usize], OUT);
            if self.is_member(slot) {
                let time = marks.get(slot);
                if time >> self.shift <= self.low {
                    self.next[slot as usize] = LAST;
                    self.ready.push(time.saturating_sub(self.low << self.shift) << Slot::BITS | u64::from(slot));
                } else {
                    self.file(slot, time);
                }
            }
            slot = next;
        }
        self.ready.sort_unstable();
        true
    }

    /// The bucket of the least recently used of a chain.
    fn earliest(&self, first: Slot, marks: &dyn Marks) -> u64 {
        let chain =
            std::iter::successors(Some(first), |slot| Some(self.next[*slot as usize]).filter(|next| *next != LAST));
        let members = chain.filter(|slot| self.is_member(*slot));
        members.map(|slot| marks.get(slot) >> self.shift).min().unwrap_or(0)
    }

    /// The first bucket at `low` or after it that is not empty.
    fn first_occupied(&self) -> Option<u64> {
        let words = self.occupied.len();
        let start = self.low as usize & self.mask();
        let before = (1u64 << (start % 64)) - 1;
        for step in 0..=words {
            let word = (start / 64 + step) % words;
            // The word of `low` is looked at twice: at first what follows it, at last what the ring brings before it.
            let bits = match step {
                0 => self.occupied[word] & !before,
                _ if step == words => self.occupied[word] & before,
                _ => self.occupied[word],
            };
            if bits != 0 {
                let bucket = word * 64 + bits.trailing_zeros() as usize;
                let ahead = bucket.wrapping_sub(start) & self.mask();
                return Some(self.low + ahead as u64);
            }
        }
        None
    }

    /// Makes room for every slot up to `slot`.
    #[cold]
    fn grow(&mut self, slot: Slot) {
        self.next.resize(slot as usize + 1, OUT);
        self.members.resize(slot as usize / 64 + 1, 0);
    }

    /// Of the number of a bucket, the bits that say where it begins: how many there are is a power of two.
    fn mask(&self) -> usize {
        self.heads.len() - 1
    }

    fn is_member(&self, slot: Slot) -> bool {
        self.members[slot as usize / 64] & 1 << (slot % 64) != 0
    }
}

/// The buckets of a calendar for so many entries, and how long they are.
fn calendar(expected: usize) -> (usize, u32) {
    let buckets = (expected / BUCKET * 2).next_power_of_two().clamp(64, 4096);
    // An entry that nobody uses leaves after as many insertions as there are entries: half of the calendar.
    let insertions = (2 * expected / buckets).next_power_of_two().clamp(1, 1 << 15);
    (buckets, EPOCH_BITS + insertions.ilog2())
}

/// Slots for which room is made before they are needed.
const LARGE: usize = 1 << 24;

impl Eviction for Lru {
    fn trace(&self) -> Trace {
        Trace::Stamp
    }

    fn evict(&mut self, marks: &dyn Marks, _: u64) -> Option<Slot> {
        loop {
            while let Some(&oldest) = self.ready.get(self.left) {
                self.left += 1;
                if let Some(&soon) = self.ready.get(self.left + SOON) {
                    marks.prefetch(soon as Slot);
                }
                let slot = oldest as Slot;
                self.next[slot as usize] = OUT;
                if !self.is_member(slot) {
                    continue;
                }
                let time = marks.get(slot);
                if time.saturating_sub(self.low << self.shift) == oldest >> Slot::BITS {
                    self.remove(slot);
                    return Some(slot);
                }
                self.file(slot, time);
            }
            if !self.open_next(marks) {
                return None;
            }
        }
    }

    fn next_to_leave(&self) -> Option<Slot> {
        self.ready.get(self.left + 2).map(|soon| *soon as Slot).filter(|slot| self.is_member(*slot))
    }

    fn insert(&mut self, slot: Slot, mark: u64, _: u64) {
        if self.next.len() <= slot as usize {
            self.grow(slot);
        }
        self.members[slot as usize / 64] |= 1 << (slot % 64);
        self.len += 1;
        if self.len > MORE * self.expected() {
            self.lengthen();
        }
        // One that was removed may still lie in an earlier bucket: it is found there.
        if self.next[slot as usize] == OUT {
            self.file(slot, mark);
        }
    }

    fn remove(&mut self, slot: Slot) {
        self.len -= usize::from(self.is_member(slot));
        self.members[slot as usize / 64] &= !(1 << (slot % 64));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sync::AtomicU64;
    use std::sync::atomic::Ordering::Relaxed;

    /// Marks that count who looks at them.
    struct Watched {
        marks: Vec<AtomicU64>,
        looks: AtomicU64,
    }

    impl Marks for Watched {
        fn get(&self, slot: Slot) -> u64 {
            self.looks.fetch_add(1, Relaxed);
            self.marks.get(slot)
        }
        fn set(&self, slot: Slot, mark: u64) {
            self.marks.set(slot, mark);
        }
    }

    #[test]
    fn many_more_than_expected_leave_in_order_and_are_looked_at_a_few_times() {
        const MANY: u32 = 20_000;
        for expected in [0, 1, 1_000] {
            let marks = (0..MANY).map(|_| AtomicU64::new(0)).collect();
            let marks = Watched { marks, looks: AtomicU64::new(0) };
            let mut lru = Lru::new(expected);
            let mut now = 0;
            let mut random = 1u64;
            for slot in 0..MANY {
                now += 1 << EPOCH_BITS;
                marks.set(slot, now);
                lru.insert(slot, marks.get(slot), 0);
                random = random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(1);
                if random >> 63 == 0 {
                    let hit = (random >> 32) as u32 % (slot + 1);
                    marks.set(hit, now + 1);
                }
                if slot % 500 == 499 {
                    // Some slots have been looked at, and wait to leave, when the calendar becomes longer.
                    let oldest = (0..=slot).min_by_key(|slot| marks.marks.get(*slot));
                    assert_eq!(lru.evict(&marks, 0), oldest);
                    let Some(oldest) = oldest else { return };
                    now += 1 << EPOCH_BITS;
                    marks.set(oldest, now);
                    lru.insert(oldest, marks.get(oldest), 0);
                }
            }
            marks.looks.store(0, Relaxed);
            for _ in 0..3 * MANY {
                let Some(slot) = lru.evict(&marks, 0) else { panic!("none leaves of {MANY}") };
                now += 1 << EPOCH_BITS;
                marks.set(slot, now);
                lru.insert(slot, marks.get(slot), 0);
            }
            let looks = marks.looks.load(Relaxed);
            assert!(looks < 8 * 3 * u64::from(MANY), "{looks} looks after {expected} were expected");
            let mut last = 0;
            for _ in 0..MANY {
                let left = lru.evict(&marks, 0).map(|slot| marks.marks.get(slot));
                assert!(left.is_some_and(|time| time > last));
                last = left.unwrap_or(last);
            }
            assert_eq!(lru.evict(&marks, 0), None);
        }
    }

    #[test]
    fn what_was_used_ages_later_is_not_walked_to() {
        let marks: Vec<AtomicU64> = (0..4).map(|_| AtomicU64::new(1)).collect();
        let mut lru = Lru::new(4);
        (0..4).for_each(|slot| lru.insert(slot, 1, 0));
        (0..4).for_each(|slot| marks.set(slot, u64::MAX - 7 + u64::from(slot)));
        assert_eq!((0..5).map_while(|_| lru.evict(&marks, 0)).collect::<Vec<_>>(), [0, 1, 2, 3]);
    }
}
