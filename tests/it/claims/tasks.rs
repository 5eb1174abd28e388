//! Tasks that claim: they block no executor, and leave nothing behind.

use super::{LONG, leased, until_awaited, waiting};
use crate::fake::{Fake, Fault, Moment};
use crate::watchdog::{until, within};
use memolith::{Cache, Lookup};
use std::future::{Future, pending};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;
use tokio::runtime::{Builder, Runtime};

/// The two ways to claim from a task.
const FAKES: [fn() -> Arc<Fake>; 2] = [Fake::claiming, Fake::native_claiming];

/// One thread: whoever blocks it blocks all.
fn runtime() -> Runtime {
    Builder::new_current_thread().enable_time().build().unwrap()
}

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn tasks_of_several_caches_compute_once() {
    for fake in FAKES {
        within(60, move || {
            let (runtime, fake) = (runtime(), fake());
            let computed = Arc::new(AtomicU64::new(0));
            let tasks: Vec<_> = (0..4)
                .map(|_| {
                    let (cache, computed) = (waiting(&fake, LONG), Arc::clone(&computed));
                    runtime.spawn(async move {
                        let compute = async || {
                            // Longer than a task may stand still without being given up.
                            tokio::time::sleep(Duration::from_millis(600)).await;
                            7 + computed.fetch_add(1, Relaxed)
                        };
                        cache.get_or_insert_async(&1, compute).await
                    })
                })
                .collect();
            for task in tasks {
                assert_eq!(runtime.block_on(task).unwrap(), 7);
            }
            assert_eq!(computed.load(Relaxed), 1);
        });
    }
}

/// A task waits for a lease that the same thread of the executor gives back.
#[test]
fn the_executor_goes_on_while_a_task_waits() {
    for fake in FAKES {
        within(20, move || {
            let (fake, runtime) = (fake(), runtime());
            let (first, second) = (waiting(&fake, LONG), Arc::new(waiting(&fake, LONG)));
            runtime.block_on(async {
                let lease = leased(&first, 1);
                let cache = Arc::clone(&second);
                let waiter = tokio::spawn(async move { cache.get_or_insert_async(&1, async || 8).await });
                until_async(|| fake.claims_awaited.load(Relaxed) > 0).await;
                // A thread follows the task.
                let cache = Arc::clone(&second);
                let follower = thread::spawn(move || cache.get_or_insert_with(&1, || 9));
                tokio::time::sleep(Duration::from_millis(500)).await;
                assert!(!waiter.is_finished() && !follower.is_finished());
                assert_eq!(lease.fill_async(7).await, 7);
                assert_eq!(waiter.await.unwrap(), 7);
                assert_eq!(follower.join().unwrap(), 7);
            });
            let info = second.info();
            assert_eq!((info.hits, info.misses, info.errors), (2, 0, 0));
        });
    }
}

#[test]
fn a_cancelled_claimant_lets_another_compute() {
    for fake in FAKES {
        within(20, move || {
            let (fake, runtime) = (fake(), runtime());
            let (first, second) = (waiting(&fake, LONG), waiting(&fake, LONG));
            runtime.block_on(async {
                let compute = async || {
                    until_async(|| fake.claims_awaited.load(Relaxed) > 0).await;
                    pending().await
                };
                let claimant = first.get_or_insert_async(&1, compute);
                // Its end drops the call.
                let claimant = async { tokio::time::timeout(Duration::from_millis(400), claimant).await };
                let waiter = async {
                    until_async(|| fake.claims_asked.load(Relaxed) > 0).await;
                    second.get_or_insert_async(&1, async || 8).await
                };
                let (claimant, value) = join(claimant, waiter).await;
                assert!(claimant.is_err());
                assert_eq!(value, 8);
            });
        });
    }
}

/// Cancelled at each of its steps, a call leaves the key free for others.
#[test]
fn a_call_cancelled_anywhere_leaves_no_claim_behind() {
    for fake in FAKES {
        within(60, move || {
            let fake = fake();
            let cancelled = waiting(&fake, LONG);
            for steps in 0..12 {
                let key = steps;
                {
                    let mut call = pin!(cancelled.get_or_insert_async(&key, async || {
                        crate::fake::breath().await;
                        10
                    }));
                    for _ in 0..=steps {
                        if poll(call.as_mut()).is_ready() {
                            break;
                        }
                        thread::sleep(Duration::from_millis(1));
                    }
                }
                let other = waiting(&fake, LONG);
                assert_eq!(other.get_or_insert_with(&key, || 5) % 5, 0);
            }
        });
    }
}

