//! What was invalidated is never served again, wherever it was on its way.

#![expect(clippy::unwrap_used, reason = "tests")]

use crate::fake::{Fake, Fault, Moment};
use crate::watchdog::within;
use memolith::{Cache, Lookup, Postcard, Writes};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::thread;

fn backed(fake: &Arc<Fake>, memory: usize) -> Cache<u64, u64> {
    Cache::builder().backend(Arc::clone(fake), "f", Postcard).memory(memory).build()
}

/// Stops the first operation that comes to `moment` until told to go on.
fn stop_at(fake: &Fake, moment: Moment) -> (Receiver<()>, Sender<()>) {
    let (arrived, arrival) = channel();
    let (go, gone) = channel();
    let stop = Mutex::new(Some((arrived, gone)));
    fake.at(move |now| {
        if now != moment {
            return;
        }
        let Some((arrived, gone)) = stop.lock().unwrap().take() else { return };
        arrived.send(()).unwrap();
        // Also when the test has failed and nobody tells.
        let _ = gone.recv();
    });
    (arrival, go)
}

type Invalidate = fn(&Cache<u64, u64>);

/// Every way to invalidate key 1.
const WAYS: [(&str, Invalidate); 3] = [
    ("remove", |cache| _ = cache.remove(&1).unwrap()),
    ("remove_if", |cache| _ = cache.remove_if(|key, _| *key == 1).unwrap()),
    ("clear", |cache| cache.clear().unwrap()),
];

#[test]
fn what_is_computed_during_an_invalidation_is_returned_and_kept_nowhere() {
    for (way, invalidate) in WAYS {
        let fake = Fake::new();
        for cache in [Cache::builder().build(), backed(&fake, 10)] {
            let value = cache.get_or_insert_with(&1, || {
                invalidate(&cache);
                7
            });
            assert_eq!((value, cache.get(&1), fake.held()), (7, None, 0), "{way}");
            assert_eq!(cache.get_or_insert_with(&1, || 8), 8);
            assert_eq!(cache.get(&1), Some(8));
            cache.clear().unwrap();
        }
    }
}

#[test]
fn an_insertion_wins_over_what_is_being_computed() {
    let fake = Fake::new();
    for cache in [Cache::builder().build(), backed(&fake, 10), backed(&fake, 0)] {
        let value = cache.get_or_insert_with(&1, || {
            cache.insert(1, 9);
            7
        });
        assert_eq!((value, cache.get(&1)), (7, Some(9)));
        cache.clear().unwrap();
    }
}

/// A value is being written when its key is invalidated: nothing of it is left.
fn invalidated_while_stored(moment: Moment, memory: usize, invalidate: Invalidate) {
    let fake = Fake::new();
    let cache = backed(&fake, memory);
    let (arrival, go) = stop_at(&fake, moment);
    thread::scope(|scope| {
        let leader = scope.spawn(|| cache.get_or_insert_with(&1, || 7));
        arrival.recv().unwrap();
        invalidate(&cache);
        assert_eq!((cache.get(&1), cache.contains(&1)), (None, false), "{moment:?}");
        // While somebody else computes, too: what is in the backend is still stale.
        let Lookup::Miss(lease) = cache.lookup(&1) else { panic!("a stale value at {moment:?}") };
        assert_eq!((cache.get(&1), cache.contains(&1)), (None, false), "{moment:?}");
        drop(lease);
        go.send(()).unwrap();
        assert_eq!(leader.join().unwrap(), 7);
    });
    assert_eq!((cache.get(&1), fake.held()), (None, 0), "{moment:?}");
}

#[test]
fn an_invalidation_during_a_slow_write_leaves_nothing() {
    within(20, || {
        for (_, invalidate) in WAYS {
            for moment in [Moment::Put, Moment::Stored] {
                for memory in [0, 10] {
                    invalidated_while_stored(moment, memory, invalidate);
                }
            }
        }
    });
}

