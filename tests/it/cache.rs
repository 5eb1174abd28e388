//! Counting, bounds, and who leaves, as a naive model has it.

#![expect(clippy::unwrap_used, reason = "tests")]

use crate::watchdog::within;
use memolith::{Cache, Lookup, Policy};
use proptest::collection::vec;
use proptest::prelude::*;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Barrier, LazyLock};
use std::thread;

/// Calls of every kind from many threads, of which none may be lost or counted twice.
fn counts_every_call(threads: u64, policy: Policy) {
    let cache = Cache::<u64, u64>::builder().maxsize(64).policy(policy).build();
    let calls = AtomicU64::new(0);
    thread::scope(|scope| {
        for thread in 0..threads {
            let (cache, calls) = (&cache, &calls);
            scope.spawn(move || {
                for step in 0..4_000 / threads * 8 {
                    let key = (step * 7 + thread * 13) % 100;
                    calls.fetch_add(1, Relaxed);
                    match step % 5 {
                        0 => _ = cache.get(&key),
                        1 => match cache.lookup(&key) {
                            Lookup::Hit(value) => assert_eq!(value, key * 2),
                            Lookup::Miss(lease) => _ = lease.fill(key * 2),
                        },
                        2 => {
                            _ = cache.try_get_or_insert_with(&key, || if step % 3 == 0 { Err(()) } else { Ok(key * 2) })
                        }
                        3 => match cache.lookup(&key) {
                            Lookup::Hit(value) => assert_eq!(value, key * 2),
                            Lookup::Miss(lease) => drop(lease),
                        },
                        _ => assert_eq!(cache.get_or_insert_with(&key, || key * 2), key * 2),
                    }
                }
            });
        }
    });
    let info = cache.info();
    assert_eq!(info.hits + info.misses, calls.load(Relaxed));
    assert!(info.currsize <= 64);
}

#[test]
fn eight_threads_are_counted_exactly() {
    within(20, || [Policy::Lru, Policy::Sieve].into_iter().for_each(|policy| counts_every_call(8, policy)));
}

#[test]
fn a_hundred_threads_are_counted_exactly() {
    within(20, || counts_every_call(100, Policy::Lru));
}

#[test]
fn counters_survive_the_threads_that_counted() {
    let cache = Arc::new(Cache::<u64, u64>::builder().build());
    for _ in 0..100 {
        let cache = Arc::clone(&cache);
        thread::spawn(move || cache.get_or_insert_with(&1, || 1)).join().unwrap();
    }
    let info = cache.info();
    assert_eq!((info.hits, info.misses), (99, 1));
}

#[test]
fn clear_forgets_entries_and_counters() {
    let cache = Cache::<u64, u64>::builder().maxsize(2).build();
    (0..5).for_each(|key| _ = cache.get_or_insert_with(&key, || key));
    assert_eq!(cache.info().evictions, 3);
    cache.clear().unwrap();
    let info = cache.info();
    assert_eq!((info.hits, info.misses, info.currsize, info.evictions, info.coalesced), (0, 0, 0, 0, 0));
    assert_eq!(cache.get(&4), None);
    assert_eq!(cache.info().misses, 1);
}

#[test]
fn an_observer_never_sees_more_than_the_bound() {
    within(20, || {
        let cache = Cache::<u64, u64>::builder().maxsize(50).build();
        let done = AtomicBool::new(false);
        thread::scope(|scope| {
            for thread in 0..3u64 {
                let (cache, done) = (&cache, &done);
                scope.spawn(move || {
                    let mut key = thread << 32;
                    while !done.load(Relaxed) {
                        key += 1;
                        cache.insert(key, key);
                        cache.get_or_insert_with(&(key / 2), || key / 2);
                    }
                });
            }
            let (cache, done) = (&cache, &done);
            scope.spawn(move || {
                for step in 0..3_000usize {
                    cache.set_maxsize([3, 50, 0, 17][step % 4]);
                    thread::yield_now();
                }
                done.store(true, Relaxed);
            });
            while !done.load(Relaxed) {
                let info = cache.info();
                let maxsize = info.maxsize.unwrap();
                assert!(info.currsize <= maxsize, "{} of {maxsize}", info.currsize);
            }
        });
    });
}

