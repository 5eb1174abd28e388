//! `on_evict`: who hears of what, when, and what it may do.

#![expect(clippy::unwrap_used, reason = "tests")]

#[cfg(feature = "postcard")]
mod backed;
mod ledger;

use crate::watchdog::{until, within};
use memolith::{Cache, CacheBuilder, Cause, ManualClock, Policy};
use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicI64, AtomicU8, AtomicU64, Ordering::Relaxed};
use std::sync::mpsc::channel;
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

type Told<K, V> = Arc<Mutex<Vec<(K, V, Cause)>>>;

/// A cache that writes down who leaves it.
fn told<K, V>(builder: CacheBuilder<K, V>) -> (Cache<K, V>, Told<K, V>)
where
    K: memolith::Key,
    V: memolith::Value,
{
    let told: Told<K, V> = Arc::default();
    let to = Arc::clone(&told);
    let cache = builder.on_evict(move |key, value, cause| to.lock().unwrap().push((key.clone(), value.clone(), cause)));
    (cache.build(), told)
}

fn take<T>(told: &Mutex<Vec<T>>) -> Vec<T> {
    std::mem::take(&mut told.lock().unwrap())
}

#[test]
fn each_way_to_leave_has_its_cause() {
    let clock = Arc::new(ManualClock::default());
    let (cache, told) = told(Cache::<u64, u64>::builder().maxsize(3).clock(clock.clone()));
    (1..=4).for_each(|key| cache.insert(key, key * 10));
    assert_eq!(take(&told), [(1, 10, Cause::Evicted)]);
    cache.insert(2, 21);
    assert_eq!(take(&told), [(2, 20, Cause::Replaced)]);
    cache.remove(&2).unwrap();
    assert_eq!(take(&told), [(2, 21, Cause::Removed)]);
    cache.remove_if(|key, _| *key == 3).unwrap();
    assert_eq!(take(&told), [(3, 30, Cause::Removed)]);
    cache.insert_with_ttl(5, 50, SECOND);
    cache.insert_with_ttl(6, 60, SECOND);
    clock.advance(SECOND);
    assert_eq!((cache.get(&5), take(&told)), (None, vec![]), "a lookup changes nothing");
    cache.insert(5, 51);
    assert_eq!(take(&told), [(6, 60, Cause::Expired), (5, 50, Cause::Expired)]);
    cache.set_maxsize(1);
    assert_eq!(take(&told), [(4, 40, Cause::Evicted)]);
    cache.clear().unwrap();
    assert_eq!(take(&told), [(5, 51, Cause::Removed)]);
    cache.insert(7, 70);
    drop(cache);
    assert_eq!(take(&told), []);
}

#[test]
fn what_was_never_kept_does_not_leave() {
    let (cache, told) = told(Cache::<u64, u64>::builder().max_bytes(10).weigher(|_, value| *value));
    cache.insert(1, 11);
    cache.insert_with_ttl(2, 1, Duration::ZERO);
    cache.get_or_insert_with(&3, || {
        cache.remove(&3).unwrap();
        3
    });
    cache.set_maxsize(0);
    cache.get_or_insert_with(&4, || 4);
    assert_eq!(take(&told), []);
    cache.set_maxsize(1);
    cache.insert(5, 5);
    cache.insert(5, 11);
    assert_eq!(take(&told), [(5, 5, Cause::Replaced)]);
}

thread_local! {
    static DEPTH: Cell<u32> = const { Cell::new(0) };
}

/// Calls `cache` in one of many ways.
fn call(cache: &Cache<u64, Counted>, number: u64, live: &Arc<AtomicI64>) {
    match number % 9 {
        0 => _ = cache.get(&(number % 5)),
        1 => cache.insert(number % 7, Counted::new(live)),
        2 => _ = cache.get_or_insert_with(&(number % 11), || Counted::new(live)),
        3 => _ = cache.remove(&(number % 3)).unwrap(),
        4 => _ = cache.remove_if(|key, _| key % 2 == number % 2).unwrap(),
        5 => cache.insert_with_ttl(number % 6, Counted::new(live), Duration::from_nanos(1)),
        6 => cache.set_maxsize(number as usize % 4 + 1),
        7 => _ = cache.info(),
        _ => cache.clear().unwrap(),
    }
}

/// Counts those that are alive.
struct Counted(Arc<AtomicI64>);

impl Counted {
    fn new(live: &Arc<AtomicI64>) -> Self {
        live.fetch_add(1, Relaxed);
        Counted(Arc::clone(live))
    }
}

impl Clone for Counted {
    fn clone(&self) -> Self {
        Counted::new(&self.0)
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Relaxed);
    }
}

