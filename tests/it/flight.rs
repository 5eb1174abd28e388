//! One computation per key: who takes over when it fails, and what panics leave behind.

#![expect(clippy::unwrap_used, reason = "tests")]

use crate::watchdog::{until, within};
use memolith::{Cache, CacheBuilder, Lookup, Policy};
use proptest::collection::vec;
use proptest::prelude::*;
use std::cell::Cell;
use std::hash::{Hash, Hasher};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicI64, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::Duration;

#[test]
fn callers_of_one_key_compute_once() {
    within(20, || {
        let cache = Cache::<u64, u64>::builder().build();
        let (computed, start) = (AtomicU64::new(0), Barrier::new(16));
        thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    start.wait();
                    let value = cache.get_or_insert_with(&1, || {
                        computed.fetch_add(1, Relaxed);
                        thread::sleep(Duration::from_millis(20));
                        7
                    });
                    assert_eq!(value, 7);
                });
            }
        });
        let info = cache.info();
        assert_eq!((computed.load(Relaxed), info.hits, info.misses), (1, 15, 1));
        assert!(info.coalesced <= 15);
    });
}

/// How a leader may fail.
#[derive(Clone, Copy, Debug)]
enum End {
    Panic,
    Error,
    Dropped,
}

/// The first leaders fail; each hands over to exactly one of those who wait.
fn hands_over(end: End) {
    const FAILURES: u64 = 5;
    let cache = Cache::<u64, u64>::builder().build();
    let (attempts, at_work, start) = (AtomicU64::new(0), AtomicI64::new(0), Barrier::new(12));
    let attempt = || {
        assert_eq!(at_work.fetch_add(1, Relaxed), 0, "two compute at once");
        thread::sleep(Duration::from_millis(5));
        let attempt = attempts.fetch_add(1, Relaxed);
        at_work.fetch_sub(1, Relaxed);
        attempt
    };
    let call = || match end {
        End::Panic => {
            let call = || cache.get_or_insert_with(&1, || if attempt() < FAILURES { panic!("planned") } else { 7 });
            catch_unwind(AssertUnwindSafe(call)).ok()
        }
        End::Error => cache.try_get_or_insert_with(&1, || if attempt() < FAILURES { Err(()) } else { Ok(7) }).ok(),
        End::Dropped => match cache.lookup(&1) {
            Lookup::Hit(value) => Some(value),
            Lookup::Miss(lease) if attempt() < FAILURES => {
                drop(lease);
                None
            }
            Lookup::Miss(lease) => Some(lease.fill(7)),
        },
    };
    let answered = AtomicU64::new(0);
    thread::scope(|scope| {
        for _ in 0..12 {
            scope.spawn(|| {
                start.wait();
                if let Some(value) = call() {
                    assert_eq!(value, 7);
                    answered.fetch_add(1, Relaxed);
                }
            });
        }
    });
    assert_eq!((attempts.load(Relaxed), answered.load(Relaxed)), (FAILURES + 1, 12 - FAILURES));
    let info = cache.info();
    assert_eq!((info.misses, info.hits), (FAILURES + 1, 11 - FAILURES));
}

#[test]
fn a_failed_leader_hands_over_to_one_of_those_who_wait() {
    for end in [End::Panic, End::Error, End::Dropped] {
        within(20, move || hands_over(end));
    }
}

#[test]
fn a_lease_may_end_on_another_thread() {
    within(20, || {
        let cache = Cache::<u64, u64>::builder().build();
        let Lookup::Miss(lease) = cache.lookup(&1) else { panic!("there is nothing yet") };
        thread::scope(|scope| {
            scope.spawn(|| assert_eq!(cache.get_or_insert_with(&1, || 8), 7));
            scope.spawn(|| {
                thread::sleep(Duration::from_millis(20));
                lease.fill(7)
            });
        });
        assert_eq!(cache.get_or_insert_with(&2, || cache.get(&1).unwrap()), 7);
    });
}

