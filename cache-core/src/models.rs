//! Models that try many orders of the steps of a few threads, and for each a planted bug that it must find.
//!
//! `RUSTFLAGS="--cfg shuttle" cargo test -p memolith-core --lib models --target-dir target/shuttle`

use crate::cache::{Cache, Lookup};
use crate::flight::Outcome;
use crate::flights::{Caller, Flights, Join};
use crate::orders::{check, threads};
use crate::stop::Never;
use crate::waits::{Node, wait_for};
use shuttle::sync::atomic::{AtomicU64, Ordering::SeqCst};
use shuttle::thread;
use std::sync::Arc;

fn cache() -> Arc<Cache<u64, u64>> {
    Arc::new(Cache::builder().build())
}

#[test]
fn one_of_three_leads_and_the_others_are_told() {
    check(
        || {
            let (flights, computed) = (Flights::<u64, u64>::default(), AtomicU64::new(0));
            let values = threads(3, move |thread| {
                match flights.join(1, &1, Caller::Thread) {
                    Join::Lead(lead) => {
                        computed.fetch_add(1, SeqCst);
                        thread::yield_now();
                        // Left on the board, so that who comes late follows too.
                        let (_, flight) = flights.store(1, lead.ticket, |_| ()).expect("nobody invalidates");
                        flight.land(10 + thread);
                        10 + thread
                    }
                    Join::Follow(flight) => match flight.follow(0).expect("nobody waits in a circle").wait(&Never) {
                        Ok(Outcome::Landed(value)) => value,
                        Ok(Outcome::GivenUp | Outcome::Offered) => panic!("nobody gave up"),
                    },
                }
            });
            assert!(values.iter().all(|value| *value == values[0]), "two led: {values:?}");
        },
        &["two leaders", "lost wake-up"],
    );
}

#[test]
fn who_gives_up_hands_over() {
    check(
        || {
            let (flights, computed) = (Flights::<u64, u64>::default(), AtomicU64::new(0));
            let values = threads(3, move |thread| {
                loop {
                    match flights.join(1, &1, Caller::Thread) {
                        // The first to lead fails, whoever it is.
                        Join::Lead(lead) if computed.fetch_add(1, SeqCst) == 0 => {
                            thread::yield_now();
                            drop(flights.discard(1, lead.ticket));
                            return None;
                        }
                        Join::Lead(lead) => {
                            let (_, flight) = flights.store(1, lead.ticket, |_| ()).expect("nobody invalidates");
                            flight.land(thread);
                            return Some((thread, computed.load(SeqCst)));
                        }
                        Join::Follow(flight) => {
                            match flight.follow(0).expect("nobody waits in a circle").wait(&Never) {
                                Ok(Outcome::Landed(value)) => return Some((value, computed.load(SeqCst))),
                                Ok(Outcome::GivenUp | Outcome::Offered) => {}
                            }
                        }
                    }
                }
            });
            let told: Vec<_> = values.into_iter().flatten().collect();
            assert_eq!(told.len(), 2);
            assert_eq!((told[0], told[0].1), (told[1], 2), "more than one took over");
        },
        &["two leaders", "lost wake-up"],
    );
}

#[test]
fn a_key_that_nobody_invalidates_is_computed_once() {
    check(
        || {
            let (cache, computed) = (cache(), Arc::new(AtomicU64::new(0)));
            let (shared, count) = (Arc::clone(&cache), Arc::clone(&computed));
            threads(3, move |_| {
                let value = shared.get_or_insert_with(&1, || {
                    count.fetch_add(1, SeqCst);
                    thread::yield_now();
                    7
                });
                assert_eq!(value, 7);
            });
            let info = cache.info();
            assert_eq!((computed.load(SeqCst), info.hits, info.misses), (1, 2, 1));
        },
        &["two leaders", "no second look", "lost wake-up"],
    );
}

#[test]
fn a_dropped_lease_passes_to_one_of_those_who_wait() {
    check(
        || {
            let (cache, computed) = (cache(), AtomicU64::new(0));
            threads(3, move |thread| {
                if thread == 0 {
                    if let Lookup::Miss(lease) = cache.lookup(&1) {
                        thread::yield_now();
                        drop(lease);
                    }
                    return;
                }
                cache.get_or_insert_with(&1, || {
                    assert_eq!(computed.fetch_add(1, SeqCst), 0, "two took over");
                    7
                });
            });
        },
        &["lost wake-up"],
    );
}

