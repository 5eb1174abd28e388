//! One computation among all processes: here each cache stands for one.

#![expect(clippy::unwrap_used, reason = "tests")]

mod crossed;
#[cfg(all(feature = "shared", target_os = "linux"))]
mod processes;
mod tasks;

use crate::fake::{Fake, Fault, Moment};
use crate::watchdog::{until, within};
use memolith::backends::Memory;
use memolith::{Backend, Cache, CacheBuilder, Lookup, Postcard, Writes};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

/// Longer than any test may take: who waits it out has failed.
const LONG: Duration = Duration::from_secs(600);

fn builder<B: Backend>(backend: &Arc<B>, wait: Duration) -> CacheBuilder<u64, u64> {
    Cache::builder().maxsize(None).backend(Arc::clone(backend), "f", Postcard).wait(wait)
}

fn waiting<B: Backend>(backend: &Arc<B>, wait: Duration) -> Cache<u64, u64> {
    builder(backend, wait).build()
}

/// The lease of `key`, as somebody holds it who computes.
fn leased(cache: &Cache<u64, u64>, key: u64) -> memolith::Lease<'_, u64, u64> {
    match cache.lookup(&key) {
        Lookup::Miss(lease) => lease,
        Lookup::Hit(value) => panic!("there is {value} for {key}"),
    }
}

/// Somebody waits for a claim.
fn until_awaited(fake: &Fake) {
    until(|| fake.claims_awaited.load(Relaxed) > 0);
}

#[test]
fn of_many_caches_one_computes() {
    within(60, || {
        for (writes, memory) in [(Writes::Through, 0), (Writes::Through, 100), (Writes::Behind, 0)] {
            let backend = Arc::new(Memory::new());
            let caches: Vec<_> =
                (0..4).map(|_| builder(&backend, LONG).writes(writes).memory(memory).build()).collect();
            let (computed, start) = (AtomicU64::new(0), Barrier::new(8));
            let compute = || {
                thread::sleep(Duration::from_millis(50));
                7 + computed.fetch_add(1, Relaxed)
            };
            thread::scope(|scope| {
                for at in 0..8 {
                    let (cache, start, compute) = (&caches[at / 2], &start, &compute);
                    scope.spawn(move || {
                        start.wait();
                        assert_eq!(cache.get_or_insert_with(&1, compute), 7);
                    });
                }
            });
            assert_eq!(computed.load(Relaxed), 1, "{writes:?}");
            let infos: Vec<_> = caches.iter().map(Cache::info).collect();
            assert_eq!(infos.iter().map(|info| info.misses).sum::<u64>(), 1);
            assert_eq!(infos.iter().map(|info| info.hits).sum::<u64>(), 7);
            assert_eq!(infos.iter().map(|info| info.errors).sum::<u64>(), 0);
        }
    });
}

/// Computations that fail now and then: never two of one key at once, and one success for each.
#[test]
fn of_each_key_one_succeeds() {
    const KEYS: u64 = 150;
    within(120, || {
        for writes in [Writes::Through, Writes::Behind] {
            let backend = Arc::new(Memory::new());
            let caches: Vec<_> = (0..3).map(|_| builder(&backend, LONG).writes(writes).build()).collect();
            let at_work: Vec<_> = (0..KEYS).map(|_| AtomicU64::new(0)).collect();
            let (tried, succeeded) = (AtomicU64::new(0), AtomicU64::new(0));
            let compute = |key: u64| {
                assert_eq!(at_work[key as usize].fetch_add(1, Relaxed), 0, "two compute {key}");
                thread::yield_now();
                at_work[key as usize].fetch_sub(1, Relaxed);
                if tried.fetch_add(1, Relaxed) % 3 == 0 {
                    return Err(key);
                }
                succeeded.fetch_add(1, Relaxed);
                Ok(key * 2)
            };
            thread::scope(|scope| {
                for at in 0..6 {
                    let (cache, compute) = (&caches[at % 3], &compute);
                    scope.spawn(move || {
                        for key in 0..KEYS {
                            let value = (0..100).find_map(|_| cache.try_get_or_insert_with(&key, || compute(key)).ok());
                            assert_eq!(value, Some(key * 2));
                        }
                    });
                }
            });
            assert_eq!(succeeded.load(Relaxed), KEYS, "{writes:?}");
        }
    });
}