#[test]
fn what_was_read_before_an_invalidation_is_not_kept_after_it() {
    within(20, || {
        for (way, invalidate) in WAYS {
            let fake = Fake::new();
            backed(&fake, 10).insert(1, 7);
            let cache = backed(&fake, 10);
            let (arrival, go) = stop_at(&fake, Moment::Got);
            thread::scope(|scope| {
                let reader = scope.spawn(|| cache.get_or_insert_with(&1, || 8));
                arrival.recv().unwrap();
                invalidate(&cache);
                go.send(()).unwrap();
                assert_eq!(reader.join().unwrap(), 7);
            });
            assert_eq!(cache.get(&1), None, "{way}");
        }
    });
}

/// Reads that begin while an invalidation is on its way to the backend see what it is about to remove.
#[test]
fn what_is_read_during_an_invalidation_is_not_kept_after_it() {
    within(20, || {
        for ((way, invalidate), moment) in WAYS.into_iter().zip([Moment::Remove, Moment::Get, Moment::Clear]) {
            let fake = Fake::new();
            backed(&fake, 10).insert(1, 7);
            let cache = backed(&fake, 10);
            let (arrival, go) = stop_at(&fake, moment);
            thread::scope(|scope| {
                let writer = scope.spawn(|| invalidate(&cache));
                arrival.recv().unwrap();
                let _ = (cache.get(&1), cache.contains(&1));
                go.send(()).unwrap();
                writer.join().unwrap();
            });
            assert_eq!((cache.get(&1), fake.held()), (None, 0), "{way}");
        }
    });
}

#[test]
fn what_is_read_during_an_insertion_is_not_kept_after_it() {
    within(20, || {
        for memory in [0, 10] {
            let fake = Fake::new();
            backed(&fake, 10).insert(1, 7);
            let cache = backed(&fake, memory);
            let (arrival, go) = stop_at(&fake, Moment::Put);
            thread::scope(|scope| {
                let writer = scope.spawn(|| cache.insert(1, 8));
                arrival.recv().unwrap();
                let _ = cache.get(&1);
                go.send(()).unwrap();
                writer.join().unwrap();
            });
            assert_eq!(cache.get(&1), Some(8));
        }
    });
}

#[test]
fn a_value_that_cannot_be_stored_does_not_leave_the_one_before() {
    let fake = Fake::new();
    let cache = backed(&fake, 0);
    cache.insert(1, 7);
    let failing = Arc::clone(&fake);
    fake.at(move |moment| failing.fault(if moment == Moment::Put { Fault::Fails } else { Fault::None }));
    cache.insert(1, 8);
    assert_eq!((cache.info().errors, fake.held()), (1, 0));
    assert_eq!(cache.get(&1), None);
}

/// Cancelled after so many polls in the middle of writing; then the key is removed.
#[test]
fn a_write_that_goes_on_after_its_task_is_cancelled_is_undone_by_a_removal() {
    within(30, || {
        for fake in [Fake::new, Fake::native] {
            for polls in 1..6 {
                let fake = fake();
                let cache = backed(&fake, 10);
                {
                    let mut call = pin!(cache.get_or_insert_async(&1, async || 7));
                    let mut context = Context::from_waker(Waker::noop());
                    for _ in 0..polls {
                        if call.as_mut().poll(&mut context).is_ready() {
                            break;
                        }
                        thread::sleep(std::time::Duration::from_millis(1));
                    }
                }
                cache.remove(&1).unwrap();
                assert_eq!((cache.get(&1), cache.contains(&1)), (None, false));
                // What the cancelled task has begun ends by itself.
                crate::watchdog::until(|| fake.held() == 0);
                thread::sleep(std::time::Duration::from_millis(5));
                assert_eq!((fake.held(), cache.get(&1)), (0, None), "after {polls} polls");
            }
        }
    });
}

#[test]
fn news_of_another_process_empty_the_memory_tier() {
    let fake = Fake::new();
    let cache = backed(&fake, 10);
    cache.insert(1, 7);
    fake.wipe();
    assert_eq!(cache.get(&1), Some(7));
    fake.invalidated();
    assert_eq!(cache.get(&1), None);
    // What is computed, or was read, at that moment is not kept in memory.
    let value = cache.get_or_insert_with(&1, || {
        fake.invalidated();
        8
    });
    assert_eq!(value, 8);
    fake.wipe();
    assert_eq!(cache.get(&1), None);
    cache.insert(1, 9);
    assert_eq!(cache.get(&1), Some(9));
}

