//! Tasks: cancelled, never polled again, waiting for each other and for threads.

#![expect(clippy::unwrap_used, reason = "tests")]

use crate::turns::{comes_again, turn};
use crate::watchdog::{until, within};
use memolith::{Cache, Lookup};
use std::future::{Future, pending, poll_fn, ready};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Barrier, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::{Duration, Instant};
use tokio::runtime::{Builder, Runtime};

fn runtime(threads: usize) -> Runtime {
    Builder::new_multi_thread().worker_threads(threads).enable_time().build().unwrap()
}

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// Ready after so many polls; asks to be polled again each time.
async fn breaths(mut polls: u32) {
    poll_fn(|context| {
        if polls == 0 {
            return Poll::Ready(());
        }
        polls -= 1;
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

#[test]
fn what_one_thread_has_put_there_a_task_on_any_other_finds() {
    for ttl in [None, Some(Duration::from_secs(600))] {
        let mut builder = Cache::<u64, u64>::builder();
        if let Some(ttl) = ttl {
            builder = builder.ttl(ttl);
        }
        let cache = builder.build();
        cache.insert(1, 7);
        for _ in 0..3 {
            thread::scope(|scope| {
                scope.spawn(|| {
                    for _ in 0..3 {
                        let mut call = pin!(cache.get_or_insert_async(&1, || ready(8)));
                        assert_eq!(poll(call.as_mut()), Poll::Ready(7));
                        assert_eq!(cache.get_or_insert_with(&1, || 8), 7);
                        assert_eq!(cache.get(&1), Some(7));
                    }
                });
            });
        }
        assert_eq!((cache.info().hits, cache.info().misses), (27, 0));
    }
}

#[test]
fn a_task_finds_all_that_its_thread_has_put_there() {
    let cache = Cache::<u64, u64>::builder().maxsize(20_000).build();
    (0..20_000).for_each(|key| cache.insert(key, key));
    for key in 0..20_000 {
        let mut call = pin!(cache.get_or_insert_async(&key, || ready(u64::MAX)));
        assert_eq!(poll(call.as_mut()), Poll::Ready(key));
    }
    assert_eq!((cache.info().hits, cache.info().misses), (20_000, 0));
}

#[test]
fn tasks_and_threads_of_one_key_compute_once() {
    within(20, || {
        let (runtime, cache) = (runtime(2), Arc::new(Cache::<u64, u64>::builder().build()));
        let computed = Arc::new(AtomicU64::new(0));
        let tasks: Vec<_> = (0..20)
            .map(|_| {
                let (cache, computed) = (Arc::clone(&cache), Arc::clone(&computed));
                runtime.spawn(async move {
                    let compute = async || {
                        for _ in 0..10 {
                            turn().await;
                        }
                        computed.fetch_add(1, Relaxed);
                        7
                    };
                    comes_again(cache.get_or_insert_async(&1, compute)).await
                })
            })
            .collect();
        thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    let value = cache.get_or_insert_with(&1, || {
                        computed.fetch_add(1, Relaxed);
                        7
                    });
                    assert_eq!(value, 7);
                });
            }
        });
        tasks.into_iter().for_each(|task| assert_eq!(runtime.block_on(task).unwrap(), 7));
        let info = cache.info();
        assert_eq!((computed.load(Relaxed), info.hits, info.misses), (1, 23, 1));
    });
}

#[test]
fn two_of_one_key_in_one_task_compute_once() {
    within(20, || {
        let cache = Cache::<u64, u64>::builder().build();
        let computed = AtomicU64::new(0);
        let call = || async {
            let compute = async || {
                breaths(3).await;
                computed.fetch_add(1, Relaxed)
            };
            cache.get_or_insert_async(&1, compute).await
        };
        let (mut one, mut other) = (pin!(call()), pin!(call()));
        let mut values = (None, None);
        let both = poll_fn(|context| {
            if values.0.is_none()
                && let Poll::Ready(value) = one.as_mut().poll(context)
            {
                values.0 = Some(value);
            }
            if values.1.is_none()
                && let Poll::Ready(value) = other.as_mut().poll(context)
            {
                values.1 = Some(value);
            }
            if values.0.is_some() && values.1.is_some() { Poll::Ready(()) } else { Poll::Pending }
        });
        runtime(1).block_on(both);
        assert_eq!((values, computed.load(Relaxed)), ((Some(0), Some(0)), 1));
    });
}

#[test]
fn a_leader_may_be_dropped_at_every_point() {
    within(30, || {
        let runtime = runtime(2);
        for polls in 0..8 {
            let cache = Arc::new(Cache::<u64, u64>::builder().build());
            let call = |value: u64| {
                let cache = Arc::clone(&cache);
                async move {
                    let compute = async || {
                        breaths(4).await;
                        value
                    };
                    cache.get_or_insert_async(&1, compute).await
                }
            };
            let mut leader = Box::pin(call(7));
            let ended = (0..polls).any(|_| poll(leader.as_mut()).is_ready());
            let follower = runtime.spawn(call(8));
            let beside = Arc::clone(&cache);
            let thread = thread::spawn(move || beside.get_or_insert_with(&1, || 9));
            drop(leader);
            let (one, other) = (runtime.block_on(follower).unwrap(), thread.join().unwrap());
            assert_eq!(one, other);
            assert_eq!(one == 7, ended);
            assert_eq!(cache.get(&1), Some(one));
        }
    });
}