/// A cache whose listener calls it, to the third depth.
fn talkative(
    builder: CacheBuilder<u64, Counted>,
    live: &Arc<AtomicI64>,
    panics: fn(u64) -> bool,
) -> Arc<Cache<u64, Counted>> {
    let (live, calls) = (Arc::clone(live), AtomicU64::new(0));
    Arc::new_cyclic(|cache: &std::sync::Weak<Cache<u64, Counted>>| {
        let cache = cache.clone();
        let listener = move |_: &u64, _: &Counted, _: Cause| {
            let Some(cache) = cache.upgrade().filter(|_| DEPTH.get() < 3) else { return };
            let number = calls.fetch_add(1, Relaxed);
            DEPTH.set(DEPTH.get() + 1);
            let called = catch_unwind(AssertUnwindSafe(|| call(&cache, number, &live)));
            DEPTH.set(DEPTH.get() - 1);
            assert!(called.is_ok() && !panics(number), "planned");
        };
        builder.on_evict(listener).build()
    })
}

fn kinds() -> Vec<CacheBuilder<u64, Counted>> {
    let builder = || Cache::<u64, Counted>::builder().maxsize(3);
    vec![
        builder(),
        builder().max_bytes(5).weigher(|key, _| *key),
        builder().ttl(Duration::from_micros(50)),
        builder().tti(Duration::from_micros(50)),
        builder().policy(Policy::Sieve),
        builder().policy(Policy::TinyLfu),
    ]
}

#[test]
fn a_listener_may_call_its_cache() {
    within(60, || {
        for builder in kinds() {
            let live = Arc::new(AtomicI64::new(0));
            let cache = talkative(builder, &live, |_| false);
            (0..3_000).for_each(|number| call(&cache, number * 5 + number / 7, &live));
            // Who asks for the length is told of what has expired, and the listener inserts again.
            until(|| cache.len() as i64 == live.load(Relaxed));
            cache.clear().unwrap();
            drop(cache);
            assert_eq!(live.load(Relaxed), 0);
        }
    });
}

#[test]
fn a_listener_that_panics_leaves_nothing_behind() {
    within(60, || {
        for builder in kinds() {
            let live = Arc::new(AtomicI64::new(0));
            let cache = talkative(builder, &live, |number| number % 3 == 0);
            let panicked = AtomicU64::new(0);
            for number in 0..3_000 {
                let called = catch_unwind(AssertUnwindSafe(|| call(&cache, number * 5 + number / 7, &live)));
                panicked.fetch_add(u64::from(called.is_err()), Relaxed);
                let held = catch_unwind(AssertUnwindSafe(|| cache.len()));
                held.into_iter().for_each(|held| assert!(held <= 4));
            }
            assert!(panicked.load(Relaxed) > 100);
            until(|| catch_unwind(AssertUnwindSafe(|| cache.clear())).is_ok_and(|cleared| cleared.is_ok()));
            until(|| catch_unwind(AssertUnwindSafe(|| cache.is_empty())).is_ok_and(|empty| empty));
            assert_eq!(live.load(Relaxed), 0);
        }
    });
}

#[test]
fn a_panic_does_not_keep_others_from_being_told() {
    let heard = Arc::new(AtomicU64::new(0));
    let hears = Arc::clone(&heard);
    let listener = move |key: &u64, _: &u64, _| {
        hears.fetch_add(1, Relaxed);
        assert!(key.is_multiple_of(2), "planned");
    };
    let cache = Cache::<u64, u64>::builder().maxsize(1_500).on_evict(listener).build();
    (0..1_500).for_each(|key| cache.insert(key, key));
    assert!(catch_unwind(AssertUnwindSafe(|| cache.set_maxsize(1_000))).is_err());
    assert_eq!((heard.load(Relaxed), cache.len()), (500, 1_000));
    assert!(catch_unwind(AssertUnwindSafe(|| cache.remove_if(|key, _| *key < 700))).is_err());
    assert_eq!((heard.load(Relaxed), cache.len()), (700, 800));
    assert!(catch_unwind(AssertUnwindSafe(|| cache.clear())).is_err());
    assert_eq!((heard.load(Relaxed), cache.len()), (1_500, 0));
}