#[test]
fn a_computation_that_asks_for_itself_computes_again() {
    within(20, || {
        let cache = Cache::<u64, u64>::builder().build();
        let outer = cache.get_or_insert_with(&1, || cache.get_or_insert_with(&1, || 7) + 1);
        assert_eq!((outer, cache.get(&1)), (8, Some(8)));
    });
}

#[test]
fn threads_that_wait_for_each_other_go_on() {
    for threads in [2u64, 3, 4] {
        within(20, move || {
            let cache = Cache::<u64, u64>::builder().build();
            let start = Barrier::new(threads as usize);
            thread::scope(|scope| {
                for thread in 0..threads {
                    let (cache, start) = (&cache, &start);
                    scope.spawn(move || {
                        let value = cache.get_or_insert_with(&thread, || {
                            start.wait();
                            let next = (thread + 1) % threads;
                            cache.get_or_insert_with(&next, || next * 10);
                            thread * 10
                        });
                        assert_eq!(value, thread * 10);
                    });
                }
            });
        });
    }
}

#[test]
fn circles_through_two_caches_are_seen() {
    within(20, || {
        let (one, other) = (Cache::<u64, u64>::builder().build(), Cache::<String, u64>::builder().build());
        let start = Barrier::new(2);
        thread::scope(|scope| {
            scope.spawn(|| {
                one.get_or_insert_with(&1, || {
                    start.wait();
                    other.get_or_insert_with("b", || 2)
                })
            });
            scope.spawn(|| {
                other.get_or_insert_with("b", || {
                    start.wait();
                    one.get_or_insert_with(&1, || 1)
                })
            });
        });
    });
}

#[test]
fn recursion_is_as_deep_as_without_a_cache() {
    fn sum(cache: &Cache<u64, u64>, n: u64) -> u64 {
        if n == 0 { 0 } else { n + cache.get_or_insert_with(&(n - 1), || sum(cache, n - 1)) }
    }
    let deep = thread::Builder::new().stack_size(256 << 20).spawn(|| {
        let cache = Cache::<u64, u64>::builder().maxsize(None).build();
        assert_eq!(sum(&cache, 20_000), 20_000 * 20_001 / 2);
        assert_eq!(cache.info().misses, 20_000);
    });
    deep.unwrap().join().unwrap();
}

thread_local! {
    /// Operations of the types below until one panics; negative: none does.
    static FUSE: Cell<i64> = const { Cell::new(-1) };
}

fn burn() {
    let left = FUSE.get();
    if left >= 0 {
        FUSE.set(left - 1);
    }
    if left == 0 {
        panic!("planned");
    }
}

/// Panics in the middle of whatever a cache does with it.
#[derive(Debug)]
struct Bomb {
    number: u8,
    live: Arc<AtomicI64>,
}

impl Bomb {
    fn new(number: u8, live: &Arc<AtomicI64>) -> Self {
        live.fetch_add(1, Relaxed);
        Bomb { number, live: Arc::clone(live) }
    }
}

impl Drop for Bomb {
    fn drop(&mut self) {
        self.live.fetch_sub(1, Relaxed);
    }
}

impl Clone for Bomb {
    fn clone(&self) -> Self {
        burn();
        Bomb::new(self.number, &self.live)
    }
}

impl PartialEq for Bomb {
    fn eq(&self, other: &Self) -> bool {
        burn();
        self.number == other.number
    }
}

impl Eq for Bomb {}

impl Hash for Bomb {
    fn hash<H: Hasher>(&self, state: &mut H) {
        burn();
        self.number.hash(state);
    }
}

