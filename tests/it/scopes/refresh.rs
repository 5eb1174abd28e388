//! `write_only`: values computed anew take the place of what was there.

use crate::fake::{Fake, Moment};
use crate::watchdog::within;
use memolith::{Cache, Lookup, Postcard, Scope};
use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, Waker};

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

/// In memory, in a backend, and in both.
fn caches() -> Vec<(Cache<u64, u64>, Arc<Fake>)> {
    let backed = |memory, fake: Arc<Fake>| {
        (Cache::builder().backend(Arc::clone(&fake), "f", Postcard).memory(memory).build(), fake)
    };
    let alone = (Cache::builder().build(), Fake::new());
    vec![alone, backed(0, Fake::new()), backed(10, Fake::new()), backed(0, Fake::native()), backed(10, Fake::native())]
}

fn refreshed(cache: &Cache<u64, u64>, compute: impl FnOnce() -> u64) -> u64 {
    let _inside = Scope::new().write_only().enter();
    cache.get_or_insert_with(&1, compute)
}

#[test]
fn a_new_value_takes_the_place_of_the_old_one() {
    for (cache, _) in caches() {
        cache.insert(1, 10);
        let refresh = Scope::new().write_only();
        let inside = refresh.enter();
        assert_eq!((cache.get_or_insert_with(&1, || 20), cache.get(&1)), (20, None));
        drop(inside);
        assert_eq!(cache.get(&1), Some(20));
        let mut task = pin!(refresh.run(cache.get_or_insert_async(&1, || async { 30 })));
        let mut polled = poll(task.as_mut());
        while polled.is_pending() {
            polled = poll(task.as_mut());
        }
        assert_eq!((polled, cache.get(&1), cache.len()), (Poll::Ready(30), Some(30), 1));
        assert_eq!((refresh.stats().computed, refresh.stats().misses), (2, 3));
    }
}

#[test]
fn until_then_others_get_the_old_one() {
    for (cache, _) in caches() {
        cache.insert(1, 10);
        assert_eq!(
            refreshed(&cache, || {
                let _usual = Scope::new().enabled().enter();
                assert_eq!((cache.get(&1), cache.get_or_insert_with(&1, || 0)), (Some(10), 10));
                20
            }),
            20
        );
        assert_eq!(cache.get(&1), Some(20));
    }
}

#[test]
fn an_error_leaves_the_old_one() {
    for (cache, _) in caches() {
        cache.insert(1, 10);
        let inside = Scope::new().write_only().enter();
        assert_eq!(cache.try_get_or_insert_with(&1, || Err("planned")), Err("planned"));
        drop(inside);
        assert_eq!(cache.get(&1), Some(10));
    }
}

#[test]
fn what_is_invalidated_meanwhile_is_not_kept() {
    let invalidate: [fn(&Cache<u64, u64>); 4] = [
        |cache| _ = cache.remove(&1),
        |cache| _ = cache.clear(),
        |cache| _ = cache.remove_if(|_, _| true),
        |cache| cache.insert(1, 15),
    ];
    for (at, invalidate) in invalidate.into_iter().enumerate() {
        for (cache, _) in caches() {
            cache.insert(1, 10);
            let value = refreshed(&cache, || {
                let _usual = Scope::new().enabled().enter();
                invalidate(&cache);
                20
            });
            assert_eq!((value, cache.get(&1)), (20, (at == 3).then_some(15)));
        }
    }
}

#[test]
fn what_is_invalidated_while_it_is_written_is_removed_again() {
    for (cache, fake) in caches().into_iter().skip(1) {
        let cache = Arc::new(cache);
        cache.insert(1, 10);
        let (inside, once) = (Arc::clone(&cache), AtomicBool::new(false));
        fake.at(move |moment| {
            if moment == Moment::Stored && !once.swap(true, Relaxed) {
                inside.remove(&1).unwrap();
            }
        });
        assert_eq!(refreshed(&cache, || 20), 20);
        assert_eq!((cache.get(&1), fake.held()), (None, 0));
    }
}

#[test]
fn nobody_is_waited_for_and_who_computes_meanwhile_keeps_nothing() {
    within(20, || {
        for (cache, _) in caches() {
            let mut lookup = pin!(cache.lookup_async(&1));
            let mut polled = poll(lookup.as_mut());
            while polled.is_pending() {
                polled = poll(lookup.as_mut());
            }
            let Poll::Ready(Lookup::Miss(lease)) = polled else { panic!("nothing is there") };
            assert_eq!(refreshed(&cache, || 20), 20);
            assert_eq!(lease.fill(10), 10);
            assert_eq!(cache.get(&1), Some(20));
        }
    });
}

#[test]
fn of_two_at_once_the_one_that_ends_last_stays() {
    for (cache, _) in caches() {
        let runs = AtomicU64::new(0);
        let outer = refreshed(&cache, || {
            runs.fetch_add(1, Relaxed);
            assert_eq!(refreshed(&cache, || 30 + runs.fetch_add(1, Relaxed)), 31);
            20
        });
        assert_eq!((outer, runs.load(Relaxed), cache.get(&1)), (20, 2, Some(20)));
    }
}