#[test]
fn a_thread_that_unwinds_tells_too() {
    struct Inserts<'a>(&'a Cache<u64, u64>);
    impl Drop for Inserts<'_> {
        fn drop(&mut self) {
            (0..9).for_each(|key| self.0.insert(key, key));
        }
    }
    let heard = Arc::new(AtomicU64::new(0));
    let hears = Arc::clone(&heard);
    let listener = move |key: &u64, _: &u64, _| {
        hears.fetch_add(1, Relaxed);
        assert_ne!(*key, 4, "planned, and swallowed");
    };
    let cache = Cache::<u64, u64>::builder().maxsize(2).on_evict(listener).build();
    let unwound = catch_unwind(AssertUnwindSafe(|| {
        let _inserts = Inserts(&cache);
        panic!("planned");
    }));
    assert!(unwound.is_err());
    assert_eq!((heard.load(Relaxed), cache.len()), (7, 2));
}

#[test]
fn those_who_wait_do_not_wait_for_the_listener() {
    within(20, || {
        let (answered, answer) = channel();
        let answer = Mutex::new(answer);
        let listener = move |_: &u64, _: &u64, _| {
            // Until the one who waited has its value.
            answer.lock().unwrap().recv().unwrap();
        };
        let cache = Cache::<u64, u64>::builder().maxsize(1).on_evict(listener).build();
        cache.insert(0, 0);
        let begun = Barrier::new(2);
        thread::scope(|scope| {
            scope.spawn(|| {
                cache.get_or_insert_with(&1, || {
                    begun.wait();
                    thread::sleep(Duration::from_millis(20));
                    7
                })
            });
            scope.spawn(|| {
                begun.wait();
                let value = cache.get_or_insert_with(&1, || 8);
                answered.send(()).unwrap();
                assert_eq!(value, 7);
            });
        });
    });
}

#[test]
fn a_computation_whose_copy_fails_hands_on_to_those_who_wait() {
    struct Fragile(u64, Arc<AtomicBool>);
    impl Clone for Fragile {
        fn clone(&self) -> Self {
            assert!(!self.1.load(Relaxed), "planned");
            Fragile(self.0, Arc::clone(&self.1))
        }
    }
    within(20, || {
        // Without memory the copy for those who wait is the only one.
        let cache = Cache::<u64, Fragile>::builder().build();
        let (fails, begun) = (Arc::new(AtomicBool::new(true)), Barrier::new(2));
        thread::scope(|scope| {
            scope.spawn(|| {
                let memolith::Lookup::Miss(lease) = cache.lookup(&1) else { panic!("there is nothing yet") };
                begun.wait();
                thread::sleep(Duration::from_millis(20));
                let answer = AssertUnwindSafe(|| lease.answer(Fragile(7, Arc::clone(&fails))));
                // If nobody waits yet there is no copy.
                if catch_unwind(answer).is_err() {
                    fails.store(false, Relaxed);
                }
            });
            scope.spawn(|| {
                begun.wait();
                assert_eq!(cache.get_or_insert_with(&1, || Fragile(8, Arc::default())).0, 8);
            });
        });
    });
}

/// Each of many values is told once, or is there at the end.
fn told_by_many(builder: CacheBuilder<u64, u64>) {
    const THREADS: u64 = 4;
    const EACH: u64 = 3_000;
    let told: Arc<Vec<AtomicU8>> = Arc::new((0..THREADS * EACH).map(|_| AtomicU8::new(0)).collect());
    let tells = Arc::clone(&told);
    let cache = builder.on_evict(move |_, value, _| _ = tells[*value as usize].fetch_add(1, Relaxed)).build();
    thread::scope(|scope| {
        for thread in 0..THREADS {
            let cache = &cache;
            scope.spawn(move || {
                for step in 0..EACH {
                    let key = step * 7 % 50;
                    cache.insert(key, thread * EACH + step);
                    cache.get(&(key / 2));
                    match step % 97 {
                        0 => _ = cache.remove(&(step % 50)).unwrap(),
                        1 => _ = cache.remove_if(|key, _| key % 5 == 0).unwrap(),
                        2 if step % 5 == 0 => cache.clear().unwrap(),
                        3 => cache.set_maxsize(step as usize % 30 + 1),
                        _ => {}
                    }
                }
            });
        }
    });
    let held: Vec<u64> = (0..50).filter_map(|key| cache.get(&key)).collect();
    for (number, times) in told.iter().enumerate() {
        let there = held.contains(&(number as u64));
        assert_eq!(times.load(Relaxed), u8::from(!there), "{number}");
    }
}

#[test]
fn many_threads_tell_each_departure_once() {
    within(60, || {
        let builder = || Cache::<u64, u64>::builder().maxsize(20);
        told_by_many(builder());
        told_by_many(builder().max_bytes(300).weigher(|key, _| *key));
        told_by_many(builder().policy(Policy::S3Fifo));
        told_by_many(builder().tti(SECOND * 1_000));
    });
}