/// Two ask while a third changes what is computed and then invalidates by `change`: what was computed from before is
/// not found afterwards.
fn invalidated(change: fn(&Cache<u64, u64>)) {
    let (cache, source) = (cache(), Arc::new(AtomicU64::new(1)));
    threads(3, move |thread| {
        let compute = || {
            let value = source.load(SeqCst);
            thread::yield_now();
            value
        };
        if thread > 0 {
            cache.get_or_insert_with(&1, compute);
            return;
        }
        source.store(2, SeqCst);
        change(&cache);
        assert_ne!(cache.get(&1), Some(1));
        assert_eq!(cache.get_or_insert_with(&1, compute), 2);
    });
}

#[test]
fn what_was_removed_is_not_found() {
    check(|| invalidated(|cache| _ = cache.remove(&1)), &["unseen invalidation"]);
}

#[test]
fn what_was_replaced_is_not_found() {
    check(|| invalidated(|cache| cache.insert(1, 2)), &["unseen invalidation"]);
}

#[test]
fn what_was_cleared_is_not_found() {
    check(|| invalidated(|cache| _ = cache.clear()), &["unseen invalidation"]);
}

#[test]
fn what_a_predicate_removed_is_not_found() {
    check(|| invalidated(|cache| _ = cache.remove_if(|_, value| *value == 1)), &["unseen invalidation"]);
}

#[test]
fn an_inserted_value_stays() {
    check(
        || {
            let cache = cache();
            let shared = Arc::clone(&cache);
            threads(3, move |thread| match thread {
                0 => shared.insert(1, 9),
                1 => _ = shared.get_or_insert_with(&1, || 7),
                _ => _ = shared.get(&1),
            });
            // What was computed before the insertion is not kept, and what comes after it finds the inserted value.
            assert_eq!(cache.get(&1), Some(9));
        },
        &["unseen invalidation"],
    );
}

#[test]
fn of_two_values_inserted_at_once_one_stays() {
    check(
        || {
            let cache = cache();
            let shared = Arc::clone(&cache);
            threads(3, move |thread| match thread {
                2 => _ = shared.remove(&2),
                _ => shared.insert(1, thread),
            });
            assert!(matches!(cache.get(&1), Some(0 | 1)));
            assert_eq!(cache.len(), 1);
        },
        &[],
    );
}

/// As many threads compute a key each, and ask for the next one's meanwhile.
fn circle(number: u64) {
    let cache = cache();
    threads(number, move |thread| {
        let value = cache.get_or_insert_with(&thread, || {
            let next = (thread + 1) % number;
            assert_eq!(cache.get_or_insert_with(&next, || next), next);
            thread
        });
        assert_eq!(value, thread);
    });
}

#[test]
fn two_that_would_wait_for_each_other_do_not() {
    check(|| circle(2), &["unseen circle"]);
}

#[test]
fn three_that_would_wait_in_a_circle_do_not() {
    check(|| circle(3), &["unseen circle"]);
}

#[test]
fn waits_that_are_no_circle_are_not_refused() {
    check(
        || {
            let (cache, computed) = (cache(), [const { AtomicU64::new(0) }; 3]);
            threads(2, move |thread| {
                let of = |key: u64, inside: &dyn Fn()| {
                    cache.get_or_insert_with(&key, || {
                        assert_eq!(computed[key as usize].fetch_add(1, SeqCst), 0, "computed twice");
                        inside();
                        key
                    });
                };
                let first = || of(0, &|| ());
                let second = || of(1, &first);
                match thread {
                    0 => second(),
                    _ => of(2, &|| {
                        first();
                        second();
                    }),
                }
            });
        },
        &["unseen end"],
    );
}

#[test]
fn of_waits_that_close_a_circle_one_is_refused() {
    check(
        || {
            let nodes: Arc<Vec<_>> = Arc::new((0..3).map(|_| Node::by_task()).collect());
            let shared = Arc::clone(&nodes);
            let waits = threads(3, move |thread| {
                let at = thread as usize;
                let _inside = shared[at].scope();
                wait_for(&shared[(at + 1) % 3]).ok()
            });
            assert_eq!(waits.iter().flatten().count(), 2);
            drop(waits);
            nodes.iter().for_each(|node| node.end());
        },
        &["unseen circle"],
    );
}
