//! Computations of many keys that fail, and what others do to the keys meanwhile.

use crate::fake::{Fake, Fault, Moment};
use crate::watchdog::within;
use memolith::{Cache, Lookup, Postcard, Scope};
use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Poll, Waker};

fn cache() -> Cache<u64, u64> {
    Cache::builder().build()
}

fn backed(fake: &Arc<Fake>) -> Cache<u64, u64> {
    Cache::builder().backend(Arc::clone(fake), "f", Postcard).memory(0).build()
}

fn same(missing: Vec<&u64>) -> Vec<u64> {
    missing.into_iter().copied().collect()
}

fn poll<F: Future>(future: Pin<&mut F>) -> Poll<F::Output> {
    future.poll(&mut Context::from_waker(Waker::noop()))
}

#[test]
fn of_an_error_nothing_is_kept() {
    let cache = cache();
    cache.insert(1, 1);
    assert_eq!(cache.try_get_or_insert_many(&[1, 2, 3, 2, 1], |_| Err::<Vec<u64>, _>("planned")), Err("planned"));
    assert_eq!((cache.info().hits, cache.info().misses, cache.len()), (2, 3, 1));
    assert_eq!(cache.try_get_or_insert_many(&[2, 3], |missing| Ok::<_, ()>(same(missing))), Ok(vec![2, 3]));
}

#[test]
fn of_a_panic_nothing_is_kept() {
    let fake = Fake::new();
    for cache in [cache(), backed(&fake)] {
        let call = || cache.get_or_insert_many(&[2, 3], |_| panic!("planned"));
        assert!(catch_unwind(AssertUnwindSafe(call)).is_err());
        assert_eq!((cache.get_many(&[2, 3]), fake.held()), (vec![None, None], 0));
        assert_eq!(cache.get_or_insert_many(&[2, 3], same), [2, 3]);
    }
}

#[test]
fn a_panic_is_a_call_for_each_key_as_an_error_is() {
    let cache = cache();
    cache.insert(1, 1);
    let keys = [1, 2, 3, 2, 1, 2];
    let call = || cache.get_or_insert_many(&keys, |_| panic!("planned"));
    assert!(catch_unwind(AssertUnwindSafe(call)).is_err());
    assert_eq!((cache.info().hits, cache.info().misses), (2, 4));
    let task = cache.get_or_insert_many_async(&keys, |_| async { panic!("planned") });
    assert!(catch_unwind(AssertUnwindSafe(|| poll(pin!(task)))).is_err());
    assert_eq!((cache.info().hits, cache.info().misses), (4, 8));
}

#[test]
fn too_few_and_too_many_values_are_a_panic_that_says_so() {
    let cache = cache();
    for values in [vec![], vec![2], vec![2, 3, 4]] {
        let call = || cache.get_or_insert_many(&[2, 3], |_| values.clone());
        let message = catch_unwind(AssertUnwindSafe(call)).unwrap_err().downcast::<String>().unwrap();
        assert!(message.contains("given 2 keys") && message.contains(&format!("{} values", values.len())), "{message}");
        assert_eq!(cache.len(), 0);
    }
    assert_eq!(cache.get_or_insert_many(&[2, 3], same), [2, 3]);
}

#[test]
fn what_was_given_up_elsewhere_is_computed_in_turn() {
    let cache = cache();
    let Poll::Ready(Lookup::Miss(lease)) = poll(pin!(cache.lookup_async(&2))) else { panic!("nothing is there") };
    let mut given = Vec::new();
    {
        let mut call = pin!(cache.get_or_insert_many_async(&[1, 2, 3, 2], |missing| {
            given.push(same(missing.clone()));
            async { same(missing) }
        }));
        assert!(poll(call.as_mut()).is_pending());
        // What nobody else computed is there already.
        assert_eq!(cache.get_many(&[1, 3]), [Some(1), Some(3)]);
        drop(lease);
        assert_eq!(poll(call.as_mut()), Poll::Ready(vec![1, 2, 3, 2]));
    }
    assert_eq!(given, [vec![1, 3], vec![2]]);
    let info = cache.info();
    // Those of `get_many`, and the lease that was given up.
    assert_eq!((info.hits, info.misses, info.coalesced), (2 + 1, 3 + 1, 0));
}

#[test]
fn what_was_computed_elsewhere_is_a_hit_that_waited() {
    let cache = cache();
    let Poll::Ready(Lookup::Miss(lease)) = poll(pin!(cache.lookup_async(&2))) else { panic!("nothing is there") };
    let mut call = pin!(cache.get_or_insert_many_async(&[1, 2], |missing| async { same(missing) }));
    assert!(poll(call.as_mut()).is_pending());
    lease.fill(20);
    assert_eq!(poll(call.as_mut()), Poll::Ready(vec![1, 20]));
    assert_eq!((cache.info().hits, cache.info().misses, cache.info().coalesced), (1, 2, 1));
}

