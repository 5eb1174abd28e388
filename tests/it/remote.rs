//! Whatever the backend does, the function answers.

#![expect(clippy::unwrap_used, reason = "tests")]

use crate::fake::{Fake, Fault, Moment};
use crate::watchdog::within;
use memolith::{Cache, Error, ErrorKind, ManualClock, Postcard};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

fn backed(fake: &Arc<Fake>) -> Cache<u64, u64> {
    Cache::builder().backend(Arc::clone(fake), "f", Postcard).build()
}

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap()
}

#[test]
fn what_one_cache_stored_another_finds() {
    let fake = Fake::new();
    assert_eq!(backed(&fake).get_or_insert_with(&1, || 7), 7);
    let cache = backed(&fake);
    assert_eq!((cache.get_or_insert_with(&1, || 8), cache.get(&1)), (7, Some(7)));
    let info = cache.info();
    assert_eq!((info.hits, info.misses, info.backend_hits, fake.gets.load(Relaxed)), (2, 0, 1, 2));
}

#[test]
fn a_backend_at_fault_is_a_miss_and_is_counted() {
    for fault in [Fault::Fails, Fault::Panics] {
        for fake in [Fake::new, Fake::native] {
            within(20, move || {
                let fake = fake();
                let told = Arc::new(AtomicU64::new(0));
                let seen = Arc::clone(&told);
                let cache = Cache::<u64, u64>::builder()
                    .backend(Arc::clone(&fake), "f", Postcard)
                    .memory(0)
                    .on_error(move |error| {
                        assert_eq!(error.kind(), ErrorKind::Unavailable);
                        seen.fetch_add(1, Relaxed);
                    })
                    .build();
                fake.fault(fault);
                assert_eq!(cache.get_or_insert_with(&1, || 7), 7);
                assert_eq!(runtime().block_on(cache.get_or_insert_async(&2, async || 8)), 8);
                assert_eq!(cache.get(&1), None);
                assert!(!cache.contains(&1));
                cache.insert(3, 9);
                let errors = cache.info().errors;
                assert!(errors >= 7 && told.load(Relaxed) == errors, "{errors} errors");
                assert!(cache.remove(&1).is_err());
                assert!(cache.clear().is_err());
                assert_eq!((cache.info().errors, told.load(Relaxed)), (1, errors));
                // It heals with the backend.
                fake.fault(Fault::None);
                assert_eq!(cache.get_or_insert_with(&1, || 10), 10);
                assert_eq!(cache.get(&1), Some(10));
            });
        }
    }
}

#[test]
fn a_slow_backend_holds_up_nobody_but_its_caller() {
    within(20, || {
        let fake = Fake::new();
        let (answered, answer) = std::sync::mpsc::channel::<()>();
        let answer = std::sync::Mutex::new(answer);
        fake.at(move |moment| {
            if moment == Moment::Put {
                // Also when the test has failed and nobody tells.
                let _ = answer.lock().unwrap().recv();
            }
        });
        let cache = backed(&fake);
        thread::scope(|scope| {
            let slow = scope.spawn(|| cache.get_or_insert_with(&1, || 7));
            crate::watchdog::until(|| cache.contains(&1));
            // The value is there before it is written, for those who wait too.
            assert_eq!(cache.get_or_insert_with(&1, || 8), 7);
            assert!(!slow.is_finished());
            drop(answered);
            assert_eq!(slow.join().unwrap(), 7);
        });
    });
}

#[test]
fn a_callback_may_call_the_cache() {
    within(20, || {
        let fake = Fake::new();
        let place: Arc<OnceLock<Cache<u64, u64>>> = Arc::default();
        let inside = Arc::clone(&place);
        let cache = Cache::builder().backend(Arc::clone(&fake), "f", Postcard).on_error(move |_| {
            let Some(cache) = inside.get() else { return };
            let calm = cache.info().errors > 50;
            if !calm {
                cache.insert(2, 2);
                let _ = (cache.get(&2), cache.remove(&2), cache.remove_if(|_, _| true));
                cache.get_or_insert_with(&1, || 3);
            }
        });
        let cache = place.get_or_init(|| cache.build());
        fake.fault(Fault::Fails);
        assert_eq!(cache.get_or_insert_with(&1, || 7), 7);
        cache.insert(1, 8);
        assert!(cache.clear().is_err());
    });
}

