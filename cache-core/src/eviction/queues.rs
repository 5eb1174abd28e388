//! The queues among which an algorithm divides the slots.

use super::Slot;

/// `N` queues of slots, each slot in one of them or in none, kept in one vector: 16 bytes a slot, no pointers,
/// no allocation for a slot seen before.
///
/// Each queue is a ring through a node of its own, which stands for both of its ends: queue `q` is node `q`, and slot `s`
/// is node `s + N`. What an algorithm reads of an entry when its turn comes lies in the same 16 bytes.
#[derive(Debug)]
pub(crate) struct Queues<const N: usize> {
    ring: Vec<Node>,
    len: [usize; N],
}

#[derive(Clone, Copy, Debug)]
struct Node {
    /// Towards the front.
    prev: u32,
    /// Towards the back.
    next: u32,
    print: Print,
    queue: u8,
}

/// What is left of a hash to tell entries apart by: bits that are all as good as random.
pub(crate) type Print = u32;

/// The print of an entry that hashes to `hash`.
pub(crate) fn print(hash: u64) -> Print {
    // Every bit of the upper half depends on those below it, so that numbers in a row become prints all over the range.
    ((hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as Print
}

/// Room for so many slots is taken at once if they are expected: to move them while the cache fills would take milliseconds.
const AT_ONCE: usize = 1 << 20;

impl<const N: usize> Queues<N> {
    /// Empty queues for about `expected` slots.
    pub(crate) fn new(expected: usize) -> Self {
        let mut ring = Vec::with_capacity(N + expected.min(AT_ONCE));
        ring.extend((0..N as u32).map(|at| Node { prev: at, next: at, print: 0, queue: at as u8 }));
        Queues { ring, len: [0; N] }
    }

    /// How many slots are in `queue`.
    pub(crate) fn len(&self, queue: usize) -> usize {
        self.len[queue]
    }

    /// How many slots are in any queue.
    pub(crate) fn total(&self) -> usize {
        self.len.iter().sum()
    }

    /// The slot at the back of `queue`: the one that was there longest.
    pub(crate) fn back(&self, queue: usize) -> Option<Slot> {
        self.ring[queue].prev.checked_sub(N as u32)
    }

    /// The queue of `slot`, which is in one.
    pub(crate) fn queue(&self, slot: Slot) -> usize {
        usize::from(self.ring[node::<N>(slot)].queue)
    }

    /// The print of `slot`, which is in a queue.
    pub(crate) fn print(&self, slot: Slot) -> Print {
        self.ring[node::<N>(slot)].print
    }

    /// Puts `slot`, which is in no queue, at the front of `queue`.
    pub(crate) fn insert(&mut self, queue: usize, slot: Slot, print: Print) {
        debug_assert!(slot < Slot::MAX - N as u32, "the highest numbers would be nodes of ends");
        for at in self.ring.len()..=node::<N>(slot) {
            self.ring.push(Node { prev: at as u32, next: at as u32, print: 0, queue: 0 });
        }
        debug_assert!(self.ring[node::<N>(slot)].next as usize == node::<N>(slot), "a slot is in one queue");
        self.ring[node::<N>(slot)].print = print;
        self.link(queue, slot);
    }

    /// Moves `slot`, which is in some queue, to the front of `queue`.
    pub(crate) fn move_to(&mut self, queue: usize, slot: Slot) {
        self.unlink(slot);
        self.link(queue, slot);
    }

    /// Takes `slot`, which is in a queue, out of it.
    pub(crate) fn remove(&mut self, slot: Slot) {
        self.unlink(slot);
        let at = node::<N>(slot);
        self.ring[at].prev = at as u32;
        self.ring[at].next = at as u32;
    }

    /// Closes the ring over the place of `slot`, whose own links are not valid afterwards.
    fn unlink(&mut self, slot: Slot) {
        let Node { prev, next, queue, .. } = self.ring[node::<N>(slot)];
        debug_assert!(next as usize != node::<N>(slot), "a slot that moves or leaves is in a queue");
        self.ring[prev as usize].next = next;
        self.ring[next as usize].prev = prev;
        self.len[usize::from(queue)] -= 1;
    }

    fn link(&mut self, queue: usize, slot: Slot) {
        let at = node::<N>(slot);
        let next = std::mem::replace(&mut self.ring[queue].next, at as u32);
        self.ring[next as usize].prev = at as u32;
        let node = &mut self.ring[at];
        (node.prev, node.next, node.queue) = (queue as u32, next, queue as u8);
        self.len[queue] += 1;
    }
}

/// The node of a slot.
fn node<const N: usize>(slot: Slot) -> usize {
    slot as usize + N
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    proptest! {
        #[test]
        fn keep_the_orders_of_deques(operations in vec((0..3u8, 0..3usize, 0..12 as Slot), 0..400)) {
            let (mut queues, mut deques) = (Queues::<3>::new(4), [const { VecDeque::<Slot>::new() }; 3]);
            for (what, queue, slot) in operations {
                let home = deques.iter().position(|deque| deque.contains(&slot));
                if let (1.., Some(home)) = (what, home) {
                    prop_assert_eq!((queues.queue(slot), queues.print(slot)), (home, slot * 7));
                    deques[home].retain(|&s| s != slot);
                }
                match (what, home) {
                    (0, None) => queues.insert(queue, slot, slot * 7),
                    (1, Some(_)) => queues.move_to(queue, slot),
                    (2, Some(_)) => queues.remove(slot),
                    _ => continue,
                }
                if what < 2 {
                    deques[queue].push_front(slot);
                }
                for (queue, deque) in deques.iter().enumerate() {
                    prop_assert_eq!((queues.len(queue), queues.back(queue)), (deque.len(), deque.back().copied()));
                }
                prop_assert_eq!(queues.total(), deques.iter().map(VecDeque::len).sum::<usize>());
            }
            for (queue, deque) in deques.iter_mut().enumerate() {
                while let Some(slot) = queues.back(queue) {
                    prop_assert_eq!(Some(slot), deque.pop_back());
                    queues.remove(slot);
                }
                prop_assert!(deque.is_empty());
            }
        }
    }
}