#[test]
fn who_asks_within_for_what_is_computed_waits_for_nobody() {
    within(20, || {
        let cache = cache();
        let values = cache.get_or_insert_many(&[1, 2, 3], |missing| {
            assert_eq!(cache.get_or_insert_with(&3, || 30), 30);
            // One of its own, and one that is nobody's.
            assert_eq!(
                cache.get_or_insert_many(&[2, 4], |inner| inner.into_iter().map(|key| key * 10).collect()),
                [20, 40]
            );
            same(missing)
        });
        assert_eq!((values, cache.get_many(&[2, 3, 4])), (vec![1, 2, 3], vec![Some(2), Some(3), Some(40)]));
    });
}

#[test]
fn tasks_do_so_too() {
    within(20, || {
        let cache = cache();
        let compute = async |missing: Vec<u64>| {
            for key in [1, 2, 3] {
                assert_eq!(cache.get_or_insert_async(&key, || async { 10 * key }).await, 10 * key);
            }
            let inner = cache.get_or_insert_many_async(&[3, 4], |inner| async { same(inner) });
            assert_eq!(inner.await, [3, 4]);
            missing
        };
        let call = cache.get_or_insert_many_async(&[1, 2, 3], |missing| compute(same(missing)));
        assert_eq!(poll(pin!(call)), Poll::Ready(vec![1, 2, 3]));
        assert_eq!(cache.get_many(&[3, 4]), [Some(3), Some(4)]);
    });
}

#[test]
fn of_what_is_invalidated_meanwhile_the_rest_is_kept() {
    let fake = Fake::new();
    for (cache, fake) in [(cache(), Fake::new()), (backed(&fake), fake)] {
        let call = cache.get_or_insert_many(&[1, 2, 3], |missing| {
            cache.remove(&2).unwrap();
            cache.insert(3, 30);
            same(missing)
        });
        assert_eq!((call, cache.get_many(&[1, 2, 3])), (vec![1, 2, 3], vec![Some(1), None, Some(30)]));
        assert!(fake.held() == 0 || fake.held() == 2);
    }
}

#[test]
fn what_is_invalidated_while_it_is_written_is_removed_again() {
    for fake in [Fake::new(), Fake::native()] {
        let cache = Arc::new(backed(&fake));
        let (inside, once) = (Arc::clone(&cache), AtomicBool::new(false));
        fake.at(move |moment| {
            if moment == Moment::Stored && !once.swap(true, Relaxed) {
                inside.remove(&1).unwrap();
                inside.remove(&3).unwrap();
            }
        });
        let mut call = pin!(cache.get_or_insert_many_async(&[1, 2, 3], |missing| async { same(missing) }));
        let values = loop {
            if let Poll::Ready(values) = poll(call.as_mut()) {
                break values;
            }
            std::thread::yield_now();
        };
        assert_eq!((values, cache.get_many(&[1, 2, 3]), fake.held()), (vec![1, 2, 3], vec![None, Some(2), None], 1));
    }
}

#[test]
fn a_backend_at_fault_makes_all_of_them_misses() {
    for fault in [Fault::Fails, Fault::Panics] {
        for fake in [Fake::new(), Fake::native()] {
            let cache = backed(&fake);
            assert_eq!(cache.get_or_insert_many(&[1, 2], same), [1, 2]);
            fake.fault(fault);
            assert_eq!(cache.get_or_insert_many(&[1, 2, 3], same), [1, 2, 3]);
            assert_eq!(cache.get_many(&[1, 2]), [None, None]);
            let info = cache.info();
            assert_eq!((info.hits, info.misses, info.errors), (0, 7, 3));
            fake.fault(Fault::None);
            assert_eq!(
                cache.get_or_insert_many(&[1, 2, 3], |missing| missing.into_iter().map(|key| key * 10).collect()),
                [1, 2, 30]
            );
        }
    }
}

#[test]
fn what_must_not_be_computed_is_one_miss_for_all() {
    let (cache, scope) = (cache(), Scope::new().never_compute());
    cache.insert(1, 1);
    let ask = |keys: &[u64]| scope.try_run(|| cache.get_or_insert_many(keys, |_| unreachable!())).ok();
    assert_eq!((ask(&[1, 1]), ask(&[1, 2, 3, 2])), (Some(vec![1, 1]), None));
    assert_eq!((scope.stats().hits, scope.stats().misses, scope.stats().computed), (3, 3, 0));
    assert_eq!((cache.info().hits, cache.info().misses), (3, 3));
    assert_eq!(cache.get_or_insert_many(&[2, 3], same), [2, 3]);
}
