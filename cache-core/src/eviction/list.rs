//! The doubly linked list over slot numbers that the algorithms share.

use super::Slot;

/// An order of slots from front to back, kept in one vector: 8 bytes a slot, no pointers, no allocation for a slot seen before.
///
/// The links form a ring through node 0, which stands for both ends, and slot `s` is node `s + 1`.
/// So linking and unlinking never ask whether a neighbour exists, and a slot outside the list is a ring of its own:
/// unlinking it changes nothing.
#[derive(Debug)]
pub(crate) struct List {
    ring: Vec<Link>,
}

#[derive(Clone, Copy, Debug)]
struct Link {
    /// Towards the front.
    prev: u32,
    /// Towards the back.
    next: u32,
}

/// The node before the front and behind the back.
const ENDS: u32 = 0;

/// Slots for which room is made at once: more would be taken even if it is never used.
pub(crate) const AT_ONCE: usize = 1 << 20;

impl List {
    /// An empty list; room for about `expected` slots is made at once, so that it need not be moved as it grows.
    pub(crate) fn new(expected: usize) -> Self {
        let mut ring = Vec::with_capacity(1 + expected.min(AT_ONCE));
        ring.push(Link { prev: ENDS, next: ENDS });
        List { ring }
    }

    /// The slot at the front.
    pub(crate) fn front(&self) -> Option<Slot> {
        slot(self.ring[ENDS as usize].next)
    }

    /// The slot at the back.
    pub(crate) fn back(&self) -> Option<Slot> {
        slot(self.ring[ENDS as usize].prev)
    }

    /// The neighbour of `of` towards the front.
    pub(crate) fn prev(&self, of: Slot) -> Option<Slot> {
        debug_assert!(self.contains(of), "a slot outside the list has no neighbours");
        slot(self.ring[node(of) as usize].prev)
    }

    /// The neighbour of `of` towards the back.
    pub(crate) fn next(&self, of: Slot) -> Option<Slot> {
        debug_assert!(self.contains(of), "a slot outside the list has no neighbours");
        slot(self.ring[node(of) as usize].next)
    }

    /// Whether `slot` is linked.
    pub(crate) fn contains(&self, slot: Slot) -> bool {
        self.ring.get(node(slot) as usize).is_some_and(|link| link.next != node(slot))
    }

    /// Links `slot`, which is not in the list, at the front.
    pub(crate) fn push_front(&mut self, slot: Slot) {
        self.grow(slot);
        self.link(node(slot), self.ring[ENDS as usize].next);
    }

    /// Links `slot`, which is not in the list, at the back.
    pub(crate) fn push_back(&mut self, slot: Slot) {
        self.grow(slot);
        self.link(node(slot), ENDS);
    }

    /// Links `slot`, which is not in the list, next to `at` on the side of the front.
    pub(crate) fn insert_before(&mut self, at: Slot, slot: Slot) {
        debug_assert!(self.contains(at), "a slot is linked beside a linked one");
        self.grow(slot);
        self.link(node(slot), node(at));
    }

    /// Takes `slot`, which is in the list, out of it.
    pub(crate) fn unlink(&mut self, slot: Slot) {
        debug_assert!(self.contains(slot), "a slot is unlinked once");
        let at = node(slot);
        let Link { prev, next } = self.ring[at as usize];
        self.ring[prev as usize].next = next;
        self.ring[next as usize].prev = prev;
        self.ring[at as usize] = Link { prev: at, next: at };
    }

    /// Makes `slot`, which is in the list, its front.
    #[inline]
    pub(crate) fn move_to_front(&mut self, slot: Slot) {
        let front = self.ring[ENDS as usize].next;
        // Hits on what was used last are the most frequent ones, and change nothing.
        if front != node(slot) {
            self.relink(node(slot), Link { prev: ENDS, next: front });
        }
    }