/// What `operation` says with `key`; whether it ran to its end.
fn play(cache: &Cache<Bomb, Bomb>, operation: u8, key: u8, live: &Arc<AtomicI64>) -> bool {
    let run = || {
        let bomb = Bomb::new(key, live);
        match operation {
            0 => _ = cache.get(&bomb),
            1 => _ = cache.get_or_insert_with(&bomb, || Bomb::new(key, live)),
            2 => cache.insert(bomb, Bomb::new(key, live)),
            3 => _ = cache.remove(&bomb),
            4 => _ = cache.contains(&bomb),
            5 => cache.insert_with_ttl(bomb, Bomb::new(key, live), Duration::from_secs(9)),
            6 => match cache.lookup(&bomb) {
                Lookup::Hit(_) => {}
                Lookup::Miss(lease) => _ = lease.answer(Bomb::new(key, live)),
            },
            7 => _ = cache.remove_if(|other, _| other.number == key),
            8 => cache.set_maxsize(usize::from(key) + 1),
            _ => cache.clear().unwrap(),
        }
    };
    catch_unwind(AssertUnwindSafe(run)).is_ok()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(600))]

    #[test]
    fn panics_of_keys_and_values_leave_nothing_behind(
        policy in 0..Policy::ALL.len(),
        weighed in any::<bool>(),
        steps in vec((0..10u8, 0..6u8, -1..12i64), 1..40),
    ) {
        let policy = Policy::ALL[policy];
        let live = Arc::new(AtomicI64::new(0));
        let mut builder = Cache::<Bomb, Bomb>::builder().maxsize(4).policy(policy);
        if weighed {
            builder = builder.max_bytes(12).weigher(|key, value| {
                burn();
                u64::from(key.number).max(u64::from(value.number))
            });
        }
        let cache = builder.build();
        let mut calls = (0, 0);
        for (operation, key, fuse) in steps {
            FUSE.set(fuse);
            let whole = play(&cache, operation, key, &live);
            FUSE.set(-1);
            if operation == 9 && whole {
                calls = (0, 0);
            }
            // Whether a call that panicked was counted depends on how far it came.
            let counted = matches!(operation, 0 | 1 | 6);
            calls = (calls.0 + u64::from(counted && whole), calls.1 + u64::from(counted));
            let info = cache.info();
            assert!((calls.0..=calls.1).contains(&(info.hits + info.misses)), "{info:?}, {calls:?}");
            assert!(info.currsize <= info.maxsize.unwrap());
            assert_eq!(live.load(Relaxed), 2 * info.currsize as i64, "leaked after {operation} of {key}");
        }
        (0..6).for_each(|key| assert!(play(&cache, 1, key, &live), "the cache is stuck"));
        drop(cache);
        assert_eq!(live.load(Relaxed), 0);
    }
}

/// Calls the cache it lives in when it is dropped.
#[derive(Clone)]
struct Caller(Arc<Place>, u64);

type Calling = Cache<u64, Caller>;
type Place = std::sync::OnceLock<Calling>;

impl Drop for Caller {
    fn drop(&mut self) {
        let Some(cache) = self.0.get() else { return };
        match self.1 % 6 {
            0 => _ = cache.get(&self.1),
            1 => _ = cache.remove(&(self.1 + 1)),
            2 => _ = cache.clear(),
            3 => _ = cache.len(),
            4 => cache.set_maxsize(3),
            // Without a caller inside: a chain of them would not end.
            _ => drop(cache.lookup(&self.1)),
        }
    }
}

/// Every way to leave a cache, with values that call it then.
fn calls_back(builder: CacheBuilder<u64, Caller>) {
    let place = Arc::new(Place::new());
    assert!(place.set(builder.build()).is_ok());
    let cache = place.get().unwrap();
    let caller = |number| Caller(Arc::clone(&place), number);
    for round in 0..200u64 {
        cache.insert(round % 11, caller(round));
        cache.insert_with_ttl(round % 7, caller(round + 1), Duration::from_nanos(1));
        cache.insert_with_ttl(round % 5, caller(round + 2), Duration::ZERO);
        cache.get_or_insert_with(&(round % 5), || caller(round + 3));
        cache.remove(&(round % 3)).unwrap();
        cache.remove_if(|key, _| key % 2 == 0).unwrap();
        cache.len();
        cache.set_maxsize(round as usize % 4);
        cache.insert(round % 2, caller(round + 4));
        cache.set_maxsize(3);
        (0..5).for_each(|key| cache.insert(key, caller(round + key)));
        if round % 3 == 0 {
            cache.clear().unwrap();
        }
    }
    cache.clear().unwrap();
}