/// How a writer makes the value before stale.
#[derive(Clone, Copy, Debug)]
enum Change {
    Remove,
    RemoveIf,
    Clear,
    Insert,
    /// Another process wipes the backend and says so.
    Elsewhere,
    /// As that, by raising a word.
    Raised(&'static AtomicU64),
}

/// One writer raises the version that computations read, and invalidates; no reader may see a version from before the
/// last invalidation that had ended when it asked.
fn never_stale(cache: &Cache<u64, u64>, fake: Option<&Fake>, change: Change, rounds: u64) {
    let (source, floor, done) = (AtomicU64::new(1), AtomicU64::new(0), AtomicBool::new(false));
    let call = |step: u64| {
        let least = floor.load(SeqCst);
        let compute = || {
            let version = source.load(SeqCst);
            if step.is_multiple_of(3) {
                thread::yield_now();
            }
            version
        };
        let seen = match step % 4 {
            0 => cache.get(&1),
            1 if cache.contains(&1) => cache.get(&1),
            2 => {
                let call = cache.get_or_insert_async(&1, async || {
                    crate::fake::breath().await;
                    compute()
                });
                Some(block_on(call))
            }
            _ => Some(cache.get_or_insert_with(&1, compute)),
        };
        assert!(seen.is_none_or(|seen| seen >= least), "saw {seen:?} after {least} by {change:?} in step {step}");
    };
    thread::scope(|scope| {
        for reader in 0..3 {
            let (call, done) = (&call, &done);
            scope.spawn(move || {
                // Also when the assertion fails, so that the writer ends.
                let mut step = reader;
                while !done.load(SeqCst) {
                    call(step);
                    step += 1;
                }
            });
        }
        for version in 2..rounds {
            source.store(version, SeqCst);
            match change {
                Change::Remove => _ = cache.remove(&1).unwrap(),
                Change::RemoveIf => _ = cache.remove_if(|_, value| *value < version).unwrap(),
                Change::Clear => cache.clear().unwrap(),
                Change::Insert => cache.insert(1, version),
                Change::Elsewhere => {
                    let fake = fake.unwrap();
                    fake.wipe();
                    fake.invalidated();
                }
                Change::Raised(word) => {
                    fake.unwrap().wipe();
                    word.fetch_add(1, SeqCst);
                }
            }
            floor.store(version, SeqCst);
            // A whole time slice goes to the others, who never wait: so not each time.
            if version % 8 == 0 {
                thread::yield_now();
            }
        }
        done.store(true, SeqCst);
    });
}

fn block_on<F: Future>(future: F) -> F::Output {
    struct Unpark(thread::Thread);
    impl std::task::Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.0.unpark();
        }
    }
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(thread::current())));
    loop {
        match future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => return output,
            Poll::Pending => thread::park(),
        }
    }
}

const CHANGES: [Change; 4] = [Change::Remove, Change::RemoveIf, Change::Clear, Change::Insert];

#[test]
fn memory_is_never_stale() {
    within(30, || {
        for change in CHANGES {
            never_stale(&Cache::builder().build(), None, change, 2_000);
        }
    });
}

#[test]
fn a_slow_backend_is_never_stale() {
    within(60, || {
        for native in [Fake::new, Fake::native] {
            for memory in [0, 10] {
                for change in CHANGES {
                    let fake = native();
                    fake.at(|_| thread::yield_now());
                    never_stale(&backed(&fake, memory), None, change, 200);
                }
            }
        }
    });
}

#[test]
fn a_queue_before_the_backend_is_never_stale() {
    within(60, || {
        for memory in [0, 10] {
            for change in CHANGES {
                let fake = Fake::new();
                fake.at(|_| thread::yield_now());
                let builder = Cache::builder().backend(Arc::clone(&fake), "f", Postcard);
                never_stale(&builder.memory(memory).writes(Writes::Behind).build(), None, change, 100);
            }
        }
    });
}

