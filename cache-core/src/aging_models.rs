//! Threads that meet at a value that is to be computed anew, in many orders of their steps.

use crate::aging::Old;
use crate::cache::Cache;
use crate::flight::Outcome;
use crate::flights::{Caller, Flights, Join};
use crate::orders::{check, threads};
use crate::stop::Never;
use crate::tags::invalidate_tag;
use crate::time::ManualClock;
use shuttle::sync::atomic::{AtomicU64, Ordering::SeqCst};
use shuttle::thread;
use std::sync::Arc;
use std::time::Duration;

const SECOND: Duration = Duration::from_secs(1);

/// A cache with the old value 7 of the key 1.
fn grown_old() -> Arc<Cache<u64, u64>> {
    let clock = Arc::new(ManualClock::default());
    let cache = Cache::builder().ttl(SECOND).stale(SECOND).clock(Arc::clone(&clock) as _).build();
    cache.insert(1, 7);
    clock.advance(SECOND);
    Arc::new(cache)
}

#[test]
fn one_computes_and_is_waited_for_by_nobody() {
    check(
        || {
            let (cache, computed, served) = (grown_old(), AtomicU64::new(0), AtomicU64::new(0));
            threads(3, move |_| {
                let value = cache.get_or_insert_with(&1, || {
                    assert_eq!(computed.fetch_add(1, SeqCst), 0, "two compute");
                    // If one of the others waited, this would not end.
                    while served.load(SeqCst) < 2 {
                        thread::yield_now();
                    }
                    8
                });
                assert!(value == 7 || value == 8);
                served.fetch_add(1, SeqCst);
            });
        },
        &["two leaders"],
    );
}

/// Who waits already hears of an offer, and who comes after it does not wait.
#[test]
fn an_offer_is_heard_by_who_waits() {
    check(
        || {
            let flights = Flights::<u64, u64>::default();
            let Join::Lead(lead) = flights.join(1, &1, Caller::Thread) else { panic!("nobody is there") };
            let leading = flights.flight(1, lead.ticket).expect("it is on the board");
            let flights = Arc::new(flights);
            let waiting = thread::spawn(move || {
                let Join::Follow(flight) = flights.join(1, &1, Caller::Thread) else { panic!("somebody leads") };
                let outcome = flight.follow(0).expect("nobody waits in a circle").wait(&Never);
                assert!(matches!(outcome, Ok(Outcome::Offered)));
            });
            leading.offer(Old { value: Arc::new(7), until: u64::MAX, tags: None });
            waiting.join().expect("it ends");
        },
        &["unheard offer"],
    );
}

#[test]
fn after_a_failure_the_next_who_asks_hits() {
    check(
        || {
            let (cache, tried) = (grown_old(), AtomicU64::new(0));
            threads(3, move |_| {
                let failing = || {
                    assert_eq!(tried.fetch_add(1, SeqCst), 0, "two try");
                    Err(())
                };
                assert_eq!(cache.try_get_or_insert_with(&1, failing), Ok(7));
            });
        },
        &["two leaders"],
    );
}

#[test]
fn what_was_removed_is_offered_to_nobody() {
    check(
        || {
            let cache = grown_old();
            threads(3, move |thread| {
                let compute = || {
                    thread::yield_now();
                    8
                };
                if thread > 0 {
                    cache.get_or_insert_with(&1, compute);
                    return;
                }
                cache.remove(&1).expect("there is no backend");
                assert_eq!(cache.get_or_insert_with(&1, compute), 8);
            });
        },
        &["offered after all"],
    );
}

/// An old value whose tag is invalidated is offered to nobody who comes after that, whoever computes it anew.
#[test]
fn what_was_invalidated_by_tag_is_offered_to_nobody() {
    check(
        || {
            let clock = Arc::new(ManualClock::default());
            let builder = Cache::builder().ttl(SECOND).stale(SECOND).clock(Arc::clone(&clock) as _);
            let cache: Cache<u64, u64> = builder.tags(|_, _| ["an old value's"]).build();
            cache.insert(1, 7);
            clock.advance(SECOND);
            threads(2, move |thread| {
                let compute = || {
                    thread::yield_now();
                    8
                };
                if thread > 0 {
                    cache.get_or_insert_with(&1, compute);
                    return;
                }
                invalidate_tag("an old value's").expect("there is no backend");
                assert_eq!(cache.get_or_insert_with(&1, compute), 8);
            });
        },
        &["unseen invalidation"],
    );
}