#[test]
fn values_are_dropped_where_they_may_call_the_cache() {
    within(60, || {
        let builder = || Calling::builder().maxsize(3);
        calls_back(builder());
        // One heavy value in the place of several, and some that find no room.
        calls_back(builder().max_bytes(20).weigher(|key, _| key * 3));
        calls_back(builder().tti(Duration::from_micros(20)));
        calls_back(builder().policy(Policy::S3Fifo));
        calls_back(builder().on_evict(|_, _, _| {}));
    });
}

#[test]
fn values_are_dropped_with_their_cache_where_they_may_call_another() {
    within(20, || {
        let place = Arc::new(Place::new());
        assert!(place.set(Calling::builder().maxsize(3).build()).is_ok());
        for round in 0..200 {
            let other = Calling::builder().maxsize(100).build();
            (0..round).for_each(|key| other.insert(key, Caller(Arc::clone(&place), key)));
            // Under a key that no caller asks for, because it would get another caller.
            place.get().unwrap().insert(round + 1_000, Caller(Arc::clone(&place), round));
        }
        place.get().unwrap().clear().unwrap();
    });
}

/// A key that calls a cache when it is dropped.
#[derive(Clone, PartialEq, Eq, Hash)]
struct Knock(u64);

static KNOCKED: std::sync::LazyLock<Cache<Knock, u64>> =
    std::sync::LazyLock::new(|| Cache::builder().maxsize(3).build());

impl Drop for Knock {
    fn drop(&mut self) {
        if self.0 < 100 {
            _ = KNOCKED.get(&Knock(self.0 + 100));
            _ = KNOCKED.remove(&Knock(self.0 + 200));
            KNOCKED.insert(Knock(300), 1);
        }
    }
}

#[test]
fn keys_are_dropped_where_they_may_call_the_cache() {
    within(20, || {
        for round in 0..200 {
            KNOCKED.insert(Knock(round % 5), round);
            KNOCKED.get_or_insert_with(&Knock(round % 7), || round);
            drop(KNOCKED.lookup(&Knock(round % 11)));
            KNOCKED.remove(&Knock(round % 3)).unwrap();
            KNOCKED.remove_if(|key, _| key.0 % 2 == 0).unwrap();
        }
        KNOCKED.clear().unwrap();
    });
}

#[test]
fn those_who_wait_come_through_when_the_key_is_invalidated() {
    within(20, || {
        let cache = Cache::<u64, u64>::builder().build();
        thread::scope(|scope| {
            let Lookup::Miss(lease) = cache.lookup(&1) else { panic!("there is nothing yet") };
            let waiting = scope.spawn(|| cache.get_or_insert_with(&1, || 8));
            until(|| !waiting.is_finished());
            thread::sleep(Duration::from_millis(10));
            cache.remove(&1).unwrap();
            assert_eq!(lease.fill(7), 7);
            assert!([7, 8].contains(&waiting.join().unwrap()));
            assert_ne!(cache.get(&1), Some(7));
        });
    });
}

#[test]
fn many_leases_may_be_held_at_once() {
    within(60, || {
        let cache = Cache::<u64, u64>::builder().maxsize(None).build();
        let mut leases = Vec::new();
        for key in 0..200_000 {
            if let Lookup::Miss(lease) = cache.lookup(&key) {
                leases.push((key, lease));
            }
        }
        for (key, lease) in leases {
            assert_eq!(lease.fill(key), key);
        }
        assert_eq!(cache.info().currsize, 200_000);
    });
}

#[test]
fn leases_that_overlap_leave_nothing_behind() {
    within(60, || {
        let cache = Cache::<u64, u64>::builder().maxsize(None).build();
        let mut last = None;
        for key in 0..200_000u64 {
            let Lookup::Miss(lease) = cache.lookup(&(key % 100)) else { unreachable!("nothing is filled") };
            drop(last.replace(lease));
        }
        drop(last);
        assert_eq!(cache.info().misses, 200_000);
    });
}
