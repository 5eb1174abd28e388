//! Least frequently used, in constant time.
//!
//! Shah, Mitra and Matani, "An O(1) algorithm for implementing the LFU cache eviction scheme", 2010,
//! <https://arxiv.org/abs/2110.11602>.

use super::list::{AT_ONCE, List};
use super::{Eviction, Marks, Slot, Trace};

/// Uses are counted since insertion; among the least used the least recently used leaves.
///
/// The buckets of the paper, one list for each count, lie end to end in one list: the back of it leaves,
/// and the bucket of the next count begins where one's own ends.
/// Costs 12 bytes a slot, and 16 to 20 for each count that occurs.
#[derive(Debug)]
pub(crate) struct Lfu {
    order: List,
    /// The bucket of each slot, as an index of `buckets`.
    bucket: Vec<u32>,
    buckets: Vec<Bucket>,
    /// Indices of `buckets` that are not in use.
    free: Vec<u32>,
}

/// The slots with the same count: neighbours in the order.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    count: u64,
    /// The most recently used of them.
    front: Slot,
    len: u32,
}

impl Lfu {
    /// Nobody yet, and about `expected` entries to come.
    pub(crate) fn new(expected: usize) -> Self {
        Lfu {
            order: List::new(expected),
            bucket: Vec::with_capacity(expected.min(AT_ONCE)),
            buckets: Vec::new(),
            free: Vec::new(),
        }
    }
}

impl Eviction for Lfu {
    fn trace(&self) -> Trace {
        Trace::Log
    }

    fn touch(&mut self, slot: Slot) {
        let from = self.bucket[slot as usize];
        let Bucket { count, front, len } = self.buckets[from as usize];
        let ahead = self.order.prev(front).map(|slot| self.bucket[slot as usize]);
        let into = ahead.filter(|&ahead| self.buckets[ahead as usize].count == count + 1);
        match into {
            Some(into) => {
                self.leave(slot);
                self.order.move_before(self.buckets[into as usize].front, slot);
                self.join(into, slot);
            }
            None if len == 1 => self.buckets[from as usize].count = count + 1,
            None => {
                self.leave(slot);
                if slot != front {
                    self.order.move_before(front, slot);
                }
                self.found(count + 1, slot);
            }
        }
    }

    fn evict(&mut self, _: &dyn Marks, _: u64) -> Option<Slot> {
        let slot = self.order.back()?;
        self.remove(slot);
        Some(slot)
    }

    fn insert(&mut self, slot: Slot, _: u64, _: u64) {
        if self.bucket.len() <= slot as usize {
            self.bucket.resize(slot as usize + 1, 0);
        }
        let lowest = self.order.back().map(|back| self.bucket[back as usize]);
        match lowest.filter(|&lowest| self.buckets[lowest as usize].count == 1) {
            Some(ones) => {
                self.order.insert_before(self.buckets[ones as usize].front, slot);
                self.join(ones, slot);
            }
            None => {
                self.order.push_back(slot);
                self.found(1, slot);
            }
        }
    }

    fn remove(&mut self, slot: Slot) {
        self.leave(slot);
        self.order.unlink(slot);
    }
}

impl Lfu {
    /// Takes `slot`, which is still linked, out of the account of its bucket.
    fn leave(&mut self, slot: Slot) {
        let index = self.bucket[slot as usize];
        let bucket = &mut self.buckets[index as usize];
        bucket.len -= 1;
        if bucket.len == 0 {
            self.free.push(index);
        } else if bucket.front == slot {
            bucket.front = self.order.next(slot).expect("the others of a bucket follow its front");
        }
    }

    /// Makes `slot`, which is linked before the front of bucket `index`, its most recently used.
    fn join(&mut self, index: u32, slot: Slot) {
        let bucket = &mut self.buckets[index as usize];
        bucket.front = slot;
        bucket.len += 1;
        self.bucket[slot as usize] = index;
    }

    /// Opens a bucket for `slot` alone, which is linked in its place.
    fn found(&mut self, count: u64, slot: Slot) {
        let bucket = Bucket { count, front: slot, len: 1 };
        let index = match self.free.pop() {
            Some(index) => {
                self.buckets[index as usize] = bucket;
                index
            }
            None => {
                self.buckets.push(bucket);
                self.buckets.len() as u32 - 1
            }
        };
        self.bucket[slot as usize] = index;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn buckets_are_used_again() {
        let mut lfu = Lfu::new(0);
        (0..5).for_each(|slot| lfu.insert(slot, 0, 0));
        for round in 0..100_000u32 {
            lfu.touch(round * 7 % 5);
            if round % 11 == 0 {
                lfu.remove(round % 5);
                lfu.insert(round % 5, 0, 0);
            }
        }
        assert!(lfu.buckets.len() <= 6, "{} buckets for five slots", lfu.buckets.len());
        assert!(lfu.free.len() <= 6, "{} free buckets for five slots", lfu.free.len());
    }
}