#[test]
fn the_loser_of_a_race_passes_the_key_on() {
    within(20, || {
        let cache = Cache::<u64, u64>::builder().build();
        {
            let mut slow = pin!(cache.get_or_insert_async(&1, pending));
            assert!(poll(slow.as_mut()).is_pending());
        }
        assert_eq!(runtime(1).block_on(cache.get_or_insert_async(&1, || ready(8))), 8);
        assert_eq!(cache.info().misses, 2);
    });
}

#[test]
fn ten_thousand_cancelled_waiters_leave_nothing_behind() {
    within(30, || {
        let cache = Cache::<u64, Arc<()>>::builder().build();
        let token = Arc::new(());
        let Lookup::Miss(lease) = cache.lookup(&1) else { panic!("there is nothing yet") };
        thread::scope(|scope| {
            let waiters = scope.spawn(|| {
                let mine = Arc::clone(&token);
                let mut waiters: Vec<_> = (0..10_000)
                    .map(|_| {
                        let mine = Arc::clone(&mine);
                        Box::pin(cache.get_or_insert_async(&1, async move || mine))
                    })
                    .collect();
                waiters.iter_mut().for_each(|waiter| assert!(poll(waiter.as_mut()).is_pending()));
            });
            waiters.join().unwrap();
        });
        assert_eq!(Arc::strong_count(&token), 1);
        drop(lease);
        let value = cache.get_or_insert_with(&1, || Arc::clone(&token));
        cache.clear().unwrap();
        drop(value);
        assert_eq!(Arc::strong_count(&token), 1);
        assert_eq!(cache.info().coalesced, 0);
    });
}

/// A leader was polled and could go on, and nobody polls it: tasks and threads get through, in about 200 ms.
fn stands_still(leader: impl Future<Output = u64>, cache: &Cache<u64, u64>) {
    let mut leader = pin!(leader);
    assert!(poll(leader.as_mut()).is_pending());
    let start = Instant::now();
    thread::scope(|scope| {
        scope.spawn(|| assert_eq!(cache.get_or_insert_with(&1, || 8), 8));
        scope.spawn(|| assert_eq!(runtime(1).block_on(cache.get_or_insert_async(&1, || ready(8))), 8));
    });
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    // It may still end, with its own value, which is not kept.
    while poll(leader.as_mut()).is_pending() {}
    assert_eq!(cache.get(&1), Some(8));
}

#[test]
fn a_leader_that_is_not_polled_blocks_nobody() {
    within(20, || {
        let cache = Cache::<u64, u64>::builder().build();
        let compute = async || {
            breaths(3).await;
            7
        };
        stands_still(cache.get_or_insert_async(&1, compute), &cache);
    });
}

#[test]
fn a_leader_that_was_waited_for_before_it_began_blocks_nobody() {
    within(20, || {
        let cache = Arc::new(Cache::<u64, u64>::builder().build());
        let beside = Arc::clone(&cache);
        let (begun, waited) = (Arc::new(Barrier::new(2)), Arc::new(Barrier::new(2)));
        let (begins, waits) = (Arc::clone(&begun), Arc::clone(&waited));
        // Its wait begins while the lease is outside of `drive`, where a leader has more time.
        let early = thread::spawn(move || {
            begins.wait();
            let mut call = pin!(beside.get_or_insert_async(&1, || ready(8)));
            assert!(poll(call.as_mut()).is_pending());
            waits.wait();
            runtime(1).block_on(call)
        });
        let leader = async {
            let Lookup::Miss(lease) = cache.lookup_async(&1).await else { panic!("there is nothing yet") };
            begun.wait();
            waited.wait();
            let value = lease.drive(async {
                breaths(3).await;
                7
            });
            let value = value.await;
            lease.fill_async(value).await
        };
        let mut leader = pin!(leader);
        assert!(poll(leader.as_mut()).is_pending());
        let start = Instant::now();
        assert_eq!(early.join().unwrap(), 8);
        assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    });
}

/// After ten seconds, for nobody can see whether its holder makes progress.
#[test]
fn a_lease_held_outside_of_drive_blocks_nobody_for_ever() {
    within(40, || {
        let cache = Cache::<u64, u64>::builder().build();
        // One was never driven, one was cancelled inside of `drive`.
        let Poll::Ready(Lookup::Miss(never)) = poll(pin!(cache.lookup_async(&1))) else { panic!("nothing is there") };
        let Poll::Ready(Lookup::Miss(cancelled)) = poll(pin!(cache.lookup_async(&2))) else {
            panic!("nothing is there")
        };
        {
            let mut work = pin!(cancelled.drive(pending::<()>()));
            assert!(poll(work.as_mut()).is_pending());
        }
        thread::scope(|scope| {
            scope.spawn(|| assert_eq!(cache.get_or_insert_with(&1, || 8), 8));
            scope.spawn(|| assert_eq!(cache.get_or_insert_with(&2, || 8), 8));
        });
        assert_eq!((never.fill(7), cancelled.fill(7)), (7, 7));
        assert_eq!((cache.get(&1), cache.get(&2)), (Some(8), Some(8)));
    });
}