type GiveUp = fn(&Cache<u64, u64>, &Fake);

#[test]
fn who_gives_up_lets_another_compute() {
    let give_ups: [GiveUp; 3] = [
        |cache, fake| {
            let failed = cache.try_get_or_insert_with(&1, || {
                until_awaited(fake);
                Err(())
            });
            assert!(failed.is_err());
        },
        |cache, fake| {
            let compute = || -> u64 {
                until_awaited(fake);
                panic!("planned")
            };
            assert!(catch_unwind(AssertUnwindSafe(|| cache.get_or_insert_with(&1, compute))).is_err());
        },
        |cache, fake| {
            let lease = leased(cache, 1);
            until_awaited(fake);
            // Kept nowhere.
            assert_eq!(lease.answer(3), 3);
        },
    ];
    for give_up in give_ups {
        within(20, move || {
            let fake = Fake::claiming();
            let (first, second) = (waiting(&fake, LONG), waiting(&fake, LONG));
            thread::scope(|scope| {
                scope.spawn(|| give_up(&first, &fake));
                until(|| fake.claims_asked.load(Relaxed) == 1);
                assert_eq!(second.get_or_insert_with(&1, || 7), 7);
            });
            assert_eq!(first.get_or_insert_with(&1, || 8), 7);
            assert_eq!(second.info().errors, 0);
        });
    }
}

#[test]
fn nobody_waits_beyond_his_time() {
    within(20, || {
        let fake = Fake::claiming();
        let (first, second) = (waiting(&fake, LONG), waiting(&fake, Duration::from_millis(300)));
        let lease = leased(&first, 1);
        let start = Instant::now();
        assert_eq!(second.get_or_insert_with(&1, || 7), 7);
        let waited = start.elapsed();
        assert!((Duration::from_millis(300)..Duration::from_secs(10)).contains(&waited), "{waited:?}");
        // Its value is kept like any other.
        assert_eq!((second.get(&1), fake.held()), (Some(7), 1));
        assert_eq!(lease.fill(8), 8);
        assert_eq!(second.info().errors, 0);
    });
}

/// A claim is held by nobody who does not compute, and asked for by nobody who was not told to wait.
#[test]
fn only_a_miss_that_computes_claims() {
    let fake = Fake::claiming();
    let asked = || (fake.claims_asked.load(Relaxed), fake.gets.load(Relaxed));
    let plain = Cache::<u64, u64>::builder().backend(Arc::clone(&fake), "f", Postcard).build();
    assert_eq!((plain.get_or_insert_with(&1, || 7), asked()), (7, (0, 1)));
    let cache = waiting(&fake, LONG);
    assert_eq!((cache.get(&2), cache.contains(&2), asked()), (None, false, (0, 3)));
    assert_eq!((cache.get_or_insert_with(&1, || 8), asked()), (7, (0, 4)));
    assert_eq!((cache.get_or_insert_with(&1, || 8), asked()), (7, (0, 4)));
    cache.insert(3, 9);
    assert!(cache.remove(&3).unwrap());
    assert_eq!(asked(), (0, 4));
    // The claim, and a look before it and after.
    assert_eq!((cache.get_or_insert_with(&2, || 8), asked()), (8, (1, 6)));
    assert_eq!(fake.claims_awaited.load(Relaxed), 0);
    cache.set_maxsize(0);
    assert_eq!((cache.get_or_insert_with(&4, || 8), asked()), (8, (1, 6)));
}

#[test]
fn a_backend_without_claims_is_no_hindrance() {
    let fake = Fake::new();
    let (first, second) = (waiting(&fake, LONG), waiting(&fake, LONG));
    let lease = leased(&first, 1);
    assert_eq!(second.get_or_insert_with(&1, || 7), 7);
    assert_eq!(lease.fill(8), 8);
    assert_eq!(fake.claims_asked.load(Relaxed), 2);
    // And one that is not there at all.
    assert_eq!(Cache::<u64, u64>::builder().wait(LONG).build().get_or_insert_with(&1, || 7), 7);
}

