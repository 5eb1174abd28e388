#![expect(clippy::unwrap_used, reason = "tests")]

mod models;

use super::{EPOCH_BITS, Marks, Policy, Slot, Trace};
use crate::sync::AtomicU64;
use models::{Model, model};
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::HashMap;

/// A cache that holds keys alone and asks both who leaves.
struct Play {
    policy: Box<dyn super::Eviction>,
    marks: Vec<AtomicU64>,
    ticks: u64,
    model: Box<dyn Model>,
    slots: HashMap<u32, Slot>,
    keys: Vec<u32>,
    free: Vec<Slot>,
    capacity: usize,
}

impl Play {
    fn new(policy: Policy, capacity: usize) -> Self {
        Play {
            policy: policy.build(capacity, 7),
            marks: Vec::new(),
            ticks: 0,
            model: model(policy),
            slots: HashMap::new(),
            keys: Vec::new(),
            free: Vec::new(),
            capacity,
        }
    }

    /// Whether it was a hit.
    fn get_or_insert(&mut self, key: u32) -> bool {
        if let Some(&slot) = self.slots.get(&key) {
            self.model.touch(key);
            self.ticks += 1;
            match self.policy.trace() {
                Trace::Nothing => {}
                Trace::Stamp => self.marks.set(slot, self.ticks),
                Trace::Count(most) => self.marks.set(slot, (self.marks.get(slot) + 1).min(u64::from(most))),
                Trace::Log => self.policy.touch(slot),
            }
            return true;
        }
        if self.slots.len() == self.capacity {
            self.evict(u64::from(key));
        }
        let slot = self.free.pop().unwrap_or_else(|| {
            self.keys.push(key);
            self.keys.len() as Slot - 1
        });
        self.keys[slot as usize] = key;
        self.slots.insert(key, slot);
        self.ticks += 1 << EPOCH_BITS;
        self.marks.resize_with(self.keys.len(), AtomicU64::default);
        let mark = if self.policy.trace() == Trace::Stamp { self.ticks } else { 0 };
        self.marks.set(slot, mark);
        self.policy.insert(slot, mark, u64::from(key));
        self.model.insert(key);
        false
    }

    fn remove(&mut self, key: u32) {
        let Some(slot) = self.slots.remove(&key) else { return };
        self.policy.remove(slot);
        self.model.remove(key);
        self.free.push(slot);
    }

    /// Whether somebody left; and it was the right one.
    fn evict(&mut self, incoming: u64) -> bool {
        let Some(slot) = self.policy.evict(&self.marks, incoming) else {
            assert!(self.slots.is_empty(), "nobody left, and {} are there", self.slots.len());
            return false;
        };
        let key = self.keys[slot as usize];
        assert_eq!(self.slots.remove(&key), Some(slot), "slot {slot} was free");
        assert_eq!(key, self.model.evict(key));
        self.free.push(slot);
        true
    }
}

/// A capacity, and operations: what to do out of 16, and a number for the key.
fn games() -> impl Strategy<Value = (usize, Vec<(u8, u32)>)> {
    (1..=200usize).prop_flat_map(|capacity| {
        // Both ends of the range of hit ratios: keys that nearly fit, and many more than fit.
        let keys = prop_oneof![Just(capacity as u32 + 1), Just(3 * capacity as u32 + 1)];
        keys.prop_flat_map(move |keys| (Just(capacity), vec((0..16u8, 0..keys), 0..1200)))
    })
}

fn agrees(policy: Policy, (capacity, operations): (usize, Vec<(u8, u32)>)) {
    let mut play = Play::new(policy, capacity);
    for (what, key) in operations {
        match what {
            0 => play.remove(key),
            1 => _ = play.evict(u64::from(key)),
            _ => _ = play.get_or_insert(key),
        }
        assert!(play.slots.len() <= capacity);
    }
    while play.evict(0) {}
}

