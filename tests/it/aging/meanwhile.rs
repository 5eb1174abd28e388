//! What others get while one computes.

use super::{SECOND, TICK, TIERS, Tiers, World, leased};
use crate::fake::{Fake, Moment};
use crate::watchdog::{until, within};
use memolith::{Cache, Lease, Scope};
use std::future::{Future, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Barrier};
use std::task::{Context, Poll, Waker};
use std::thread;

/// A cache whose value 7 of the key 1 is old.
fn grown_old(world: &World) -> Cache<u64, u64> {
    let cache = world.start();
    cache.insert(1, 7);
    world.clock.advance(SECOND * 10);
    cache
}

/// Polls a task until it has ended.
fn finished<F: Future>(mut task: Pin<&mut F>) -> F::Output {
    loop {
        match task.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::yield_now(),
        }
    }
}

#[test]
fn nobody_waits_for_what_one_computes() {
    for tiers in TIERS {
        within(20, move || {
            let world = World::new(tiers);
            let cache = grown_old(&world);
            let lease = leased(&cache, 1);
            thread::scope(|scope| {
                for _ in 0..8 {
                    scope.spawn(|| {
                        for _ in 0..100 {
                            assert_eq!(cache.get_or_insert_with(&1, || panic!("one computes")), 7);
                            assert_eq!(cache.get(&1), Some(7));
                        }
                    });
                }
            });
            let mut task = pin!(cache.get_or_insert_async(&1, || ready(9)));
            assert_eq!(task.as_mut().poll(&mut Context::from_waker(Waker::noop())), Poll::Ready(7));
            assert_eq!(lease.fill(8), 8);
            assert_eq!((cache.get_or_insert_with(&1, || 9), cache.get(&1)), (8, Some(8)));
            let info = cache.info();
            assert_eq!((info.hits, info.misses, info.stale), (1_603, 1, 1_601), "{tiers:?}");
        });
    }
}

#[test]
fn a_task_that_computes_holds_up_nobody_either() {
    for tiers in TIERS {
        within(20, move || {
            let world = World::with(tiers, Fake::native());
            let cache = grown_old(&world);
            let (begun, go) = (AtomicBool::new(false), AtomicBool::new(false));
            let slow = || {
                begun.store(true, Relaxed);
                std::future::poll_fn(|_| if go.load(Relaxed) { Poll::Ready(8) } else { Poll::Pending })
            };
            let mut leader = pin!(cache.get_or_insert_async(&1, slow));
            let mut context = Context::from_waker(Waker::noop());
            while !begun.load(Relaxed) {
                assert!(leader.as_mut().poll(&mut context).is_pending());
            }
            for _ in 0..10 {
                let mut task = pin!(cache.get_or_insert_async(&1, || ready(9)));
                assert_eq!(task.as_mut().poll(&mut context), Poll::Ready(7));
                assert_eq!(cache.get_or_insert_with(&1, || 9), 7);
            }
            go.store(true, Relaxed);
            assert_eq!((finished(leader), cache.get(&1)), (8, Some(8)));
        });
    }
}

/// Those who came before it was known that there is an old value need not wait either.
#[test]
fn who_waits_already_is_served_when_an_old_value_is_found() {
    for tiers in [Tiers::Both, Tiers::Backend] {
        within(20, move || {
            let world = World::new(tiers);
            drop(grown_old(&world));
            // Its memory is empty.
            let cache = world.start();
            let (asked, answer) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
            let (counts, waits) = (Arc::clone(&asked), Arc::clone(&answer));
            world.fake.at(move |moment| {
                if moment == Moment::Got && counts.fetch_add(1, Relaxed) == 0 {
                    until(|| waits.load(Relaxed));
                }
            });
            let (go, done) = (AtomicBool::new(false), AtomicU64::new(0));
            let (go, done, cache) = (&go, &done, &cache);
            thread::scope(|scope| {
                let leader = scope.spawn(move || {
                    cache.get_or_insert_with(&1, || {
                        until(|| go.load(Relaxed));
                        8
                    })
                });
                until(|| asked.load(Relaxed) == 1);
                for _ in 0..4 {
                    scope.spawn(move || {
                        assert_eq!(cache.get_or_insert_with(&1, || panic!("one computes")), 7);
                        done.fetch_add(1, Relaxed);
                    });
                }
                // Most of them wait by then; it is right for those who do not, too.
                thread::yield_now();
                answer.store(true, Relaxed);
                until(|| done.load(Relaxed) == 4);
                go.store(true, Relaxed);
                assert_eq!(leader.join().unwrap(), 8);
            });
        });
    }
}

#[test]
fn past_its_end_an_old_value_is_waited_for() {
    for tiers in TIERS {
        within(20, move || {
            let world = World::new(tiers);
            let cache = grown_old(&world);
            let lease = leased(&cache, 1);
            world.clock.advance(SECOND * 20 - TICK);
            assert_eq!(cache.get_or_insert_with(&1, || 9), 7);
            world.clock.advance(TICK);
            assert_eq!(cache.get(&1), None);
            let waits = Barrier::new(2);
            thread::scope(|scope| {
                scope.spawn(|| {
                    let mut task = pin!(cache.get_or_insert_async(&1, || ready(9)));
                    let polled = task.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                    waits.wait();
                    assert_eq!((polled, finished(task)), (Poll::Pending, 8));
                });
                waits.wait();
                assert_eq!(lease.fill(8), 8);
            });
        });
    }
}

