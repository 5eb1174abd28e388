//! When entries expire: a timer wheel over slot numbers.
//!
//! Varghese and Lauck, "Hashed and hierarchical timing wheels", SOSP 1987, <https://doi.org/10.1145/41457.37504>.

use crate::eviction::Slot;

/// The deadlines of slots, in microseconds on any scale that starts at 0.
///
/// A deadline is a number of eleven digits of 6 bits, and each level of the wheel has a bucket for each value of one digit.
/// A deadline hangs at its highest digit that differs from the wheel's time, so every bucket of a level is due before
/// every bucket of the next, and the first bucket due is found by two bit scans, however far time has jumped.
/// When time enters a bucket, its slots move to lower levels: ten times at most in the life of a deadline.
///
/// Costs 16 bytes a slot, and 3 KB once there is a deadline.
#[derive(Debug, Default)]
pub(crate) struct Expiry {
    /// By slot, up to the highest one seen.
    nodes: Vec<Node>,
    /// The first slot of each bucket, `NIL` for an empty one. Without elements until the first deadline comes.
    heads: Vec<Slot>,
    /// For each level a bit for each bucket that is not empty.
    occupied: [u64; LEVELS + 1],
    /// A bit for each level that is not empty.
    levels: u16,
    /// The start of the last bucket that was spread: never beyond a `now`, nor beyond a deadline on the wheel.
    time: u64,
}

#[derive(Clone, Copy, Debug)]
struct Node {
    /// `NEVER` for a slot without a deadline, which is in no bucket.
    deadline: u64,
    prev: Slot,
    next: Slot,
}

const NEVER: u64 = u64::MAX;
const NIL: Slot = Slot::MAX;
/// The bits of a digit.
const BITS: usize = 6;
const DIGITS: usize = 1 << BITS;
/// As many digits as a `u64` has.
const LEVELS: usize = u64::BITS.div_ceil(BITS as u32) as usize;
/// The bucket above the wheel, for deadlines that were in the past when they were set.
const LATE: usize = LEVELS * DIGITS;

impl Expiry {
    /// Whether no slot has a deadline.
    pub(crate) fn is_empty(&self) -> bool {
        self.levels == 0
    }

    /// Gives `slot` a deadline in place of any it had; `u64::MAX` is none. O(1).
    pub(crate) fn set(&mut self, slot: Slot, deadline: u64) {
        if deadline == NEVER {
            return self.remove(slot);
        }
        self.grow(slot);
        let old = self.nodes[slot as usize].deadline;
        let bucket = self.bucket(deadline);
        // Every hit refreshes a time to idle, mostly within the same bucket: then nothing has to move.
        if old != NEVER && self.bucket(old) == bucket {
            self.nodes[slot as usize].deadline = deadline;
            return;
        }
        self.remove(slot);
        self.nodes[slot as usize].deadline = deadline;
        self.link(bucket, slot);
    }

    /// Takes away the deadline of `slot`; nothing happens if it has none. O(1).
    pub(crate) fn remove(&mut self, slot: Slot) {
        let Some(&Node { deadline, prev, next }) = self.nodes.get(slot as usize) else { return };
        if deadline == NEVER {
            return;
        }
        self.nodes[slot as usize].deadline = NEVER;
        if next != NIL {
            self.nodes[next as usize].prev = prev;
        }
        if prev != NIL {
            self.nodes[prev as usize].next = next;
            return;
        }
        let bucket = self.bucket(deadline);
        self.heads[bucket] = next;
        if next == NIL {
            self.vacate(bucket);
        }
    }

    /// A slot whose deadline is `now` or earlier; its deadline is taken away. Amortised O(1).
    ///
    /// Exact: repeated until `None` it returns every such slot, in no order, and no other. A `now` may lie before
    /// an earlier one; then, and only then, it costs a look at every deadline that was in the past when it was set.
    pub(crate) fn pop(&mut self, now: u64) -> Option<Slot> {
        let slot = self.find(now)?;
        self.remove(slot);
        Some(slot)
    }