#[test]
fn a_claim_that_fails_is_counted_and_not_needed() {
    for fault in [Fault::Fails, Fault::Panics] {
        within(20, move || {
            let fake = Fake::claiming();
            let cache = waiting(&fake, LONG);
            let toggle = Arc::downgrade(&fake);
            fake.at(move |moment| {
                let fault = if moment == Moment::Claim { fault } else { Fault::None };
                toggle.upgrade().unwrap().fault(fault);
            });
            assert_eq!(cache.get_or_insert_with(&1, || 7), 7);
            assert_eq!((cache.info().errors, fake.held()), (1, 1));
            // Of a backend that fails to look nothing more is asked.
            fake.at(|_| {});
            fake.fault(fault);
            assert_eq!(cache.get_or_insert_with(&2, || 7), 7);
            assert_eq!(fake.claims_asked.load(Relaxed), 1);
        });
    }
}

#[test]
fn what_is_put_without_a_claim_is_seen_by_those_who_wait() {
    within(20, || {
        let fake = Fake::claiming();
        let (first, second) = (waiting(&fake, LONG), waiting(&fake, LONG));
        let lease = leased(&first, 1);
        thread::scope(|scope| {
            let waiter = scope.spawn(|| second.get_or_insert_with(&1, || 8));
            until_awaited(&fake);
            first.insert(1, 7);
            assert_eq!(waiter.join().unwrap(), 7);
        });
        drop(lease);
    });
}

#[test]
fn writing_behind_keeps_the_claim_until_the_batch_is_written() {
    within(30, || {
        let fake = Fake::claiming();
        let first = builder(&fake, LONG).writes(Writes::Behind).memory(0).build();
        let second = waiting(&fake, LONG);
        let (gate, dam) = (Arc::new(Barrier::new(2)), AtomicU64::new(0));
        let opens = Arc::clone(&gate);
        fake.at(move |moment| {
            if moment == Moment::Put && dam.fetch_add(1, Relaxed) == 0 {
                opens.wait();
            }
        });
        assert_eq!(first.get_or_insert_with(&1, || 7), 7);
        thread::scope(|scope| {
            let waiter = scope.spawn(|| second.get_or_insert_with(&1, || 8));
            until_awaited(&fake);
            assert!(!waiter.is_finished());
            gate.wait();
            assert_eq!(waiter.join().unwrap(), 7);
        });
    });
}

#[test]
fn a_write_that_fails_ends_the_claim() {
    for writes in [Writes::Through, Writes::Behind] {
        within(30, move || {
            let fake = Fake::claiming();
            let first = builder(&fake, LONG).writes(writes).build();
            let second = waiting(&fake, LONG);
            let toggle = Arc::downgrade(&fake);
            fake.at(move |moment| {
                let fault = if moment == Moment::Put { Fault::Fails } else { Fault::None };
                toggle.upgrade().unwrap().fault(fault);
            });
            assert_eq!(first.get_or_insert_with(&1, || 7), 7);
            assert_eq!(second.get_or_insert_with(&1, || 8), 8);
            assert_eq!(fake.held(), 0);
        });
    }
}

#[test]
fn what_is_dropped_from_the_queue_ends_its_claim() {
    within(30, || {
        let fake = Fake::claiming();
        let first = builder(&fake, LONG).writes(Writes::Behind).build();
        let second = waiting(&fake, LONG);
        for _ in 0..50 {
            assert_eq!(first.get_or_insert_with(&1, || 7), 7);
            assert!(first.remove(&1).unwrap());
            assert_eq!(second.get_or_insert_with(&1, || 8), 8);
            assert!(second.remove(&1).unwrap());
            assert_eq!(first.get_or_insert_with(&1, || 7), 7);
            first.clear().unwrap();
            assert_eq!(second.get_or_insert_with(&1, || 9), 9);
            second.clear().unwrap();
            first.clear().unwrap();
        }
        assert_eq!(fake.held(), 0);
    });
}