/// A task that was cancelled while it waited does not take the claim later.
#[test]
fn a_cancelled_waiter_leaves_the_claim_to_others() {
    for fake in FAKES {
        within(20, move || {
            let (fake, runtime) = (fake(), runtime());
            let (first, second, third) = (waiting(&fake, LONG), waiting(&fake, LONG), waiting(&fake, LONG));
            let lease = leased(&first, 1);
            runtime.block_on(async {
                let waiter =
                    tokio::time::timeout(Duration::from_millis(100), second.get_or_insert_async(&1, async || 8));
                assert!(waiter.await.is_err());
            });
            drop(lease);
            assert_eq!(third.get_or_insert_with(&1, || 9), 9);
        });
    }
}

#[test]
fn the_time_of_a_task_ends_too() {
    for fake in FAKES {
        within(20, move || {
            let (fake, runtime) = (fake(), runtime());
            let (first, second) = (waiting(&fake, LONG), waiting(&fake, Duration::from_millis(300)));
            let _lease = leased(&first, 1);
            assert_eq!(runtime.block_on(second.get_or_insert_async(&1, async || 8)), 8);
        });
    }
}

#[test]
fn a_claim_that_fails_is_no_hindrance_to_a_task() {
    for (fake, fault) in FAKES.into_iter().flat_map(|fake| [(fake, Fault::Fails), (fake, Fault::Panics)]) {
        within(20, move || {
            let (fake, runtime) = (fake(), runtime());
            let cache = waiting(&fake, LONG);
            let toggle = Arc::downgrade(&fake);
            fake.at(move |moment| {
                let fault = if moment == Moment::Claim { fault } else { Fault::None };
                toggle.upgrade().unwrap().fault(fault);
            });
            assert_eq!(runtime.block_on(cache.get_or_insert_async(&1, async || 7)), 7);
            assert_eq!((cache.info().errors, fake.held()), (1, 1));
        });
    }
}

/// More tasks wait than threads may wait for them: whoever need not wait is not held up, and all end.
#[test]
fn many_who_wait_hold_up_nobody() {
    const TASKS: u64 = 150;
    for fake in FAKES {
        within(60, move || {
            let (fake, runtime) = (fake(), runtime());
            let (first, second) = (waiting(&fake, LONG), Arc::new(waiting(&fake, LONG)));
            runtime.block_on(async {
                let mut leases = Vec::new();
                for key in 0..TASKS {
                    match first.lookup_async(&key).await {
                        Lookup::Miss(lease) => leases.push((key, lease)),
                        Lookup::Hit(value) => panic!("there is {value}"),
                    }
                }
                let tasks: Vec<_> = (0..TASKS)
                    .map(|key| {
                        let cache = Arc::clone(&second);
                        tokio::spawn(async move { cache.get_or_insert_async(&key, async || u64::MAX).await })
                    })
                    .collect();
                until_async(|| fake.claims_asked.load(Relaxed) > 2 * TASKS).await;
                assert_eq!(second.get_or_insert_async(&TASKS, async || 7).await, 7);
                for (key, lease) in leases {
                    assert_eq!(lease.fill_async(key).await, key);
                }
                for (key, task) in (0..).zip(tasks) {
                    assert_eq!(task.await.unwrap(), key);
                }
            });
            let info = second.info();
            assert_eq!((info.misses, info.errors), (1, 0));
        });
    }
}

/// Threads and tasks wait for each other's claims.
#[test]
fn a_thread_waits_for_a_task() {
    for fake in FAKES {
        within(20, move || {
            let (fake, runtime) = (fake(), runtime());
            let (first, second): (Cache<u64, u64>, _) = (waiting(&fake, LONG), waiting(&fake, LONG));
            thread::scope(|scope| {
                let waiter = scope.spawn(|| {
                    until(|| fake.claims_asked.load(Relaxed) > 0);
                    second.get_or_insert_with(&1, || 8)
                });
                let value = runtime.block_on(first.get_or_insert_async(&1, async || {
                    until_awaited(&fake);
                    7
                }));
                assert_eq!((value, waiter.join().unwrap()), (7, 7));
            });
        });
    }
}

async fn until_async(condition: impl Fn() -> bool) {
    while !condition() {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
}

/// Both futures, polled in turn.
async fn join<A: Future, B: Future>(one: A, other: B) -> (A::Output, B::Output) {
    let (mut one, mut other) = (pin!(one), pin!(other));
    let (mut left, mut right) = (None, None);
    std::future::poll_fn(|context| {
        if left.is_none()
            && let Poll::Ready(value) = one.as_mut().poll(context)
        {
            left = Some(value);
        }
        if right.is_none()
            && let Poll::Ready(value) = other.as_mut().poll(context)
        {
            right = Some(value);
        }
        if left.is_some() && right.is_some() { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    (left.unwrap(), right.unwrap())
}