#[test]
fn a_callback_that_panics_passes_the_key_on() {
    within(20, || {
        let fake = Fake::new();
        let cache = Cache::<u64, u64>::builder()
            .backend(Arc::clone(&fake), "f", Postcard)
            .on_error(|_| panic!("planned"))
            .build();
        fake.fault(Fault::Fails);
        let call = || cache.get_or_insert_with(&1, || 7);
        assert!(std::panic::catch_unwind(std::panic::AssertUnwindSafe(call)).is_err());
        fake.fault(Fault::None);
        assert_eq!(call(), 7);
    });
}

#[test]
fn the_time_to_live_of_a_record_goes_with_it() {
    let (fake, clock) = (Fake::new(), Arc::new(ManualClock::default()));
    let ttl = Duration::from_secs(10);
    let build = || {
        let builder = Cache::<u64, u64>::builder().backend(Arc::clone(&fake), "f", Postcard);
        builder.ttl(ttl).clock(clock.clone()).build()
    };
    build().insert(1, 7);
    clock.advance(ttl * 3 / 4);
    let cache = build();
    assert_eq!(cache.get(&1), Some(7));
    clock.advance(ttl / 4);
    assert_eq!(cache.get(&1), None);
}

#[test]
fn a_time_to_idle_is_renewed_in_the_backend() {
    let (fake, clock) = (Fake::new(), Arc::new(ManualClock::default()));
    let tti = Duration::from_secs(10);
    let build = || {
        let builder = Cache::<u64, u64>::builder().backend(Arc::clone(&fake), "f", Postcard);
        builder.tti(tti).memory(0).clock(clock.clone()).build()
    };
    build().insert(1, 7);
    for _ in 0..5 {
        clock.advance(tti * 3 / 4);
        assert_eq!(build().get(&1), Some(7));
    }
    clock.advance(tti);
    assert_eq!(build().get(&1), None);
}

#[test]
fn calls_are_counted_exactly_with_a_backend_too() {
    within(30, || {
        let fake = Fake::new();
        let cache = Cache::<u64, u64>::builder().backend(Arc::clone(&fake), "f", Postcard).memory(10).build();
        let runtime = runtime();
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for step in 0..1_000u64 {
                        let key = step % 37;
                        match step % 3 {
                            0 => _ = cache.get(&key),
                            1 => _ = cache.get_or_insert_with(&key, || key),
                            _ => _ = runtime.block_on(cache.get_or_insert_async(&key, async || key)),
                        }
                    }
                });
            }
        });
        let info = cache.info();
        assert_eq!((info.hits + info.misses, info.errors), (4_000, 0));
    });
}

#[test]
fn a_bound_that_the_backend_was_too_busy_for_holds_from_the_next_operation_on() {
    let next: [fn(&Cache<u64, u64>); 4] = [
        |cache| _ = cache.get(&200),
        |cache| _ = cache.info(),
        |cache| cache.insert(1, 1),
        |cache| _ = runtime().block_on(cache.get_or_insert_async(&1, async || 1)),
    ];
    for operation in next {
        let fake = Fake::new();
        let cache = backed(&fake);
        (0..100).for_each(|key| cache.insert(key, key));
        fake.fault(Fault::Fails);
        cache.set_maxsize(10);
        fake.fault(Fault::None);
        assert_eq!(fake.held(), 100);
        operation(&cache);
        assert_eq!((cache.info().maxsize, fake.maxsize()), (Some(10), Some(10)));
        assert!(cache.info().currsize <= 11, "the fake itself bounds only when it is opened");
    }
}

#[test]
fn of_two_bounds_at_once_one_holds_everywhere() {
    within(60, || {
        let fake = Fake::new();
        let cache = backed(&fake);
        for round in 0..200 {
            thread::scope(|scope| {
                scope.spawn(|| cache.set_maxsize(10 + round));
                scope.spawn(|| cache.set_maxsize(1_000 + round));
            });
            assert_eq!(cache.info().maxsize.map(|maxsize| maxsize as u64), fake.maxsize());
        }
    });
}

#[test]
fn a_callback_that_panics_does_not_end_the_building_of_a_cache() {
    let failed = || Err::<Arc<Fake>, _>(Error::new(ErrorKind::Unavailable, "no such place"));
    let without = Cache::<u64, u64>::builder().backend(failed(), "f", Postcard).on_error(|_| panic!("planned")).build();
    assert_eq!((without.get_or_insert_with(&1, || 7), without.info().errors), (7, 1));
    let fake = Fake::new();
    fake.fault(Fault::Fails);
    let unopened = Cache::<u64, u64>::builder().backend(Arc::clone(&fake), "f", Postcard);
    let unopened = unopened.on_error(|_| panic!("planned")).build();
    fake.fault(Fault::None);
    assert_eq!((unopened.get_or_insert_with(&1, || 7), unopened.info().errors), (7, 1));
}