    /// A slot whose deadline is `now` or earlier, after moving time up to the first bucket due as often as that helps.
    fn find(&mut self, now: u64) -> Option<Slot> {
        if let Some(late) = self.find_late(now) {
            return Some(late);
        }
        loop {
            let level = self.levels.trailing_zeros() as usize;
            if level >= LEVELS {
                return None;
            }
            let digit = self.occupied[level].trailing_zeros() as usize;
            let start = self.start(level, digit);
            if start > now {
                return None;
            }
            let bucket = level * DIGITS + digit;
            let head = self.heads[bucket];
            let Node { deadline, next, .. } = self.nodes[head as usize];
            // The first bucket need not be spread to be understood when it ends before `now`, as it always does on
            // the lowest level, or holds one slot.
            let end = start | ((1 << (level * BITS)) - 1);
            if end <= now || next == NIL {
                return (deadline <= now).then_some(head);
            }
            self.time = start;
            self.spread(bucket);
        }
    }

    /// A slot whose deadline was in the past when it was set, and is for `now` too.
    fn find_late(&self, now: u64) -> Option<Slot> {
        if self.occupied[LEVELS] == 0 {
            return None;
        }
        let mut slot = self.heads[LATE];
        while slot != NIL && self.nodes[slot as usize].deadline > now {
            slot = self.nodes[slot as usize].next;
        }
        (slot != NIL).then_some(slot)
    }

    /// Moves the slots of `bucket`, which time has just entered, to lower levels.
    fn spread(&mut self, bucket: usize) {
        let mut slot = std::mem::replace(&mut self.heads[bucket], NIL);
        self.vacate(bucket);
        while slot != NIL {
            let Node { deadline, next, .. } = self.nodes[slot as usize];
            self.link(self.bucket(deadline), slot);
            slot = next;
        }
    }

    /// Where a deadline hangs. It changes only when time enters the bucket: so no slot has to remember it.
    fn bucket(&self, deadline: u64) -> usize {
        if deadline < self.time {
            return LATE;
        }
        let differs = (deadline ^ self.time) | 1;
        let level = differs.ilog2() as usize / BITS;
        let digit = (deadline >> (level * BITS)) as usize % DIGITS;
        level * DIGITS + digit
    }

    /// The earliest deadline that a bucket can hold: time, with one digit replaced and those below it cleared.
    fn start(&self, level: usize, digit: usize) -> u64 {
        let shift = level * BITS;
        (((self.time >> shift) & !(DIGITS as u64 - 1)) | digit as u64) << shift
    }

    /// Hangs `slot`, which is in no bucket, in front of a bucket.
    fn link(&mut self, bucket: usize, slot: Slot) {
        let next = std::mem::replace(&mut self.heads[bucket], slot);
        let node = &mut self.nodes[slot as usize];
        (node.prev, node.next) = (NIL, next);
        if next != NIL {
            self.nodes[next as usize].prev = slot;
            return;
        }
        self.occupied[bucket / DIGITS] |= 1 << (bucket % DIGITS);
        self.levels |= 1 << (bucket / DIGITS);
    }

    /// Notes that a bucket has become empty.
    fn vacate(&mut self, bucket: usize) {
        let level = bucket / DIGITS;
        self.occupied[level] &= !(1 << (bucket % DIGITS));
        if self.occupied[level] == 0 {
            self.levels &= !(1 << level);
        }
    }

    /// Makes room for every slot up to `slot`, and for the buckets.
    fn grow(&mut self, slot: Slot) {
        debug_assert!(slot != NIL, "the highest number marks the end of a bucket");
        if self.heads.is_empty() {
            self.heads = vec![NIL; LATE + 1];
        }
        if self.nodes.len() <= slot as usize {
            self.nodes.resize(slot as usize + 1, Node { deadline: NEVER, prev: NIL, next: NIL });
        }
    }
}

#[cfg(test)]
#[path = "expiry_tests.rs"]
mod tests;