proptest! {
    #[test]
    fn lru_evicts_as_its_model(game in games()) {
        agrees(Policy::Lru, game);
    }

    #[test]
    fn mru_evicts_as_its_model(game in games()) {
        agrees(Policy::Mru, game);
    }

    #[test]
    fn fifo_evicts_as_its_model(game in games()) {
        agrees(Policy::Fifo, game);
    }

    #[test]
    fn lfu_evicts_as_its_model(game in games()) {
        agrees(Policy::Lfu, game);
    }

    #[test]
    fn random_evicts_members(game in games()) {
        agrees(Policy::Random, game);
    }

    #[test]
    fn sieve_evicts_as_its_model(game in games()) {
        agrees(Policy::Sieve, game);
    }

    #[test]
    fn s3_fifo_evicts_as_its_model(game in games()) {
        agrees(Policy::S3Fifo, game);
    }

    #[test]
    fn tenure_evicts_members(game in games()) {
        agrees(Policy::Tenure, game);
    }

    #[test]
    fn tiny_lfu_evicts_as_its_model(game in games()) {
        agrees(Policy::TinyLfu, game);
    }
}

#[test]
fn lru_hits_and_misses_as_functools() {
    let recorded = include_str!("functools.txt").lines().filter(|line| !line.starts_with('#'));
    let mut calls = 0;
    for line in recorded {
        let (maxsize, line) = line.split_once(": ").unwrap();
        let mut play = Play::new(Policy::Lru, maxsize.parse().unwrap());
        for (at, call) in line.split(' ').enumerate() {
            let (key, hit) = call.split_at(call.len() - 1);
            assert_eq!(play.get_or_insert(key.parse().unwrap()), hit == "+", "call {at} at maxsize {maxsize}");
            calls += 1;
        }
    }
    assert!(calls > 300, "only {calls} calls were recorded");
}

/// The slots that leave when each is put back at once.
fn random_choices(seed: u64, slots: Slot, rounds: usize) -> Vec<Slot> {
    let mut policy = Policy::Random.build(0, seed);
    let marks: Vec<AtomicU64> = (0..slots).map(|_| AtomicU64::default()).collect();
    (0..slots).for_each(|slot| policy.insert(slot, 0, 0));
    let mut choose = || {
        let slot = policy.evict(&marks, 0).unwrap();
        policy.insert(slot, 0, 0);
        slot
    };
    (0..rounds).map(|_| choose()).collect()
}

#[test]
fn random_is_uniform() {
    for seed in [0, 1, 2, u64::MAX, 0x9e37_79b9_7f4a_7c15] {
        let mut counts = [0u32; 20];
        for slot in random_choices(seed, 20, 40_000) {
            counts[slot as usize] += 1;
        }
        let chi: f64 = counts.iter().map(|&count| (f64::from(count) - 2000.0).powi(2) / 2000.0).sum();
        // With 19 degrees of freedom one in a thousand fair dice is above.
        assert!(chi < 43.8, "chi-square is {chi} with seed {seed}: {counts:?}");
    }
}

#[test]
fn random_follows_its_seed() {
    assert_eq!(random_choices(3, 50, 100), random_choices(3, 50, 100));
    assert_ne!(random_choices(3, 50, 100), random_choices(4, 50, 100));
}

#[test]
fn sieve_keeps_its_hand_when_others_are_removed() {
    let mut policy = Policy::Sieve.build(0, 0);
    let marks: Vec<AtomicU64> = (0..6).map(|_| AtomicU64::default()).collect();
    (0..6).for_each(|slot| policy.insert(slot, 0, 0));
    marks.set(0, 1);
    assert_eq!(policy.evict(&marks, 0), Some(1));
    // The hand has passed 0 and stands at 2.
    policy.remove(4);
    assert_eq!(policy.evict(&marks, 0), Some(2));
    policy.remove(3);
    assert_eq!(policy.evict(&marks, 0), Some(5));
    assert_eq!(policy.evict(&marks, 0), Some(0));
    assert_eq!(policy.evict(&marks, 0), None);
}

/// Marks that other threads raise again as soon as they are read.
struct Busy;

impl Marks for Busy {
    fn get(&self, _: Slot) -> u64 {
        3
    }
    fn set(&self, _: Slot, _: u64) {}
}

#[test]
fn somebody_leaves_however_many_hits_there_are() {
    for policy in [Policy::Sieve, Policy::S3Fifo, Policy::TinyLfu, Policy::Tenure] {
        let mut policy = policy.build(0, 0);
        (0..100).for_each(|slot| policy.insert(slot, 3, u64::from(slot)));
        for left in (0..100).rev() {
            policy.evict(&Busy, 1_000).unwrap();
            policy.insert(100 + left, 3, u64::from(left));
            policy.remove(100 + left);
        }
        assert_eq!(policy.evict(&Busy, 1_000), None);
    }
}