#[test]
fn bounds_set_at_once_end_as_one_of_them() {
    within(20, || {
        for _ in 0..2_000 {
            let cache = Cache::<usize, usize>::builder().maxsize(20).build();
            thread::scope(|scope| {
                scope.spawn(|| cache.set_maxsize(5));
                scope.spawn(|| cache.set_maxsize(10));
            });
            (0..30).for_each(|key| cache.insert(key, key));
            let info = cache.info();
            assert_eq!(Some(info.currsize), info.maxsize);
        }
    });
}

#[test]
fn a_working_set_of_the_size_of_the_bound_never_thrashes() {
    for size in [1, 7, 128, 1_000, 4_097] {
        for &policy in Policy::ALL {
            let cache = Cache::<usize, usize>::builder().maxsize(size).policy(policy).build();
            for _ in 0..3 {
                (0..size).for_each(|key| _ = cache.get_or_insert_with(&key, || key));
            }
            let info = cache.info();
            assert_eq!((info.misses, info.evictions), (size as u64, 0), "{policy:?} of {size}");
        }
    }
}

#[test]
fn a_scan_does_not_push_out_what_is_popular() {
    for (policy, stays) in [
        (Policy::Lru, false),
        (Policy::Sieve, true),
        (Policy::S3Fifo, true),
        (Policy::TinyLfu, true),
        (Policy::Tenure, true),
    ] {
        let cache = Cache::<u64, u64>::builder().maxsize(200).policy(policy).build();
        let use_all = |keys: std::ops::Range<u64>| keys.for_each(|key| _ = cache.get_or_insert_with(&key, || key));
        // Popular keys are used among others until the policy has noticed.
        for round in 1..50 {
            (0..4).for_each(|_| use_all(0..100));
            use_all(round * 1_000..round * 1_000 + 150);
        }
        use_all(0..100);
        use_all(100_000..100_400);
        let left = (0..100).filter(|key| cache.contains(key)).count();
        assert_eq!(left > 60, stays, "{left} of 100 are left, {policy:?}");
        assert!(stays || left == 0, "{left} of 100 are left, {policy:?}");
    }
}

#[test]
fn the_bound_of_a_running_cache_changes() {
    let cache = Cache::<u64, u64>::builder().maxsize(4).build();
    (0..4).for_each(|key| cache.insert(key, key));
    cache.get(&0);
    cache.set_maxsize(2);
    assert_eq!((cache.get(&3), cache.get(&0), cache.len()), (Some(3), Some(0), 2));
    cache.set_maxsize(None);
    (0..1_000).for_each(|key| cache.insert(key, key));
    assert_eq!((cache.len(), cache.info().maxsize), (1_000, None));
    cache.set_maxsize(0);
    assert!(cache.is_empty());
    cache.set_maxsize(3);
    (0..1_000).for_each(|key| cache.insert(key, key));
    assert_eq!(cache.len(), 3);
}

#[test]
fn a_bound_of_nothing_computes_every_call() {
    let cache = Cache::<u64, u64>::builder().maxsize(0).build();
    let mut computed = 0;
    for _ in 0..10 {
        cache.get_or_insert_with(&1, || {
            computed += 1;
            1
        });
    }
    cache.insert(1, 1);
    assert_eq!(cache.get(&1), None);
    let info = cache.info();
    assert_eq!((computed, info.hits, info.misses, info.currsize), (10, 0, 11, 0));
}

#[derive(Clone, Debug)]
enum Operation {
    Get(u8),
    Insert(u8, u16),
    Compute(u8, u16),
    Remove(u8),
    RemoveIf(u8),
    Contains(u8),
    Clear,
    Bound(Option<usize>),
}

fn operations() -> impl Strategy<Value = Vec<Operation>> {
    let key = || 0..12u8;
    let one = prop_oneof![
        6 => key().prop_map(Operation::Get),
        3 => (key(), any::<u16>()).prop_map(|(key, value)| Operation::Insert(key, value)),
        6 => (key(), any::<u16>()).prop_map(|(key, value)| Operation::Compute(key, value)),
        1 => key().prop_map(Operation::Remove),
        1 => (1..6u8).prop_map(Operation::RemoveIf),
        1 => key().prop_map(Operation::Contains),
        1 => Just(Operation::Clear),
        1 => prop_oneof![4 => (0..10usize).prop_map(Some), 1 => Just(None)].prop_map(Operation::Bound),
    ];
    vec(one, 0..200)
}

