//! A miss that must not be computed.

use crate::watchdog::within;
use memolith::{Cache, Lookup, Miss, Scope, lru_cache};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, Waker};
use std::thread;

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

fn cache() -> Cache<u64, u64> {
    Cache::builder().maxsize(1_000).build()
}

#[test]
fn what_is_known_is_returned_and_what_is_not_is_a_miss() {
    let (cache, scope) = (cache(), Scope::new().never_compute());
    cache.insert(1, 10);
    let ask = |key| scope.try_run(|| cache.get_or_insert_with(&key, || panic!("it must not run")));
    assert_eq!((ask(1), ask(2).map_err(|miss: Miss| miss.to_string().is_empty())), (Ok(10), Err(false)));
    let stats = scope.stats();
    assert_eq!((stats.hits, stats.misses, stats.computed), (1, 1, 0));
    let info = cache.info();
    assert_eq!((info.hits, info.misses), (1, 1));
    // Nobody is waited for any more, and this thread is outside again.
    assert_eq!(cache.get_or_insert_with(&2, || 20), 20);
    assert_eq!(ask(2), Ok(20));
}

#[test]
fn a_miss_deep_inside_ends_what_runs() {
    #[lru_cache]
    fn half(n: u64) -> u64 {
        n / 2
    }
    fn sum(of: &[u64]) -> u64 {
        of.iter().map(|n| half(*n)).sum()
    }
    assert_eq!(half(4), 2);
    let scope = Scope::new().never_compute();
    assert!(matches!((scope.try_run(|| sum(&[4, 4])), scope.try_run(|| sum(&[4, 6, 4]))), (Ok(4), Err(Miss { .. }))));
    // `get` has a way to say so.
    assert_eq!(scope.try_run(|| half::get(6)).ok(), Some(None));
    assert_eq!(half::cache_info().currsize, 1);
}

#[test]
fn other_panics_go_on() {
    let scope = Scope::new().never_compute();
    let panicked = catch_unwind(AssertUnwindSafe(|| scope.try_run(|| panic!("planned"))));
    assert_eq!(panicked.unwrap_err().downcast_ref(), Some(&"planned"));
}

#[test]
fn without_anybody_to_tell_a_miss_is_a_panic_with_a_message() {
    let cache = cache();
    let panicked = catch_unwind(AssertUnwindSafe(|| {
        let _inside = Scope::new().never_compute().enter();
        cache.get_or_insert_with(&1, || 1)
    }));
    let message = panicked.unwrap_err().downcast::<String>().unwrap();
    assert!(message.contains("never_compute") && message.contains("try_run"), "{message}");
    assert_eq!(cache.get_or_insert_with(&1, || 1), 1);
}

#[test]
fn what_another_computes_is_waited_for() {
    let (cache, scope) = (cache(), Scope::new().never_compute());
    let Poll::Ready(Lookup::Miss(lease)) = poll(pin!(cache.lookup_async(&1))) else { panic!("nothing is there") };
    let mut asked = pin!(scope.try_run_async(cache.get_or_insert_async(&1, || async { unreachable!() })));
    assert!(poll(asked.as_mut()).is_pending());
    lease.fill(7);
    assert_eq!(poll(asked.as_mut()), Poll::Ready(Ok(7)));
    assert_eq!((scope.stats().hits, scope.stats().coalesced), (1, 1));
}

#[test]
fn a_task_is_told_of_a_miss_and_lives_on() {
    let cache = cache();
    let task = async {
        let strict = Scope::new().never_compute();
        let first = strict.try_run_async(cache.get_or_insert_async(&1, || async { 7 })).await;
        let second = cache.get_or_insert_async(&1, || async { 8 }).await;
        (first.is_err(), second, strict.try_run_async(cache.get_or_insert_async(&1, || async { 9 })).await)
    };
    assert_eq!(poll(pin!(task)), Poll::Ready((true, 8, Ok(8))));
}

#[test]
fn whoever_waits_for_one_that_must_not_compute_does_it() {
    within(20, || {
        let (cache, runs) = (cache(), AtomicU64::new(0));
        thread::scope(|threads| {
            for number in 0..8 {
                let (cache, runs) = (&cache, &runs);
                threads.spawn(move || {
                    for key in 0..200 {
                        let ask = || {
                            cache.get_or_insert_with(&key, || {
                                runs.fetch_add(1, Relaxed);
                                key
                            })
                        };
                        match number % 2 {
                            0 => assert_eq!(ask(), key),
                            _ => assert!(Scope::new().never_compute().try_run(ask).map_or(true, |value| value == key)),
                        }
                    }
                });
            }
        });
        let info = cache.info();
        assert_eq!((info.hits + info.misses, runs.load(Relaxed)), (1600, 200));
    });
}