#[test]
fn a_task_that_asks_for_its_own_key_computes_again() {
    within(20, || {
        let cache = Cache::<u64, u64>::builder().build();
        let compute = async || {
            breaths(1).await;
            cache.get_or_insert_async(&1, || ready(7)).await + 1
        };
        let value = runtime(1).block_on(cache.get_or_insert_async(&1, compute));
        assert_eq!((value, cache.get(&1)), (8, Some(8)));
    });
}

#[test]
fn tasks_and_a_thread_that_wait_for_each_other_go_on() {
    within(20, || {
        for threads in 1..=3 {
            let cache = Arc::new(Cache::<u64, u64>::builder().build());
            let runtime = runtime(threads);
            // Each computes its own key and, when all have begun, asks for the next one.
            let begun = Arc::new(AtomicU64::new(0));
            let tasks: Vec<_> = (0..3u64)
                .map(|key| {
                    let (cache, begun) = (Arc::clone(&cache), Arc::clone(&begun));
                    runtime.spawn(async move {
                        let compute = async || {
                            begun.fetch_add(1, Relaxed);
                            while begun.load(Relaxed) < 4 {
                                tokio::task::yield_now().await;
                            }
                            let next = (key + 1) % 4;
                            cache.get_or_insert_async(&next, || ready(next)).await;
                            key
                        };
                        assert_eq!(cache.get_or_insert_async(&key, compute).await, key);
                    })
                })
                .collect();
            let value = cache.get_or_insert_with(&3, || {
                begun.fetch_add(1, Relaxed);
                until(|| begun.load(Relaxed) == 4);
                cache.get_or_insert_with(&0, || 0);
                3
            });
            assert_eq!(value, 3);
            tasks.into_iter().for_each(|task| runtime.block_on(task).unwrap());
        }
    });
}

/// The sum of the numbers below, each a call of its own.
fn sum(cache: &Cache<u64, u64>, n: u64) -> Pin<Box<dyn Future<Output = u64> + Send + '_>> {
    Box::pin(async move {
        if n == 0 {
            breaths(1).await;
            return 0;
        }
        n + cache.get_or_insert_async(&(n - 1), || sum(cache, n - 1)).await
    })
}

#[test]
fn recursion_of_tasks_is_deep() {
    within(30, || {
        let deep = thread::Builder::new().stack_size(256 << 20).spawn(|| {
            let cache = Cache::<u64, u64>::builder().maxsize(None).build();
            let runtime = Builder::new_current_thread().build().unwrap();
            assert_eq!(runtime.block_on(sum(&cache, 1_000)), 500_500);
            assert_eq!(cache.info().misses, 1_000);
        });
        deep.unwrap().join().unwrap();
    });
}

#[test]
fn an_error_of_a_task_is_returned_and_not_kept() {
    within(20, || {
        let cache = Cache::<u64, u64>::builder().build();
        let runtime = runtime(1);
        assert_eq!(runtime.block_on(cache.try_get_or_insert_async(&1, || ready(Err("no")))), Err("no"));
        assert_eq!(runtime.block_on(cache.try_get_or_insert_async(&1, || ready(Ok::<_, ()>(7)))), Ok(7));
        assert_eq!((cache.info().misses, cache.len()), (2, 1));
    });
}

#[test]
fn random_cancellations_hang_nobody() {
    within(40, || {
        let (runtime, cache) = (runtime(2), Arc::new(Cache::<u64, u64>::builder().maxsize(4).build()));
        let left = Arc::new(Mutex::new(0u64));
        let tasks: Vec<_> = (0..8u64)
            .map(|task| {
                let (cache, left) = (Arc::clone(&cache), Arc::clone(&left));
                runtime.spawn(async move {
                    for step in 0..400u64 {
                        let key = (task * 31 + step * 17) % 7;
                        let call = cache.get_or_insert_async(&key, async || {
                            breaths((step % 5) as u32).await;
                            key
                        });
                        if step % 3 == 0 {
                            match tokio::time::timeout(Duration::from_micros(step % 40), call).await {
                                Ok(value) => assert_eq!(value, key),
                                Err(_) => *left.lock().unwrap() += 1,
                            }
                        } else {
                            assert_eq!(call.await, key);
                        }
                    }
                })
            })
            .collect();
        tasks.into_iter().for_each(|task| runtime.block_on(task).unwrap());
        let info = cache.info();
        let calls = info.hits + info.misses;
        assert!((3_200 - *left.lock().unwrap()..=3_200).contains(&calls), "{calls}");
    });
}
