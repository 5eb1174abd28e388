//! Threads that want the same keys in different orders.

#![expect(clippy::unwrap_used, reason = "tests")]

use crate::fake::Fake;
use crate::watchdog::{until, within};
use memolith::{Cache, Postcard};
use std::hash::{Hash, Hasher};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, LazyLock};
use std::thread;

const KEYS: u64 = 60;

/// Numbers that look random.
fn mixed(seed: u64) -> u64 {
    let spread = (seed ^ (seed >> 31)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    spread ^ (spread >> 29)
}

#[test]
fn each_key_is_computed_once_whoever_asks_and_all_is_counted() {
    within(60, || {
        for backed in [false, true] {
            let fake = Fake::new();
            let builder = Cache::<u64, u64>::builder().maxsize(None);
            let cache =
                if backed { builder.backend(Arc::clone(&fake), "f", Postcard).build() } else { builder.build() };
            let (computed, asked) = ([const { AtomicU64::new(0) }; KEYS as usize], AtomicU64::new(0));
            thread::scope(|threads| {
                for number in 0..8 {
                    let (cache, computed, asked) = (&cache, &computed, &asked);
                    threads.spawn(move || {
                        for round in 0..60 {
                            let seed = mixed(number * 1_000 + round);
                            let keys: Vec<u64> = (0..seed % 9).map(|at| mixed(seed + at) % KEYS).collect();
                            let compute = |key: u64| {
                                computed[key as usize].fetch_add(1, Relaxed);
                                thread::yield_now();
                                key * 3
                            };
                            let wanted: Vec<u64> = keys.iter().map(|key| key * 3).collect();
                            match keys.as_slice() {
                                [key] => assert_eq!(cache.get_or_insert_with(key, || compute(*key)), key * 3),
                                keys => {
                                    let many =
                                        |missing: Vec<&u64>| missing.into_iter().map(|key| compute(*key)).collect();
                                    assert_eq!(cache.get_or_insert_many(keys, many), wanted);
                                }
                            }
                            asked.fetch_add(keys.len() as u64, Relaxed);
                        }
                    });
                }
            });
            assert!(computed.iter().all(|times| times.load(Relaxed) <= 1), "{computed:?}");
            let misses: u64 = computed.iter().map(|times| times.load(Relaxed)).sum();
            let info = cache.info();
            assert_eq!((info.hits + info.misses, info.misses), (asked.load(Relaxed), misses));
            assert!(!backed || fake.held() as u64 == misses);
        }
    });
}

#[test]
fn who_wants_the_same_keys_the_other_way_round_waits_for_half_of_them() {
    within(20, || {
        let cache = Cache::<u64, u64>::builder().build();
        let given = thread::scope(|threads| {
            let first = threads.spawn(|| {
                let mut given = Vec::new();
                cache.get_or_insert_many(&[1, 2], |missing| {
                    given = missing.iter().map(|key| **key).collect();
                    // Until the other one computes as well: it has joined all of its keys then.
                    until(|| cache.info().misses == 3);
                    given.clone()
                });
                given
            });
            until(|| cache.info().misses == 2);
            let second = threads.spawn(|| {
                let mut given = Vec::new();
                cache.get_or_insert_many(&[3, 2, 1], |missing| {
                    given = missing.iter().map(|key| **key).collect();
                    given.clone()
                });
                given
            });
            (first.join().unwrap(), second.join().unwrap())
        });
        assert_eq!(given, (vec![1, 2], vec![3]));
        assert_eq!((cache.info().hits, cache.info().misses, cache.info().coalesced), (2, 3, 2));
    });
}

#[test]
fn batches_within_batches_of_the_same_keys_end() {
    within(60, || {
        let cache = Cache::<u64, u64>::builder().build();
        thread::scope(|threads| {
            for number in 0..4 {
                let cache = &cache;
                threads.spawn(move || {
                    for round in 0..100 {
                        let key = |step: u64| 1_000 * round + (number + step) % 4;
                        let (outer, inner) = ([key(0), key(1)], [key(2), key(3), key(0)]);
                        let values = cache.get_or_insert_many(&outer, |missing| {
                            let within =
                                cache.get_or_insert_many(&inner, |missing| missing.into_iter().copied().collect());
                            assert_eq!(within, inner);
                            missing.into_iter().copied().collect()
                        });
                        assert_eq!(values, outer);
                    }
                });
            }
        });
        assert_eq!(cache.info().errors, 0);
    });
}

/// A number that, while the batch looks for the last one, has another thread compute those that it has not found.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Late(u64);

static LATE: LazyLock<Cache<Late, u64>> = LazyLock::new(|| Cache::builder().maxsize(None).build());
const LAST: Late = Late(KEYS);

impl Hash for Late {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.0.hash(state);
        if *self == LAST {
            let others = || (0..KEYS).for_each(|key| _ = LATE.get_or_insert_with(&Late(key), || key));
            thread::spawn(others).join().unwrap();
        }
    }
}

/// However many keys it finds then, of which nothing lands.
#[test]
fn what_others_computed_since_a_batch_has_looked_is_not_computed_again() {
    within(20, || {
        let keys: Vec<Late> = (0..=KEYS).map(Late).collect();
        let values = LATE.get_or_insert_many(&keys, |missing| {
            assert_eq!(missing, [&LAST]);
            vec![KEYS]
        });
        assert_eq!(values, (0..=KEYS).collect::<Vec<_>>());
        assert_eq!((LATE.info().misses, LATE.info().hits), (KEYS + 1, KEYS));
    });
}
