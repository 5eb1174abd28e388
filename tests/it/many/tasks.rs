//! Tasks that want many keys, are cancelled, and sleep.

use crate::fake::Fake;
use crate::turns::{comes_again, turn};
use crate::watchdog::within;
use memolith::{Cache, Lookup, Postcard};
use std::future::ready;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};
use tokio::task::yield_now;
use tokio::time::sleep;

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(4).enable_time().build().unwrap()
}

fn caches() -> [Arc<Cache<u64, u64>>; 3] {
    let builder = || Cache::<u64, u64>::builder().maxsize(None);
    [
        builder().build(),
        builder().backend(Fake::new(), "f", Postcard).build(),
        builder().backend(Fake::native(), "f", Postcard).memory(0).build(),
    ]
    .map(Arc::new)
}

#[test]
fn tasks_of_the_same_keys_compute_each_once() {
    within(60, || {
        let runtime = runtime();
        for cache in caches() {
            let computed = Arc::new(AtomicU64::new(0));
            let tasks: Vec<_> = (0..64u64)
                .map(|number| {
                    let (cache, computed) = (Arc::clone(&cache), Arc::clone(&computed));
                    runtime.spawn(async move {
                        let keys: Vec<u64> = (0..20).map(|at| (number * 7 + at * (number % 5 + 1)) % 40).collect();
                        let values = cache.get_or_insert_many_async(&keys, |missing| {
                            let computed = Arc::clone(&computed);
                            async move {
                                turn().await;
                                computed.fetch_add(missing.len() as u64, Relaxed);
                                missing.into_iter().map(|key| key * 3).collect()
                            }
                        });
                        assert_eq!(comes_again(values).await, keys.iter().map(|key| key * 3).collect::<Vec<_>>());
                    })
                })
                .collect();
            tasks.into_iter().for_each(|task| runtime.block_on(task).unwrap());
            let info = cache.info();
            assert_eq!((computed.load(Relaxed), info.misses, info.hits + info.misses), (40, 40, 64 * 20));
        }
    });
}

#[test]
fn tasks_that_are_cancelled_hand_over() {
    within(60, || {
        let runtime = runtime();
        for cache in caches() {
            let tasks: Vec<_> = (0..60u64)
                .map(|number| {
                    let cache = Arc::clone(&cache);
                    let task = runtime.spawn(async move {
                        let keys: Vec<u64> = (0..10).map(|at| (number + at) % 20).collect();
                        let values = cache.get_or_insert_many_async(&keys, |missing| async move {
                            for _ in 0..number % 7 {
                                yield_now().await;
                            }
                            missing.into_iter().copied().collect()
                        });
                        assert_eq!(values.await, keys);
                    });
                    if number % 3 == 0 {
                        task.abort();
                    }
                    task
                })
                .collect();
            for (number, task) in tasks.into_iter().enumerate() {
                let ended = runtime.block_on(task);
                assert!(ended.is_ok() || (number % 3 == 0 && ended.unwrap_err().is_cancelled()));
            }
            let all: Vec<u64> = (0..20).collect();
            assert_eq!(runtime.block_on(cache.get_or_insert_many_async(&all, |_| async { unreachable!() })), all);
        }
    });
}

#[test]
fn a_task_may_be_dropped_at_every_point() {
    within(60, || {
        let runtime = runtime();
        for polls in 0..20 {
            for cache in caches() {
                let call = async |value: u64| {
                    let compute = |missing: Vec<&u64>| {
                        let number = missing.len();
                        async move {
                            yield_now().await;
                            yield_now().await;
                            vec![value; number]
                        }
                    };
                    cache.get_or_insert_many_async(&[1, 2, 3], compute).await
                };
                runtime.block_on(async {
                    let mut dropped = Box::pin(call(1));
                    let mut left = polls;
                    std::future::poll_fn(|context| {
                        if left == 0 || dropped.as_mut().poll(context).is_ready() {
                            return Poll::Ready(());
                        }
                        left -= 1;
                        context.waker().wake_by_ref();
                        Poll::Pending
                    })
                    .await;
                    drop(dropped);
                });
                // Who was cancelled in the middle of a write has given the value to others, and the write goes on.
                let values = runtime.block_on(call(2));
                assert!(values.iter().all(|value| [1, 2].contains(value)), "{values:?} after {polls}");
                let again = runtime.block_on(call(3));
                assert_eq!(again, values, "after {polls}");
            }
        }
    });
}

/// What was not there when a task had waited for one key may be when it has waited for another, wherever it was computed.
#[test]
fn what_others_computed_while_a_task_waited_on_is_not_computed_again() {
    for cache in caches() {
        let mut context = Context::from_waker(Waker::noop());
        let mut lead = |key: u64| {
            let mut lookup = Box::pin(cache.lookup_async(&key));
            loop {
                if let Poll::Ready(Lookup::Miss(lease)) = lookup.as_mut().poll(&mut context) {
                    return lease;
                }
            }
        };
        let (first, second) = (lead(1), lead(2));
        let computed = AtomicU64::new(0);
        let compute = |missing: Vec<&u64>| {
            computed.fetch_add(missing.len() as u64, Relaxed);
            ready(missing.iter().map(|_| 0).collect())
        };
        let mut call = pin!(cache.get_or_insert_many_async(&[1, 2], compute));
        assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        drop(first);
        assert!(call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
        assert_eq!(cache.get_or_insert_with(&1, || 10), 10);
        second.fill(20);
        let values = loop {
            if let Poll::Ready(values) = call.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                break values;
            }
        };
        assert_eq!((values, computed.load(Relaxed)), (vec![10, 20], 0));
    }
}

#[test]
fn without_anything_to_lead_a_task_is_woken_too() {
    within(20, || {
        let runtime = runtime();
        let cache = Cache::<u64, u64>::builder().maxsize(0).build();
        let compute = |missing: Vec<&u64>| {
            let values = missing.into_iter().copied().collect();
            async move {
                sleep(Duration::from_millis(1)).await;
                values
            }
        };
        assert_eq!(runtime.block_on(cache.get_or_insert_many_async(&[1, 2], compute)), [1, 2]);
    });
}