/// A cache written for the eye: the entries in a list, oldest first.
struct Model {
    policy: Policy,
    maxsize: Option<usize>,
    /// Whether the order of uses is kept: from the first bound on.
    ordered: bool,
    entries: Vec<Entry>,
    /// Where the hand of SIEVE stands.
    hand: usize,
    written: u64,
    evictions: u64,
    hits: u64,
    misses: u64,
}

struct Entry {
    key: u8,
    value: u16,
    written: u64,
    uses: u64,
    visited: bool,
}

impl Model {
    fn new(policy: Policy, maxsize: Option<usize>) -> Self {
        Model {
            policy,
            maxsize,
            ordered: maxsize.is_some(),
            entries: Vec::new(),
            hand: 0,
            written: 0,
            evictions: 0,
            hits: 0,
            misses: 0,
        }
    }

    fn find(&self, key: u8) -> Option<usize> {
        self.entries.iter().position(|entry| entry.key == key)
    }

    fn hit(&mut self, key: u8) -> Option<u16> {
        let at = self.find(key)?;
        self.hits += 1;
        let value = self.entries[at].value;
        if self.ordered {
            self.entries[at].uses += 1;
            self.entries[at].visited = true;
            if matches!(self.policy, Policy::Lru | Policy::Mru | Policy::Lfu) {
                let entry = self.entries.remove(at);
                self.entries.push(entry);
            }
        }
        Some(value)
    }

    fn remove(&mut self, at: usize) {
        self.entries.remove(at);
        if at < self.hand {
            self.hand -= 1;
        }
        if self.hand >= self.entries.len() {
            self.hand = 0;
        }
    }

    fn evict(&mut self) {
        let last = self.entries.len() - 1;
        let at = match self.policy {
            Policy::Mru => last,
            Policy::Lfu => {
                let least = self.entries.iter().map(|entry| entry.uses).min().unwrap();
                self.entries.iter().position(|entry| entry.uses == least).unwrap()
            }
            Policy::Sieve => {
                while std::mem::take(&mut self.entries[self.hand].visited) {
                    self.hand = if self.hand == last { 0 } else { self.hand + 1 };
                }
                self.hand
            }
            _ => 0,
        };
        self.remove(at);
        self.evictions += 1;
    }

    fn insert(&mut self, key: u8, value: u16) {
        if self.maxsize == Some(0) {
            return;
        }
        if let Some(at) = self.find(key) {
            self.remove(at);
        }
        while self.maxsize.is_some_and(|maxsize| self.entries.len() >= maxsize) {
            self.evict();
        }
        self.written += 1;
        self.entries.push(Entry { key, value, written: self.written, uses: 0, visited: false });
    }

    fn bound(&mut self, maxsize: Option<usize>) {
        if !self.ordered && maxsize.is_some() {
            self.ordered = true;
            // Without a bound nobody keeps the order of uses.
            self.entries.sort_by_key(|entry| entry.written);
            self.entries.iter_mut().for_each(|entry| (entry.uses, entry.visited) = (0, false));
            self.hand = 0;
        }
        self.maxsize = maxsize;
        while maxsize.is_some_and(|maxsize| self.entries.len() > maxsize) {
            self.evict();
        }
    }
}

