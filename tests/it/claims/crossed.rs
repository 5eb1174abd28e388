//! Invalidations while a key is claimed, and computations that wait for each other.

use super::{LONG, leased, until_awaited, waiting};
use crate::fake::Fake;
use crate::watchdog::within;
use memolith::Cache;
use memolith::backends::Memory;
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

/// What was invalidated while it was computed is not waited for by those who come after.
#[test]
fn an_invalidated_computation_holds_up_nobody_here() {
    let forget: [fn(&Cache<u64, u64>); 3] = [
        |cache| _ = cache.remove(&1).unwrap(),
        |cache| cache.clear().unwrap(),
        |cache| _ = cache.remove_if(|_, _| true).unwrap(),
    ];
    for forget in forget {
        within(20, move || {
            let fake = Fake::claiming();
            let (first, second) = (waiting(&fake, LONG), waiting(&fake, LONG));
            let old = leased(&first, 1);
            forget(&first);
            assert_eq!(first.get_or_insert_with(&1, || 8), 8);
            assert_eq!(old.fill(7), 7);
            assert_eq!((first.get(&1), second.get(&1)), (Some(8), Some(8)));
        });
    }
}

/// Who waits for a claim when the key is invalidated goes on, and what it computes is not kept.
#[test]
fn an_invalidation_ends_the_wait() {
    within(20, || {
        let fake = Fake::claiming();
        let (first, second) = (waiting(&fake, LONG), waiting(&fake, LONG));
        let lease = leased(&first, 1);
        thread::scope(|scope| {
            let waiter = scope.spawn(|| second.get_or_insert_with(&1, || 8));
            until_awaited(&fake);
            assert!(!second.remove(&1).unwrap());
            assert_eq!(waiter.join().unwrap(), 8);
        });
        assert_eq!((second.get(&1), fake.held()), (None, 0));
        drop(lease);
    });
}

/// Two processes that need each other's keys: both go on when the time is over.
#[test]
fn computations_that_need_each_other_end() {
    const WAIT: Duration = Duration::from_millis(300);
    within(20, || {
        let backend = Arc::new(Memory::new());
        let (first, second) = (waiting(&backend, WAIT), waiting(&backend, WAIT));
        let (started, start) = (Barrier::new(2), Instant::now());
        let crossed = |cache: &Cache<u64, u64>, mine: u64, others: u64| {
            cache.get_or_insert_with(&mine, || {
                started.wait();
                cache.get_or_insert_with(&others, || others) + mine
            })
        };
        let (one, other) = thread::scope(|scope| {
            let one = scope.spawn(|| crossed(&first, 10, 20));
            let other = scope.spawn(|| crossed(&second, 20, 10));
            (one.join().unwrap(), other.join().unwrap())
        });
        // Of what the other needs it has either the plain value or the one that was computed with ours.
        assert!(one >= 30 && other >= 30, "{one} {other}");
        assert!(start.elapsed() >= WAIT);
    });
}

/// Recursion over two caches of one space, and over one.
#[test]
fn the_own_claim_is_waited_for_no_longer() {
    within(20, || {
        let backend = Arc::new(Memory::new());
        let (first, second) =
            (waiting(&backend, Duration::from_millis(200)), waiting(&backend, Duration::from_millis(200)));
        assert_eq!(first.get_or_insert_with(&1, || second.get_or_insert_with(&1, || 7) + 1), 8);
        let long = waiting(&backend, LONG);
        assert_eq!(long.get_or_insert_with(&2, || long.get_or_insert_with(&2, || 7) + 1), 8);
        // Another key on the way down is no circle.
        fn sum(cache: &Cache<u64, u64>, n: u64) -> u64 {
            cache.get_or_insert_with(&n, || if n == 100 { n } else { n + sum(cache, n - 1) })
        }
        assert_eq!(sum(&long, 140), (100..=140).sum::<u64>());
    });
}

/// Followers of one process wait for the one that waits for another process.
#[test]
fn one_of_each_process_waits() {
    within(20, || {
        let fake = Fake::claiming();
        let (first, second) = (waiting(&fake, LONG), waiting(&fake, LONG));
        let lease = leased(&first, 1);
        thread::scope(|scope| {
            let waiters: Vec<_> = (0..4).map(|_| scope.spawn(|| second.get_or_insert_with(&1, || 8))).collect();
            until_awaited(&fake);
            lease.fill(7);
            waiters.into_iter().for_each(|waiter| assert_eq!(waiter.join().unwrap(), 7));
        });
        let info = second.info();
        assert_eq!((info.hits, info.misses, info.backend_hits), (4, 0, 1));
    });
}
