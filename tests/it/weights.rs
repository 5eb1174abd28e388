//! Bounds by weight.

#![expect(clippy::unwrap_used, reason = "tests")]

use crate::watchdog::within;
use memolith::{Cache, CacheBuilder, Policy};
use proptest::collection::vec;
use proptest::prelude::*;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::thread;

fn weighed(max: u64) -> Cache<u64, u64> {
    Cache::builder().maxsize(None).max_bytes(max).weigher(|_, value| *value).build()
}

#[test]
fn one_heavy_entry_evicts_many_light_ones() {
    let cache = weighed(100);
    (0..10).for_each(|key| cache.insert(key, 10));
    assert_eq!(cache.len(), 10);
    cache.insert(10, 95);
    assert_eq!((cache.len(), cache.get(&10), cache.info().evictions), (1, Some(95), 10));
    cache.insert(11, 5);
    assert_eq!(cache.len(), 2);
    cache.insert(12, 1);
    assert_eq!((cache.len(), cache.get(&10)), (2, None));
}

#[test]
fn what_is_heavier_than_the_bound_is_returned_and_not_kept() {
    let cache = weighed(100);
    cache.insert(1, 50);
    assert_eq!(cache.get_or_insert_with(&2, || 101), 101);
    cache.insert(3, u64::MAX);
    assert_eq!((cache.get(&2), cache.get(&3), cache.get(&1)), (None, None, Some(50)));
    // The old value of the key is not the right answer any more.
    cache.insert(1, 200);
    assert_eq!((cache.get(&1), cache.len()), (None, 0));
    cache.insert(1, 100);
    assert_eq!(cache.get(&1), Some(100));
}

#[test]
fn weightless_entries_are_bounded_by_count_alone() {
    let cache = Cache::<u64, u64>::builder().maxsize(5).max_bytes(0).weigher(|_, value| *value).build();
    (0..10).for_each(|key| cache.insert(key, 0));
    cache.insert(20, 1);
    assert_eq!((cache.len(), cache.get(&20)), (5, None));
}

#[test]
fn a_weigher_that_panics_hands_the_key_on() {
    let cache = Cache::<u64, u64>::builder()
        .max_bytes(100)
        .weigher(|_, value| if *value == 13 { panic!("planned") } else { *value })
        .build();
    cache.insert(1, 90);
    assert!(catch_unwind(AssertUnwindSafe(|| cache.get_or_insert_with(&2, || 13))).is_err());
    assert!(catch_unwind(AssertUnwindSafe(|| cache.insert(1, 13))).is_err());
    assert_eq!(cache.get_or_insert_with(&2, || 10), 10);
    assert_eq!((cache.get(&1), cache.get(&2), cache.len()), (Some(90), Some(10), 2));
}

proptest! {
    #[test]
    fn the_sum_of_weights_is_exact(
        max in 0..60u64,
        maxsize in proptest::option::of(0..8usize),
        steps in vec((0..4u8, 0..10u64, 0..30u64), 0..120),
    ) {
        let cache = Cache::<u64, u64>::builder()
            .maxsize(maxsize)
            .policy(Policy::Lru)
            .max_bytes(max)
            .weigher(|_, value| *value)
            .build();
        // Least recently used first.
        let mut model: Vec<(u64, u64)> = Vec::new();
        for (operation, key, weight) in steps {
            match operation {
                0 => {
                    let at = model.iter().position(|(other, _)| *other == key);
                    at.into_iter().for_each(|at| {
                        let entry = model.remove(at);
                        model.push(entry);
                    });
                    assert_eq!(cache.get(&key), at.and_then(|_| model.last()).map(|(_, value)| *value));
                }
                1 => {
                    cache.remove(&key).unwrap();
                    model.retain(|(other, _)| *other != key);
                }
                _ if maxsize == Some(0) => cache.insert(key, weight),
                _ => {
                    cache.insert(key, weight);
                    model.retain(|(other, _)| *other != key);
                    if weight > max {
                        continue;
                    }
                    while model.len() >= maxsize.unwrap_or(usize::MAX)
                        || model.iter().map(|(_, value)| value).sum::<u64>() + weight > max
                    {
                        model.remove(0);
                    }
                    model.push((key, weight));
                }
            }
            assert_eq!(cache.len(), model.len());
            model.iter().for_each(|(key, _)| assert!(cache.contains(key)));
        }
    }
}

