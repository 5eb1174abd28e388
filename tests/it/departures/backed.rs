//! The listener of a cache in front of a backend.

use super::{DEPTH, SECOND, take, told};
use crate::fake::Fake;
use crate::watchdog::within;
use memolith::{Cache, Cause, Postcard};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll, Waker};

#[test]
fn what_another_process_invalidates_was_removed() {
    let fake = Fake::new();
    let (cache, told) = told(Cache::<u64, u64>::builder().backend(Arc::clone(&fake), "f", Postcard));
    cache.insert(1, 10);
    fake.wipe();
    fake.invalidated();
    assert_eq!(cache.get(&1), None);
    assert_eq!(take(&told), [(1, 10, Cause::Removed)]);
}

#[test]
fn a_listener_that_looks_again_hears_of_news_once() {
    within(20, || {
        let (fake, heard) = (Fake::new(), Arc::new(AtomicU64::new(0)));
        let hears = Arc::clone(&heard);
        let backend = Arc::clone(&fake);
        let cache = Arc::new_cyclic(|cache: &std::sync::Weak<Cache<u64, u64>>| {
            let cache = cache.clone();
            let listener = move |key: &u64, value: &u64, _: Cause| {
                hears.fetch_add(1, Relaxed);
                let cache = cache.upgrade().unwrap();
                cache.insert(*key, *value);
                assert_eq!(cache.get(key), Some(*value));
            };
            Cache::builder().backend(backend, "f", Postcard).on_evict(listener).build()
        });
        (0..5).for_each(|key| cache.insert(key, key));
        fake.invalidated();
        assert_eq!(cache.get(&1), Some(1));
        assert_eq!(heard.load(Relaxed), 5);
    });
}

/// Panics with whatever it hears.
fn panicking(fake: &Arc<Fake>) -> Cache<u64, u64> {
    let backed = Cache::builder().backend(Arc::clone(fake), "f", Postcard);
    backed.maxsize(None).ttl(SECOND * 1_000).on_evict(|_, _, _| panic!("planned")).build()
}

#[test]
fn the_backend_knows_before_a_listener_panics() {
    let fake = Fake::new();
    let cache = panicking(&fake);
    let quiet = Cache::<u64, u64>::builder().backend(Arc::clone(&fake), "f", Postcard).memory(0).build();
    cache.insert(1, 10);
    cache.insert(2, 20);
    assert!(catch_unwind(AssertUnwindSafe(|| cache.insert(1, 11))).is_err());
    assert_eq!((quiet.get(&1), cache.get(&1)), (Some(11), Some(11)));
    assert!(catch_unwind(AssertUnwindSafe(|| cache.remove(&1))).is_err());
    assert_eq!((quiet.get(&1), cache.get(&1), quiet.get(&2)), (None, None, Some(20)));
    cache.insert(3, 30);
    assert!(catch_unwind(AssertUnwindSafe(|| cache.remove_if(|key, _| *key == 3))).is_err());
    assert_eq!((quiet.get(&3), fake.held()), (None, 1));
    assert!(catch_unwind(AssertUnwindSafe(|| cache.clear())).is_err());
    assert_eq!((fake.held(), cache.get(&2)), (0, None));
    cache.insert(4, 40);
    cache.insert(5, 50);
    assert!(catch_unwind(AssertUnwindSafe(|| cache.set_maxsize(1))).is_err());
    assert_eq!((fake.maxsize(), cache.info().maxsize), (Some(1), Some(1)));
}

#[test]
fn a_listener_may_wait_for_the_value_that_is_being_stored() {
    within(20, || {
        for fake in [Fake::new(), Fake::native()] {
            let backend = Arc::clone(&fake);
            let cache = Arc::new_cyclic(|cache: &std::sync::Weak<Cache<u64, u64>>| {
                let cache = cache.clone();
                let listener = move |key: &u64, _: &u64, cause: Cause| {
                    if cause == Cause::Evicted && *key < 100 && DEPTH.replace(1) == 0 {
                        // Evicts the one that is being stored, so that it is no hit.
                        let cache = cache.upgrade().unwrap();
                        cache.insert(100, 0);
                        assert_eq!(cache.get_or_insert_with(&(key + 1), || 0), key + 1);
                        DEPTH.set(0);
                    }
                };
                let backed = Cache::builder().backend(backend, "f", Postcard);
                backed.maxsize(None).memory(1).on_evict(listener).build()
            });
            for key in 0..20 {
                let mut call = pin!(cache.get_or_insert_async(&key, async || key));
                let value = loop {
                    match call.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                        Poll::Ready(value) => break value,
                        Poll::Pending => std::thread::yield_now(),
                    }
                };
                assert_eq!(value, key);
            }
        }
    });
}