/// A value that the other process removes while ours writes it is the other's to tell again; here only copies count.
#[test]
fn copies_in_memory_are_never_older_than_the_news() {
    within(30, || {
        let fake = Fake::new();
        // Nothing stays in the backend, so that whatever is read comes from memory.
        let forgetful = Arc::clone(&fake);
        fake.at(move |moment| {
            if moment == Moment::Get {
                forgetful.wipe();
            }
        });
        let cache = backed(&fake, 10);
        never_stale(&cache, Some(&fake), Change::Elsewhere, 2_000);
        let word = Box::leak(Box::default());
        fake.follow(word);
        never_stale(&cache, Some(&fake), Change::Raised(word), 2_000);
    });
}

/// Others drop their memory because of what this cache removes, whether that succeeds or not, and because of nothing else.
#[test]
fn what_makes_stored_values_invalid_raises_the_word() {
    let fake = Fake::new();
    let cache = backed(&fake, 2);
    let word: &'static AtomicU64 = Box::leak(Box::default());
    fake.follow(word);
    // Removals, and how often those who read are told.
    let raised = |what: &str, (removals, told): (u64, u64), act: &dyn Fn()| {
        let before = word.load(SeqCst);
        act();
        assert_eq!(word.load(SeqCst) - before, removals + (told << 32), "{what}");
    };
    raised("puts, hits and evictions", (0, 0), &|| {
        (0..5).for_each(|key| cache.insert(key, key));
        (0..9).for_each(|key| _ = cache.get_or_insert_with(&key, || key));
        assert_eq!((cache.get(&9), cache.contains(&10)), (None, false));
    });
    raised("a removal", (1, 1), &|| assert!(cache.remove(&1).unwrap()));
    raised("a removal of nothing", (1, 1), &|| assert!(!cache.remove(&1).unwrap()));
    raised("removals by a predicate", (1, 1), &|| assert_eq!(cache.remove_if(|key, _| *key < 4).unwrap(), 3));
    raised("a clear", (1, 1), &|| cache.clear().unwrap());
    raised("a value that is invalidated while it is written", (1, 2), &|| {
        let (arrival, go) = stop_at(&fake, Moment::Stored);
        thread::scope(|scope| {
            scope.spawn(|| cache.get_or_insert_with(&1, || 1));
            arrival.recv().unwrap();
            cache.remove(&1).unwrap();
            go.send(()).unwrap();
        });
    });
    // As a removal each would tell the others in turn, who take back what they are writing.
    raised("what others remove while a value is written", (1, 1), &|| {
        let (arrival, go) = stop_at(&fake, Moment::Stored);
        thread::scope(|scope| {
            scope.spawn(|| cache.get_or_insert_with(&1, || 1));
            arrival.recv().unwrap();
            word.fetch_add(1, SeqCst);
            assert_eq!(cache.get(&1), None);
            go.send(()).unwrap();
        });
        assert_eq!((cache.get(&1), fake.held()), (None, 0));
    });
    cache.insert(1, 1);
    fake.fault(Fault::Fails);
    raised("a removal that fails", (1, 1), &|| assert!(cache.remove(&1).is_err()));
    raised("attempts to make it good that fail", (0, 0), &|| assert_eq!((cache.get(&1), cache.get(&1)), (None, None)));
    fake.fault(Fault::None);
    raised("one that succeeds", (1, 0), &|| assert_eq!((cache.get(&1), cache.get(&1)), (None, None)));
    fake.fault(Fault::Fails);
    raised("a value that cannot be replaced", (1, 1), &|| cache.insert(1, 2));
}

/// Memory keeps the rest, unless somebody else has removed something meanwhile.
#[test]
fn ones_own_removals_are_no_news() {
    let fake = Fake::new();
    let cache = backed(&fake, 10);
    let word: &'static AtomicU64 = Box::leak(Box::default());
    fake.follow(word);
    (1..4).for_each(|key| cache.insert(key, key));
    cache.get(&1);
    (1..4).for_each(|key| cache.insert(key, key));
    fake.wipe();
    cache.remove(&1).unwrap();
    cache.remove_if(|key, _| *key == 2).unwrap();
    assert_eq!(cache.get(&3), Some(3));
    word.fetch_add(1, SeqCst);
    cache.remove(&1).unwrap();
    assert_eq!(cache.get(&3), None);
}