#[test]
fn one_entry_may_weigh_as_much_as_the_bound() {
    const MAX: u64 = 1 << 30;
    for policy in Policy::ALL {
        let cache = Cache::<u64, u64>::builder()
            .maxsize(100_000)
            .policy(*policy)
            .max_bytes(MAX)
            .weigher(|_, value| *value)
            .build();
        (0..1_000).for_each(|key| cache.insert(key, 1));
        cache.insert(1_000, MAX);
        assert_eq!((cache.get(&1_000), cache.len(), cache.info().evictions), (Some(MAX), 1, 1_000), "{policy:?}");
        cache.insert(1_001, MAX - 1);
        cache.insert(1_002, 1);
        assert_eq!((cache.get(&1_001), cache.get(&1_002)), (Some(MAX - 1), Some(1)), "{policy:?}");
    }
}

#[test]
fn without_a_bound_nothing_weighs_anything() {
    let cache = Cache::<u64, u64>::builder().weigher(|_, value| *value).build();
    (0..100).for_each(|key| cache.insert(key, u64::MAX));
    assert_eq!((cache.len(), cache.info().evictions), (100, 0));
}

/// A value that says how much memory is held.
struct Held(u64, Arc<AtomicU64>);

impl Held {
    fn new(weight: u64, held: &Arc<AtomicU64>) -> Self {
        held.fetch_add(weight, Relaxed);
        Held(weight, Arc::clone(held))
    }
}

impl Clone for Held {
    fn clone(&self) -> Self {
        Held::new(self.0, &self.1)
    }
}

impl Drop for Held {
    fn drop(&mut self) {
        self.1.fetch_sub(self.0, Relaxed);
    }
}

/// The most that two threads which insert, and one that reads, ever held.
fn most_held(builder: CacheBuilder<u64, Held>, heaviest: u64) -> u64 {
    let (held, done) = (Arc::new(AtomicU64::new(0)), AtomicBool::new(false));
    let cache = builder.build();
    thread::scope(|scope| {
        let (cache, held, done) = (&cache, &held, &done);
        let inserts = |thread: u64| {
            let mut most = 0;
            for step in 0..20_000 {
                let weight = (step * 7 + thread) % heaviest + 1;
                cache.insert(step * 13 % 1_000 + thread, Held::new(weight, held));
                most = most.max(held.load(Relaxed));
            }
            most
        };
        let reader = scope.spawn(move || {
            for key in (0..1_000).cycle().take_while(|_| !done.load(Relaxed)) {
                cache.get(&key);
            }
        });
        let one = scope.spawn(move || inserts(0));
        let most = inserts(1).max(one.join().unwrap());
        done.store(true, Relaxed);
        reader.join().unwrap();
        most
    })
}

#[test]
fn what_has_left_is_soon_dropped() {
    const HEAVIEST: u64 = 500;
    // What is being inserted, dropped or copied by each thread, and what waits.
    const WAITING: u64 = 64_000 / 64 + HEAVIEST;
    within(60, || {
        let weighed = Cache::<u64, Held>::builder().maxsize(None).max_bytes(64_000).weigher(|_, value| value.0);
        let most = most_held(weighed, HEAVIEST);
        assert!(most <= 64_000 + 3 * WAITING + 6 * HEAVIEST, "{most}");
        let told = Cache::<u64, Held>::builder().maxsize(None).max_bytes(64_000).weigher(|_, value| value.0);
        let most = most_held(told.on_evict(|_, _, _| {}), HEAVIEST);
        assert!(most <= 64_000 + 3 * WAITING + 12 * HEAVIEST, "{most}");
        let most = most_held(Cache::builder().maxsize(400), 1);
        assert!(most <= 400 + 3 * (400 / 8 + 1) + 6, "{most}");
    });
}