    /// Moves `slot` next to `at`, both in the list and not the same, on the side of the front.
    pub(crate) fn move_before(&mut self, at: Slot, slot: Slot) {
        debug_assert!(at != slot && self.contains(at), "a slot is moved beside another linked one");
        let prev = self.ring[node(at) as usize].prev;
        if prev != node(slot) {
            self.relink(node(slot), Link { prev, next: node(at) });
        }
    }

    /// Moves node `at` between two neighbours, neither of which it is.
    ///
    /// One step rather than `unlink` and `link`, which would wait for each other: what the one writes, the other reads.
    fn relink(&mut self, at: u32, to: Link) {
        let from = std::mem::replace(&mut self.ring[at as usize], to);
        debug_assert!(from.next != at, "a slot is moved while it is linked");
        self.ring[from.prev as usize].next = from.next;
        self.ring[from.next as usize].prev = from.prev;
        self.ring[to.prev as usize].next = at;
        self.ring[to.next as usize].prev = at;
    }

    /// Links node `at` between `next` and the node before it.
    fn link(&mut self, at: u32, next: u32) {
        debug_assert!(self.ring[at as usize].next == at, "a slot is linked once");
        let prev = self.ring[next as usize].prev;
        self.ring[at as usize] = Link { prev, next };
        self.ring[prev as usize].next = at;
        self.ring[next as usize].prev = at;
    }

    /// Makes room for every slot up to `slot`.
    fn grow(&mut self, slot: Slot) {
        debug_assert!(slot < Slot::MAX, "the highest number would be the node of both ends");
        for at in self.ring.len() as u32..=node(slot) {
            self.ring.push(Link { prev: at, next: at });
        }
    }
}

/// The node of a slot.
fn node(slot: Slot) -> u32 {
    slot + 1
}

/// The slot of a node, unless it stands for the ends.
fn slot(node: u32) -> Option<Slot> {
    node.checked_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use std::collections::VecDeque;

    proptest! {
        #[test]
        fn keeps_the_order_of_a_deque(operations in vec((0..6u8, 0..12 as Slot, 0..12 as Slot), 0..400)) {
            let (mut list, mut deque) = (List::new(0), VecDeque::new());
            for (what, slot, at) in operations {
                let place = deque.iter().position(|&s| s == slot);
                let beside = deque.iter().position(|&s| s == at);
                prop_assert_eq!(list.contains(slot), place.is_some());
                match (what, place, beside) {
                    (0, None, _) => {
                        list.push_front(slot);
                        deque.push_front(slot);
                    }
                    (1, None, _) => {
                        list.push_back(slot);
                        deque.push_back(slot);
                    }
                    (2, None, Some(beside)) => {
                        list.insert_before(at, slot);
                        deque.insert(beside, slot);
                    }
                    (3, Some(place), _) => {
                        list.unlink(slot);
                        deque.remove(place);
                    }
                    (4, Some(place), _) => {
                        list.move_to_front(slot);
                        deque.remove(place);
                        deque.push_front(slot);
                    }
                    (5, Some(place), Some(beside)) if place != beside => {
                        list.move_before(at, slot);
                        deque.remove(place);
                        deque.insert(if place < beside { beside - 1 } else { beside }, slot);
                    }
                    _ => {}
                }
                let forth: VecDeque<_> = std::iter::successors(list.front(), |&s| list.next(s)).collect();
                let back: VecDeque<_> = std::iter::successors(list.back(), |&s| list.prev(s)).collect();
                prop_assert_eq!(&forth, &deque);
                prop_assert!(back.iter().rev().eq(&deque));
            }
        }
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "a slot is linked once")]
    fn notices_a_slot_linked_twice() {
        let mut list = List::new(0);
        list.push_front(3);
        list.push_front(4);
        list.push_back(3);
    }

    #[test]
    #[cfg(debug_assertions)]
    #[should_panic(expected = "a slot is unlinked once")]
    fn notices_a_slot_unlinked_twice() {
        let mut list = List::new(0);
        list.push_front(3);
        list.unlink(3);
        list.unlink(3);
    }
}
