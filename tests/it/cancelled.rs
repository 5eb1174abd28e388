//! What a task has begun to write when it is cancelled.

#![expect(clippy::unwrap_used, reason = "tests")]

use crate::fake::{Fake, Fault, Moment};
use crate::watchdog::{until, within};
use memolith::{Cache, Codec, Error, ErrorKind, Lookup, Postcard, Scope};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::task::{Context, Waker};
use std::time::Duration;

/// More than any of the calls below is polled.
const POLLS: usize = 24;

fn over(fake: &Arc<Fake>, memory: usize) -> Cache<u64, u64> {
    Cache::builder().backend(Arc::clone(fake), "f", Postcard).memory(memory).build()
}

/// A place that takes its time for each step, one whose steps another thread does, and one that is at once.
fn fakes() -> [Arc<Fake>; 3] {
    [Fake::slow(2), Fake::new(), Fake::native()]
}

type Call = fn(&Cache<u64, u64>) -> Pin<Box<dyn Future<Output = ()> + '_>>;

/// Every call that puts 7 under key 1.
const CALLS: [(&str, Call); 6] = [
    ("fill", |cache| {
        Box::pin(async {
            if let Lookup::Miss(lease) = cache.lookup_async(&1).await {
                lease.fill_async(7).await;
            }
        })
    }),
    ("get or insert", |cache| Box::pin(async { _ = cache.get_or_insert_async(&1, async || 7).await })),
    ("try", |cache| Box::pin(async { _ = cache.try_get_or_insert_async(&1, async || Ok::<_, ()>(7)).await })),
    ("many", |cache| {
        let compute = |missing: Vec<&u64>| std::future::ready(missing.iter().map(|key| *key + 6).collect());
        Box::pin(async move { _ = cache.get_or_insert_many_async(&[1, 2, 3], compute).await })
    }),
    ("insert", |cache| Box::pin(cache.insert_async(1, 7))),
    ("insert with ttl", |cache| Box::pin(cache.insert_with_ttl_async(1, 7, Duration::from_secs(3600)))),
];

/// Polls so often, and drops. Whether it has ended by then.
fn cancel<T>(call: impl Future<Output = T>, polls: usize) -> bool {
    let mut call = pin!(call);
    (0..polls).any(|_| call.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_ready())
}

#[test]
fn a_cancelled_write_is_in_both_tiers_or_in_neither() {
    within(60, || {
        for (name, call) in CALLS {
            for polls in 0..POLLS {
                for (at, fake) in fakes().into_iter().enumerate() {
                    let (cache, backend) = (over(&fake, 10), over(&fake, 0));
                    let ended = cancel(call(&cache), polls);
                    let what = format!("{name}, fake {at}, {polls} polls, ended: {ended}");
                    let begun = cache.get(&1);
                    if begun.is_some() {
                        // It goes on by itself.
                        until(|| backend.get(&1) == begun);
                    }
                    assert_eq!((cache.get(&1), backend.get(&1)), (begun, begun), "{what}");
                    assert!(begun == Some(7) || !ended, "{what}");
                    // And lets go of the key.
                    until(|| cache.remove(&1).unwrap() == begun.is_some() || fake.held() == 0);
                    assert_eq!((cache.get(&1), backend.get(&1)), (None, None), "{what}");
                }
            }
        }
    });
}

/// The value before is there until the new one is, and never again after that.
#[test]
fn a_cancelled_replacement_brings_no_old_value_back() {
    within(60, || {
        for (name, call) in &CALLS[4..] {
            for polls in 0..POLLS {
                for memory in [0, 10] {
                    for fake in fakes() {
                        let (cache, backend) = (over(&fake, memory), over(&fake, 0));
                        cache.insert(1, 3);
                        cancel(call(&cache), polls);
                        let begun = cache.get(&1).unwrap();
                        until(|| backend.get(&1) == Some(7) || begun == 3 && backend.get(&1) == Some(3));
                        if begun == 7 {
                            assert_eq!(backend.get(&1), Some(7), "{name}, {polls} polls, memory {memory}");
                        }
                    }
                }
            }
        }
    });
}

/// As a put that fails: the value stays in memory, nothing older in the backend, and it is told.
#[test]
fn a_cancelled_write_that_fails_is_counted_and_leaves_nothing_older() {
    within(60, || {
        for fake in [Fake::slow(2), Fake::native()] {
            let told = Arc::new(AtomicU64::new(0));
            let tell = Arc::clone(&told);
            let builder = Cache::builder().backend(Arc::clone(&fake), "f", Postcard).memory(10);
            let cache = builder.on_error(move |_| _ = tell.fetch_add(1, SeqCst)).build();
            cache.insert(1, 3);
            let failing = Arc::clone(&fake);
            fake.at(move |moment| failing.fault(if moment == Moment::Put { Fault::Fails } else { Fault::None }));
            cancel(cache.insert_async(1, 7), 1);
            until(|| told.load(SeqCst) == 1 && fake.held() == 0);
            assert_eq!((cache.get(&1), cache.info().errors), (Some(7), 1));
            fake.at(|_| {});
        }
    });
}