fn agrees(policy: Policy, maxsize: Option<usize>, operations: Vec<Operation>) {
    let cache = Cache::<u8, u16>::builder().maxsize(maxsize).policy(policy).build();
    let mut model = Model::new(policy, maxsize);
    for operation in operations {
        match operation {
            Operation::Get(key) => {
                let expected = model.hit(key);
                model.misses += u64::from(expected.is_none());
                assert_eq!(cache.get(&key), expected);
            }
            Operation::Insert(key, value) => {
                cache.insert(key, value);
                model.insert(key, value);
            }
            Operation::Compute(key, value) => {
                let expected = model.hit(key).unwrap_or_else(|| {
                    model.misses += 1;
                    model.insert(key, value);
                    value
                });
                assert_eq!(cache.get_or_insert_with(&key, || value), expected);
            }
            Operation::Remove(key) => {
                let at = model.find(key);
                at.into_iter().for_each(|at| model.remove(at));
                assert_eq!(cache.remove(&key).unwrap(), at.is_some());
            }
            Operation::RemoveIf(divisor) => {
                let doomed: Vec<u8> =
                    model.entries.iter().map(|entry| entry.key).filter(|key| key % divisor == 0).collect();
                assert_eq!(cache.remove_if(|key, _| key % divisor == 0).unwrap(), doomed.len());
                // Slots of a cache are filled in no order of the model, and only SIEVE's hand would tell.
                doomed.iter().for_each(|key| model.find(*key).into_iter().for_each(|at| model.remove(at)));
            }
            Operation::Contains(key) => assert_eq!(cache.contains(&key), model.find(key).is_some()),
            Operation::Clear => {
                cache.clear().unwrap();
                let ordered = model.ordered;
                model = Model::new(policy, model.maxsize);
                model.ordered = ordered;
            }
            Operation::Bound(maxsize) => {
                cache.set_maxsize(maxsize);
                model.bound(maxsize);
            }
        }
        let info = cache.info();
        assert_eq!(
            (info.hits, info.misses, info.evictions, info.currsize, info.maxsize),
            (model.hits, model.misses, model.evictions, model.entries.len(), model.maxsize)
        );
    }
    model.entries.iter().for_each(|entry| assert_eq!(cache.get(&entry.key), Some(entry.value)));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn every_call_ends_as_in_a_naive_model(maxsize in 0..9usize, operations in operations()) {
        for policy in [Policy::Lru, Policy::Mru, Policy::Fifo, Policy::Lfu, Policy::Sieve] {
            agrees(policy, Some(maxsize), operations.clone());
        }
    }

    #[test]
    fn whoever_the_victim_is_it_is_only_one(maxsize in 1..9usize, keys in vec(0..20u8, 0..200)) {
        for &policy in Policy::ALL {
            let cache = Cache::<u8, u8>::builder().maxsize(maxsize).policy(policy).build();
            let mut held = 0;
            for &key in &keys {
                let (had, misses) = (cache.contains(&key), cache.info().misses);
                assert_eq!(cache.get_or_insert_with(&key, || key), key);
                assert_eq!(cache.info().misses, misses + u64::from(!had));
                held = (held + usize::from(!had)).min(maxsize);
                assert_eq!(cache.len(), held);
            }
        }
    }
}

#[test]
fn hundreds_of_threads_count_and_come_through() {
    const THREADS: u64 = 300;
    const CALLS: u64 = 60;
    within(60, || {
        for policy in [Policy::Lru, Policy::Lfu, Policy::Sieve] {
            let cache = Cache::<u64, String>::builder().maxsize(64).policy(policy).build();
            let together = Barrier::new(THREADS as usize);
            for round in 1..=2 {
                thread::scope(|scope| {
                    for thread in 0..THREADS {
                        let (cache, together) = (&cache, &together);
                        scope.spawn(move || {
                            // All are alive at once, so each has a number of its own.
                            together.wait();
                            for step in 0..CALLS / 2 {
                                let key = (step * 7 + thread) % 100;
                                assert_eq!(cache.get_or_insert_with(&key, || key.to_string()), key.to_string());
                                let other = (step + thread * 3) % 130;
                                let found = cache.get(&other);
                                assert!(found.is_none_or(|found| found == other.to_string()));
                                cache.insert(other, other.to_string());
                            }
                            together.wait();
                        });
                    }
                });
                let info = cache.info();
                assert_eq!(info.hits + info.misses, round * THREADS * CALLS, "{policy:?}");
                assert_eq!(info.currsize, 64);
            }
        }
    });
}

/// A value whose clone asks the cache for the same key once more, and then fills it with others.
#[derive(Debug)]
struct Curious {
    text: String,
    depth: u64,
}

static CURIOUS: LazyLock<Cache<u64, Curious>> = LazyLock::new(|| Cache::builder().maxsize(2).build());

impl Clone for Curious {
    fn clone(&self) -> Self {
        let inner = CURIOUS.get(&0);
        if inner.is_none() {
            (1..50).for_each(|key| CURIOUS.insert(key, Curious { text: "other".to_owned(), depth: 0 }));
        }
        // After all that, so that it would be seen if the place had another tenant.
        Curious { text: self.text.clone(), depth: inner.map_or(1, |inner| inner.depth + 1) }
    }
}

#[test]
fn a_clone_may_call_its_cache_and_is_a_miss_where_it_never_ends() {
    within(20, || {
        CURIOUS.insert(0, Curious { text: "stays".repeat(100), depth: 0 });
        let copy = CURIOUS.get(&0).expect("it was inserted");
        assert_eq!((copy.text, copy.depth), ("stays".repeat(100), 4));
        assert!(!CURIOUS.contains(&0), "it was evicted while it was copied");
        assert_eq!((CURIOUS.info().hits, CURIOUS.info().misses), (4, 1));
    });
}
