#![expect(clippy::unwrap_used, reason = "tests")]

use super::{Expiry, NEVER};
use crate::eviction::Slot;
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeSet;

const SLOTS: Slot = 24;

/// The same written for the eye.
#[derive(Default)]
struct Model {
    deadlines: BTreeSet<(u64, Slot)>,
}

impl Model {
    fn remove(&mut self, slot: Slot) {
        self.deadlines.retain(|&(_, other)| other != slot);
    }

    fn set(&mut self, slot: Slot, deadline: u64) {
        self.remove(slot);
        if deadline != NEVER {
            self.deadlines.insert((deadline, slot));
        }
    }

    /// Takes `slot` if it is due.
    fn pop(&mut self, slot: Slot, now: u64) -> bool {
        let due = self.deadlines.iter().any(|&(deadline, other)| other == slot && deadline <= now);
        self.remove(slot);
        due
    }

    fn due(&self, now: u64) -> usize {
        self.deadlines.range(..=(now, Slot::MAX)).count()
    }
}

/// A number of any size: as many small ones as large ones.
fn sizes() -> impl Strategy<Value = u64> {
    (any::<u64>(), 0..64u32).prop_map(|(number, shift)| number >> shift)
}

#[derive(Clone, Debug)]
enum Operation {
    /// A deadline so long from now.
    In(Slot, u64),
    /// A deadline so long ago.
    Ago(Slot, u64),
    /// A deadline at a moment.
    At(Slot, u64),
    Remove(Slot),
    /// Time goes on, and so many are asked for.
    Advance(u64, usize),
    /// An old reading of the clock comes late, and so many are asked for.
    Stale(u64, usize),
}

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    let slot = || 0..SLOTS;
    let edges = prop_oneof![Just(0), Just(1), Just(u64::MAX - 1), Just(u64::MAX), sizes()];
    let one = prop_oneof![
        8 => (slot(), sizes()).prop_map(|(slot, by)| Operation::In(slot, by)),
        1 => (slot(), sizes()).prop_map(|(slot, by)| Operation::Ago(slot, by)),
        1 => (slot(), edges).prop_map(|(slot, at)| Operation::At(slot, at)),
        2 => slot().prop_map(Operation::Remove),
        // Small steps mostly, or the end of time comes soon.
        4 => (0..1u64 << 24, 0..4usize).prop_map(|(by, pops)| Operation::Advance(by, pops)),
        1 => (sizes(), 0..=SLOTS as usize + 1).prop_map(|(by, pops)| Operation::Advance(by >> 8, pops)),
        1 => (sizes(), 0..=SLOTS as usize + 1).prop_map(|(by, pops)| Operation::Stale(by, pops)),
    ];
    vec(one, 0..300)
}

/// Pops up to `pops` times; every answer is right.
fn pop(expiry: &mut Expiry, model: &mut Model, now: u64, pops: usize) {
    for _ in 0..pops {
        let Some(slot) = expiry.pop(now) else {
            assert_eq!(model.due(now), 0, "due at {now}, and not returned: {:?}", model.deadlines);
            return;
        };
        assert!(model.pop(slot, now), "slot {slot} was not due at {now}");
    }
}

fn agrees(start: u64, operations: Vec<Operation>) {
    let (mut expiry, mut model, mut now) = (Expiry::default(), Model::default(), start);
    let set = |expiry: &mut Expiry, model: &mut Model, slot, deadline| {
        expiry.set(slot, deadline);
        model.set(slot, deadline);
    };
    for operation in operations {
        match operation {
            Operation::In(slot, by) => set(&mut expiry, &mut model, slot, now.saturating_add(by)),
            Operation::Ago(slot, by) => set(&mut expiry, &mut model, slot, now.saturating_sub(by)),
            Operation::At(slot, at) => set(&mut expiry, &mut model, slot, at),
            Operation::Remove(slot) => {
                expiry.remove(slot);
                model.remove(slot);
            }
            Operation::Advance(by, pops) => {
                now = now.saturating_add(by);
                pop(&mut expiry, &mut model, now, pops);
            }
            Operation::Stale(by, pops) => pop(&mut expiry, &mut model, now.saturating_sub(by), pops),
        }
        assert_eq!(expiry.is_empty(), model.deadlines.is_empty());
    }
    pop(&mut expiry, &mut model, u64::MAX - 1, usize::MAX);
    assert!(expiry.is_empty());
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1024))]

    #[test]
    fn pops_what_is_due_and_nothing_else(start in sizes(), operations in operations()) {
        agrees(start, operations);
    }
}

#[test]
fn expires_at_its_microsecond() {
    for deadline in [0, 1, 63, 64, 65, 4_095, 4_096, 1 << 36, 1 << 60, u64::MAX - 1] {
        let mut expiry = Expiry::default();
        expiry.set(9, deadline);
        if let Some(before) = deadline.checked_sub(1) {
            assert_eq!(expiry.pop(before), None, "{deadline} is early");
        }
        assert_eq!(expiry.pop(deadline), Some(9));
        assert_eq!(expiry.pop(u64::MAX), None);
        assert!(expiry.is_empty());
    }
}

#[test]
fn never_is_no_deadline() {
    let mut expiry = Expiry::default();
    expiry.set(0, NEVER);
    assert!(expiry.is_empty());
    expiry.set(0, 5);
    expiry.set(0, NEVER);
    assert!(expiry.is_empty());
    assert_eq!(expiry.pop(u64::MAX), None);
}

#[test]
fn what_is_absent_can_be_removed() {
    let mut expiry = Expiry::default();
    expiry.remove(1_000);
    expiry.set(3, 10);
    expiry.remove(1_000);
    expiry.remove(2);
    assert_eq!(expiry.pop(10), Some(3));
    expiry.remove(3);
    assert!(expiry.is_empty());
}

#[test]
fn refreshes_take_no_memory() {
    let mut expiry = Expiry::default();
    (0..5).for_each(|slot| expiry.set(slot, 1));
    let taken = (expiry.nodes.capacity(), expiry.heads.capacity());
    for step in 0..1_000_000u64 {
        // Refreshed a little, much, and into the past; with pops, so that time moves too.
        expiry.set((step % 5) as Slot, (step * 10 + (1 << (step % 50))).saturating_sub(step % 7));
        if step % 64 == 0 {
            _ = expiry.pop(step * 10);
        }
    }
    assert_eq!((expiry.nodes.capacity(), expiry.heads.capacity()), taken);
    assert_eq!(std::iter::from_fn(|| expiry.pop(u64::MAX)).count(), 5);
}

#[test]
fn a_jump_over_all_deadlines_returns_each_once() {
    let mut expiry = Expiry::default();
    for slot in 0..10_000 {
        expiry.set(slot, u64::from(slot).pow(4));
    }
    let mut popped: Vec<Slot> = std::iter::from_fn(|| expiry.pop(u64::MAX - 1)).collect();
    // Steps of one tick would not come back from here, for the last deadline is at 10 to the 16th.
    assert_eq!(popped.len(), 10_000);
    popped.sort_unstable();
    popped.dedup();
    assert_eq!(popped.len(), 10_000);
    assert_eq!(popped.first().copied().unwrap(), 0);
}
