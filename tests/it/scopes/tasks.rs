//! Tasks that go from thread to thread, are dropped midway, and spawn others.

use crate::watchdog::within;
use memolith::{Cache, Scope, lru_cache};
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use tokio::runtime::{Builder, Runtime};
use tokio::task::yield_now;

fn runtime() -> Runtime {
    Builder::new_multi_thread().worker_threads(4).enable_time().build().unwrap()
}

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[lru_cache(maxsize = 10_000)]
async fn slow(n: u64) -> u64 {
    yield_now().await;
    n + 1
}

#[test]
fn each_request_counts_its_own_wherever_it_runs() {
    within(60, || {
        let runtime = runtime();
        let cache = Arc::new(Cache::<u64, u64>::builder().maxsize(10_000).build());
        let requests: Vec<_> = (0..40)
            .map(|number: u64| {
                let (request, cache) = (Scope::new(), Arc::clone(&cache));
                let work = async move {
                    for round in 0..20 {
                        // A key of its own, and one that all share.
                        let own = 1_000 * (number + 1) + round;
                        assert_eq!(cache.get_or_insert_async(&own, || async { own }).await, own);
                        yield_now().await;
                        assert_eq!(cache.get_or_insert_async(&round, || async { round }).await, round);
                        let (scope, theirs) = (Scope::current(), Arc::clone(&cache));
                        // Spawned inside, and handed the scope.
                        let spawned = scope.run(async move { theirs.get_or_insert_async(&own, || async { 0 }).await });
                        assert_eq!(tokio::spawn(spawned).await.unwrap(), own);
                        // Spawned outside of it.
                        let theirs = Arc::clone(&cache);
                        tokio::spawn(async move { theirs.get(&own) }).await.unwrap();
                        assert_eq!(slow(own).await, own + 1);
                    }
                };
                (runtime.spawn(request.run(work)), request)
            })
            .collect();
        let mut computed = 0;
        for (task, request) in requests {
            runtime.block_on(task).unwrap();
            let stats = request.stats();
            assert_eq!(stats.hits + stats.misses, 80);
            assert!(stats.hits >= 20 && stats.misses >= 40, "{stats:?}");
            computed += stats.computed;
        }
        let (info, slow) = (cache.info(), slow::cache_info());
        assert_eq!((info.hits + info.misses, slow.hits + slow.misses), (40 * 20 * 4, 40 * 20));
        assert_eq!(computed, info.misses + slow.misses);
    });
}

#[test]
fn modes_go_with_the_task_and_not_with_its_thread() {
    within(60, || {
        let runtime = runtime();
        let cache = Arc::new(Cache::<u64, u64>::builder().maxsize(10_000).build());
        let tasks: Vec<_> = (0..40)
            .map(|number: u64| {
                let theirs = Arc::clone(&cache);
                let work = async move {
                    for round in 0..20 {
                        theirs
                            .get_or_insert_async(&(100 * number + round), || async {
                                yield_now().await;
                                0
                            })
                            .await;
                        yield_now().await;
                        theirs.insert(100 * number + round + 50, 0);
                    }
                };
                match number % 2 {
                    0 => runtime.spawn(Scope::new().read_only().run(work)),
                    _ => runtime.spawn(work),
                }
            })
            .collect();
        tasks.into_iter().for_each(|task| runtime.block_on(task).unwrap());
        let kept: Vec<_> =
            (0..40).map(|number| (0..100).filter(|n| cache.contains(&(100 * number + n))).count()).collect();
        assert!(
            kept.iter().enumerate().all(|(number, kept)| *kept == if number % 2 == 0 { 0 } else { 40 }),
            "{kept:?}"
        );
    });
}

#[test]
fn a_task_that_is_dropped_midway_leaves_nothing_behind() {
    let cache = Cache::<u64, u64>::builder().build();
    let request = Scope::new().disabled();
    {
        let work = async {
            cache.get_or_insert_async(&1, || async { 7 }).await;
            std::future::pending::<()>().await;
        };
        let mut work = pin!(request.run(work));
        assert!(poll(work.as_mut()).is_pending());
        // Between two polls this thread is outside.
        cache.insert(2, 2);
        assert_eq!(cache.get(&2), Some(2));
        assert!(poll(work.as_mut()).is_pending());
    }
    cache.insert(3, 3);
    assert_eq!((cache.len(), request.stats().misses, request.stats().hits), (2, 1, 0));
}

#[test]
fn a_task_that_panics_leaves_its_scope() {
    let cache = Cache::<u64, u64>::builder().build();
    let runtime = runtime();
    let request = Scope::new().disabled();
    let task = runtime.spawn(request.run(async {
        yield_now().await;
        panic!("planned")
    }));
    assert!(runtime.block_on(task).is_err());
    runtime.block_on(async { cache.insert(1, 1) });
    assert_eq!(cache.get(&1), Some(1));
}