#[test]
fn what_fails_late_has_no_old_value() {
    for tiers in TIERS {
        let world = World::new(tiers);
        let cache = grown_old(&world);
        let lease = leased(&cache, 1);
        world.clock.advance(SECOND * 20);
        assert_eq!((lease.fail(), cache.get(&1)), (None, None), "{tiers:?}");
    }
}

#[test]
fn recursion_gets_the_old_value() {
    for tiers in TIERS {
        within(20, move || {
            let world = World::new(tiers);
            let cache = grown_old(&world);
            let value = cache.get_or_insert_with(&1, || cache.get_or_insert_with(&1, || panic!("one computes")) + 1);
            assert_eq!((value, cache.get(&1)), (8, Some(8)));
        });
    }
}

#[test]
fn a_panic_leaves_the_old_value_and_the_next_computes() {
    for tiers in TIERS {
        let world = World::new(tiers);
        let cache = grown_old(&world);
        let panics = || cache.get_or_insert_with(&1, || panic!("planned"));
        assert!(catch_unwind(AssertUnwindSafe(panics)).is_err());
        assert_eq!((cache.get(&1), cache.get_or_insert_with(&1, || 8)), (Some(7), 8));
    }
}

const FORGET: [fn(&Cache<u64, u64>); 3] = [
    |cache| assert!(cache.remove(&1).unwrap()),
    |cache| cache.clear().unwrap(),
    |cache| assert_eq!(cache.remove_if(|_, _| true).unwrap(), 1),
];

/// The lease of somebody who computes, and may only read.
fn leased_to_reader(cache: &Cache<u64, u64>) -> Lease<'_, u64, u64> {
    let _inside = Scope::new().read_only().enter();
    leased(cache, 1)
}

#[test]
fn who_may_only_read_has_no_old_value_either_once_it_is_invalidated() {
    for tiers in TIERS {
        for forget in FORGET {
            let world = World::new(tiers);
            let cache = grown_old(&world);
            assert_eq!(leased_to_reader(&cache).fail(), Some(7), "{tiers:?}");
            let leases = [leased_to_reader(&cache), leased_to_reader(&cache)];
            forget(&cache);
            assert_eq!(leases.map(Lease::fail), [None, None], "{tiers:?}");
            cache.insert(1, 7);
            world.clock.advance(SECOND * 10);
            let lease = leased_to_reader(&cache);
            cache.remove(&2).unwrap();
            assert_eq!(lease.fail(), Some(7), "{tiers:?}: another key");
        }
    }
}

#[test]
fn who_fails_first_hears_what_other_processes_remove() {
    for may_only_read in [false, true] {
        let world = World::new(Tiers::Both);
        let cache = grown_old(&world);
        let lease = if may_only_read { leased_to_reader(&cache) } else { leased(&cache, 1) };
        world.fake.wipe();
        world.fake.invalidated();
        assert_eq!(lease.fail(), None);
    }
}

#[test]
fn an_invalidation_removes_the_old_value_too() {
    for tiers in TIERS {
        for forget in FORGET {
            within(20, move || {
                let world = World::new(tiers);
                let cache = grown_old(&world);
                forget(&cache);
                assert_eq!((cache.get(&1), cache.try_get_or_insert_with(&1, || Err(()))), (None, Err(())));
                // While it is computed anew.
                cache.insert(1, 7);
                world.clock.advance(SECOND * 10);
                let lease = leased(&cache, 1);
                forget(&cache);
                assert_eq!(cache.get(&1), None);
                assert_eq!(cache.get_or_insert_with(&1, || 9), 9);
                assert_eq!((lease.fail(), cache.get(&1)), (None, Some(9)), "{tiers:?}");
            });
        }
    }
}

#[test]
fn what_other_processes_remove_is_not_served_as_old() {
    let world = World::new(Tiers::Both);
    let cache = grown_old(&world);
    let lease = leased(&cache, 1);
    world.fake.wipe();
    world.fake.invalidated();
    assert_eq!(cache.get_or_insert_with(&1, || 9), 9);
    assert_eq!(lease.fail(), None);
}

#[test]
fn a_value_by_hand_ends_all_that_is_old() {
    for tiers in TIERS {
        let world = World::new(tiers);
        let cache = grown_old(&world);
        let lease = leased(&cache, 1);
        cache.insert(1, 9);
        assert_eq!((cache.get_or_insert_with(&1, || 10), lease.fail(), cache.get(&1)), (9, None, Some(9)));
    }
}

#[test]
fn after_a_failure_one_in_a_second_tries_again() {
    for (tiers, tries) in [(Tiers::Memory, 5), (Tiers::Both, 5), (Tiers::Backend, 50)] {
        let world = World::new(tiers);
        drop(grown_old(&world));
        let cache = if tiers == Tiers::Memory { grown_old(&world) } else { world.start() };
        let tried = AtomicU64::new(0);
        for _ in 0..50 {
            let failing = || {
                tried.fetch_add(1, Relaxed);
                Err(())
            };
            assert_eq!(cache.try_get_or_insert_with(&1, failing), Ok(7));
            world.clock.advance(SECOND / 10);
        }
        assert_eq!(tried.load(Relaxed), tries, "{tiers:?}");
        assert_eq!(finished(pin!(cache.try_get_or_insert_async(&1, || ready(Err(()))))), Ok(7));
    }
}
