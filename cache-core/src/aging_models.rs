//! Threads that meet at a value that is to be computed anew, in many orders of their steps.

use crate::cache::Cache;
use crate::orders::{check, threads};
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
        &["two leaders", "unheard offer"],
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