#[test]
fn two_caches_of_one_space_in_memory_hear_of_each_other() {
    let place = std::sync::Arc::new(memolith::backends::Memory::new());
    let open = || Cache::<u64, u64>::builder().backend(place.clone(), "shared", memolith::Postcard).build();
    let (one, other) = (open(), open());
    one.insert(1, 1);
    assert_eq!(other.get(&1), Some(1));
    assert!(one.remove(&1).expect("memory answers"));
    assert_eq!((one.get(&1), other.get(&1)), (None, None));
    one.insert(1, 2);
    assert_eq!(other.get(&1), Some(2));
    other.clear().expect("memory answers");
    assert_eq!(one.get(&1), None);
}

/// What another process takes back is dropped from memory, and by who is reading it; who computes is not concerned.
#[test]
fn what_others_take_back_ends_copies_and_no_computations() {
    within(20, || {
        let fake = Fake::new();
        let cache = backed(&fake, 10);
        let word: &'static AtomicU64 = Box::leak(Box::default());
        fake.follow(word);
        let ways: [&dyn Fn(); 2] = [&|| fake.taken_back(), &|| _ = word.fetch_add(1 << 32, SeqCst)];
        for take_back in ways {
            cache.insert(1, 7);
            fake.wipe();
            take_back();
            assert_eq!(cache.get(&1), None, "a copy");
            cache.insert(1, 7);
            take_back();
            let (arrival, go) = stop_at(&fake, Moment::Got);
            thread::scope(|scope| {
                let reader = scope.spawn(|| cache.get_or_insert_with(&1, || 8));
                arrival.recv().unwrap();
                fake.wipe();
                take_back();
                assert_eq!(cache.get(&2), None);
                go.send(()).unwrap();
                assert_eq!(reader.join().unwrap(), 7);
            });
            assert_eq!(cache.get(&1), None, "it was being read");
            let value = cache.get_or_insert_with(&3, || {
                take_back();
                assert_eq!(cache.get(&2), None);
                9
            });
            assert_eq!((value, fake.held()), (9, 1), "it was being computed");
            let (arrival, go) = stop_at(&fake, Moment::Stored);
            thread::scope(|scope| {
                scope.spawn(|| cache.get_or_insert_with(&4, || 9));
                arrival.recv().unwrap();
                take_back();
                assert_eq!(cache.get(&2), None);
                go.send(()).unwrap();
            });
            assert_eq!(fake.held(), 2, "it was being written");
            cache.clear().unwrap();
        }
    });
}

/// Whichever is written last in the backend, it is not one that memory has not.
#[test]
fn of_two_values_inserted_at_once_memory_and_backend_keep_one() {
    within(60, || {
        let place = Arc::new(memolith::backends::Memory::new());
        let fresh = || Cache::<u64, u64>::builder().backend(place.clone(), "f", Postcard).build();
        let (cache, mut kept) = (fresh(), 0);
        for round in 0..500 {
            let start = std::sync::Barrier::new(2);
            thread::scope(|scope| {
                for thread in [0, 1] {
                    let (cache, start) = (&cache, &start);
                    scope.spawn(move || {
                        start.wait();
                        cache.insert(round, thread);
                    });
                }
            });
            let there = fresh().get(&round);
            assert!(there.is_none() || there == cache.get(&round), "{round}: {there:?}");
            kept += u64::from(there.is_some());
        }
        assert!(kept > 0);
    });
}

/// A value that was inserted while the one before it was being written is not taken back with that.
#[test]
fn a_value_takes_nothing_with_it_that_came_after_it() {
    within(20, || {
        let fake = Fake::new();
        let cache = backed(&fake, 10);
        let (arrival, go) = stop_at(&fake, Moment::Stored);
        thread::scope(|scope| {
            scope.spawn(|| cache.insert(1, 7));
            arrival.recv().unwrap();
            cache.insert(1, 8);
            go.send(()).unwrap();
        });
        assert_eq!((cache.get(&1), fake.held()), (Some(8), 1));
        assert_eq!(backed(&fake, 10).get(&1), Some(8));
    });
}
