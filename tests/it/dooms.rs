//! What was invalidated and could not be removed from the backend is not served by this process.

#![expect(clippy::unwrap_used, reason = "tests")]

use crate::fake::{Fake, Fault, Moment};
use crate::watchdog::within;
use memolith::{Cache, Postcard, Writes};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::mpsc::channel;
use std::sync::{Arc, Mutex};
use std::thread;

fn backed(fake: &Arc<Fake>, writes: Writes) -> Cache<u64, u64> {
    Cache::builder().maxsize(None).backend(Arc::clone(fake), "f", Postcard).memory(0).writes(writes).build()
}

/// Nobody is told 1 until there is a new value, and that one is told.
fn old_value_is_gone(cache: &Cache<u64, u64>, fake: &Fake) {
    assert_eq!((cache.get(&1), cache.contains(&1)), (None, false));
    fake.fault(Fault::None);
    assert_eq!((cache.get(&1), fake.held()), (None, 0));
    cache.insert(1, 3);
    cache.flush().unwrap();
    assert_eq!((cache.get(&1), fake.held()), (Some(3), 1));
}

#[test]
fn a_value_that_could_be_neither_replaced_nor_removed_is_not_served() {
    for fault in [Fault::Fails, Fault::Panics] {
        let fake = Fake::new();
        let cache = backed(&fake, Writes::Through);
        cache.insert(1, 1);
        fake.fault(fault);
        cache.insert(1, 2);
        old_value_is_gone(&cache, &fake);
    }
}

#[test]
fn a_removal_that_failed_is_made_good() {
    let fake = Fake::new();
    let cache = backed(&fake, Writes::Through);
    cache.insert(1, 1);
    fake.fault(Fault::Fails);
    assert!(cache.remove(&1).is_err());
    old_value_is_gone(&cache, &fake);
    fake.fault(Fault::Fails);
    assert!(cache.clear().is_err());
    old_value_is_gone(&cache, &fake);
}

#[test]
fn a_new_value_ends_the_doom_of_the_old_one() {
    let fake = Fake::new();
    let cache = backed(&fake, Writes::Through);
    cache.insert(1, 1);
    fake.fault(Fault::Fails);
    assert!(cache.remove(&1).is_err());
    fake.fault(Fault::None);
    cache.insert(1, 2);
    assert_eq!(cache.get(&1), Some(2));
}

type Compute = fn(&Cache<u64, u64>) -> u64;

#[test]
fn a_removal_during_a_write_that_cannot_be_undone_holds() {
    let sync: Compute = |cache| cache.get_or_insert_with(&1, || 1);
    let task: Compute = |cache| {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(cache.get_or_insert_async(&1, async || 1))
    };
    for (fake, compute) in [(Fake::new(), sync), (Fake::new(), task), (Fake::native(), task)] {
        within(20, move || {
            let cache = backed(&fake, Writes::Through);
            let (arrived, arrival) = channel();
            let (go, gone) = channel::<()>();
            let stop = Mutex::new(Some((arrived, gone)));
            let locked = Arc::new(AtomicBool::new(false));
            let (lock, backend) = (Arc::clone(&locked), Arc::clone(&fake));
            fake.at(move |moment| {
                if moment == Moment::Stored
                    && let Some((arrived, gone)) = stop.lock().unwrap().take()
                {
                    arrived.send(()).unwrap();
                    let _ = gone.recv();
                }
                let fails = moment == Moment::Remove && lock.load(SeqCst);
                backend.fault(if fails { Fault::Fails } else { Fault::None });
            });
            thread::scope(|scope| {
                let computing = scope.spawn(|| compute(&cache));
                arrival.recv().unwrap();
                assert!(cache.remove(&1).unwrap());
                // As if the write had been slower: it ends after the removal.
                fake.restore();
                locked.store(true, SeqCst);
                go.send(()).unwrap();
                assert_eq!(computing.join().unwrap(), 1);
            });
            assert_eq!((cache.get(&1), fake.held()), (None, 1));
            locked.store(false, SeqCst);
            old_value_is_gone(&cache, &fake);
        });
    }
}

#[test]
fn a_batch_that_failed_leaves_nothing_of_the_values_before() {
    within(20, || {
        let fake = Fake::new();
        let cache = backed(&fake, Writes::Behind);
        cache.insert(1, 1);
        cache.flush().unwrap();
        fake.fault(Fault::Fails);
        cache.insert(1, 2);
        assert!(cache.flush().is_err());
        old_value_is_gone(&cache, &fake);
        // Where only the write fails, other processes see nothing of it either.
        let failing = Arc::clone(&fake);
        fake.at(move |moment| failing.fault(if moment == Moment::Put { Fault::Fails } else { Fault::None }));
        cache.insert(1, 4);
        assert!(cache.flush().is_err());
        assert_eq!(fake.held(), 0);
    });
}