/// What is invalidated, or replaced, while nobody polls the write any more.
#[test]
fn what_is_removed_after_its_write_was_cancelled_stays_removed() {
    within(60, || {
        for (name, call) in CALLS {
            for polls in 0..POLLS {
                let fake = Fake::slow(2);
                let (cache, backend) = (over(&fake, 10), over(&fake, 0));
                // The rest of the write waits until the key was removed.
                let (held, removed) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
                let (holds, is_removed) = (Arc::clone(&held), Arc::clone(&removed));
                fake.at(move |moment| {
                    if moment == Moment::Put && std::thread::current().name() == Some("memolith-blocking") {
                        holds.fetch_add(1, SeqCst);
                        until(|| is_removed.load(SeqCst) == 1);
                        holds.fetch_sub(1, SeqCst);
                    }
                });
                cancel(call(&cache), polls);
                cache.remove(&1).unwrap();
                assert_eq!((cache.get(&1), cache.contains(&1)), (None, false), "{name}, {polls} polls");
                removed.store(1, SeqCst);
                until(|| held.load(SeqCst) == 0 && backend.get(&1).is_none());
                until(|| {
                    cache.insert(1, 9);
                    (cache.get(&1), backend.get(&1)) == (Some(9), Some(9))
                });
            }
        }
    });
}

/// Threads of the cache's own, at most, that do what tasks have left.
const THREADS: u64 = 8;

/// The write was cancelled, its key removed, and another value put in its place, before what it has left is seen to.
#[test]
fn what_is_put_in_place_of_a_cancelled_write_stays() {
    within(60, || {
        let (busy, done) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU64::new(0)));
        let (comes, is_done, others) = (Arc::clone(&busy), Arc::clone(&done), Fake::new());
        others.at(move |moment| {
            if moment == Moment::Put {
                comes.fetch_add(1, SeqCst);
                until(|| is_done.load(SeqCst) == 1);
            }
        });
        let in_the_way = over(&others, 10);
        (0..THREADS).for_each(|key| _ = cancel(in_the_way.insert_async(key, 0), 1));
        until(|| busy.load(SeqCst) == THREADS);
        let fake = Fake::slow(2);
        let (cache, backend) = (over(&fake, 10), over(&fake, 0));
        cancel(cache.insert_async(1, 7), 1);
        cache.remove(&1).unwrap();
        cache.insert(1, 9);
        done.store(1, SeqCst);
        for _ in 0..50 {
            assert_eq!((cache.get(&1), backend.get(&1)), (Some(9), Some(9)));
            std::thread::sleep(Duration::from_millis(1));
        }
    });
}

/// Numbers in bytes, but for 8, which has no form.
struct NoEight;

impl Codec<u64> for NoEight {
    fn id(&self) -> u8 {
        218
    }

    fn encode(&self, value: &u64, out: &mut Vec<u8>) -> memolith::Result<()> {
        if *value == 8 { Err(Error::new(ErrorKind::Codec, "8 has no form")) } else { Postcard.encode(value, out) }
    }

    fn decode(&self, bytes: &[u8]) -> memolith::Result<u64> {
        Postcard.decode(bytes)
    }
}

/// What cannot be written is removed, which takes its time: the others go on if they are cancelled during it.
#[test]
fn a_cancelled_batch_is_written_also_beside_a_value_that_cannot_be() {
    within(60, || {
        for polls in 0..POLLS {
            for (at, fake) in fakes().into_iter().enumerate() {
                let builder = || Cache::<u64, u64>::builder().backend(Arc::clone(&fake), "f", NoEight);
                let (cache, backend) = (builder().memory(10).build(), builder().memory(0).build());
                (1..=3).for_each(|key| cache.insert(key, key));
                let compute = |missing: Vec<&u64>| std::future::ready(missing.iter().map(|key| *key + 6).collect());
                let (keys, replacing) = ([1, 2, 3], Scope::new().write_only());
                let ended = cancel(replacing.run(cache.get_or_insert_many_async(&keys, compute)), polls);
                for (key, new) in [(1, 7), (3, 9)] {
                    let begun = cache.get(&key).unwrap();
                    assert!(begun == new || !ended, "fake {at}, {polls} polls, key {key}");
                    until(|| backend.get(&key) == Some(begun));
                }
            }
        }
    });
}
