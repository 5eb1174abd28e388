//! Writing behind: what is queued is read, removed, flushed, and never lost without a word.

#![expect(clippy::unwrap_used, reason = "tests")]

use crate::fake::{Fake, Fault, Moment};
use crate::watchdog::{until, within};
use memolith::{Backend, Cache, Error, ErrorKind, Postcard, Record, Result, Space, Timestamp, Writes};
use std::ffi::OsStr;
use std::fs::File;
use std::io::Write;
use std::process::Command;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;
use std::time::{Duration, Instant};

const ROUNDS: u64 = 5_000;

fn behind(fake: &Arc<Fake>) -> Cache<u64, u64> {
    Cache::builder().maxsize(None).backend(Arc::clone(fake), "f", Postcard).memory(0).writes(Writes::Behind).build()
}

/// Puts wait until the result is dropped.
fn dam(fake: &Fake) -> impl Drop {
    struct Dam(Arc<AtomicBool>);
    impl Drop for Dam {
        fn drop(&mut self) {
            self.0.store(false, Relaxed);
        }
    }
    let closed = Arc::new(AtomicBool::new(true));
    let dam = Dam(Arc::clone(&closed));
    fake.at(move |moment| {
        while moment == Moment::Put && closed.load(Relaxed) {
            thread::sleep(Duration::from_millis(1));
        }
    });
    dam
}

#[test]
fn what_is_queued_or_being_written_is_read() {
    within(20, || {
        let fake = Fake::new();
        let cache = behind(&fake);
        let dam = dam(&fake);
        for key in 0..100 {
            assert_eq!(cache.get_or_insert_with(&key, || key), key);
        }
        until(|| fake.puts.load(Relaxed) > 0);
        (100..110).for_each(|key| cache.insert(key, key));
        assert_eq!(fake.held(), 0);
        assert!((0..110).all(|key| cache.get(&key) == Some(key)));
        drop(dam);
        cache.flush().unwrap();
        assert_eq!(fake.held(), 110);
    });
}

#[test]
fn the_writer_writes_by_itself_and_in_the_end() {
    within(20, || {
        let fake = Fake::new();
        let cache = behind(&fake);
        cache.insert(1, 1);
        until(|| fake.held() == 1);
        (0..50).for_each(|key| cache.insert(key, key));
        drop(cache);
        assert_eq!(fake.held(), 50);
    });
}

#[test]
fn a_thread_that_wrote_flushes_when_it_ends() {
    within(20, || {
        let fake = Fake::new();
        let cache = Arc::new(behind(&fake));
        for key in 0..20 {
            let cache = Arc::clone(&cache);
            thread::spawn(move || cache.insert(key, key)).join().unwrap();
            assert_eq!(fake.held() as u64, key + 1);
        }
    });
}

#[test]
fn removals_come_after_what_was_queued_before_them() {
    within(30, || {
        let fake = Fake::new();
        let cache = behind(&fake);
        for round in 0..200 {
            cache.insert(1, round);
            cache.insert(2, round);
            if round % 2 == 0 {
                thread::sleep(Duration::from_micros(round * 20));
            }
            assert!(cache.remove(&1).unwrap());
            assert_eq!((cache.get(&1), cache.get(&2)), (None, Some(round)));
            cache.clear().unwrap();
            assert_eq!(cache.get(&2), None);
            cache.flush().unwrap();
            assert_eq!(fake.held(), 0);
        }
    });
}

#[test]
fn a_full_queue_is_waited_for_and_then_given_up() {
    within(30, || {
        let fake = Fake::new();
        let cache = behind(&fake);
        let dam = dam(&fake);
        cache.insert(0, 0);
        until(|| fake.puts.load(Relaxed) > 0);
        // The batch that is being written has left the queue.
        (1..=4_096).for_each(|key| cache.insert(key, key));
        let start = Instant::now();
        assert_eq!(cache.get_or_insert_with(&5_000, || 7), 7);
        let waited = start.elapsed();
        assert!(waited < Duration::from_secs(5), "{waited:?}");
        assert_eq!(cache.info().errors, 1);
        // There is room for what is in the queue already.
        cache.insert(1, 8);
        assert_eq!((cache.info().errors, cache.get(&1)), (1, Some(8)));
        drop(dam);
        cache.flush().unwrap();
        assert_eq!((fake.held(), cache.get(&5_000)), (4_097, None));
    });
}

#[test]
fn errors_of_the_writer_are_counted_and_told() {
    for fault in [Fault::Fails, Fault::Panics] {
        within(20, move || {
            let fake = Fake::new();
            let told = Arc::new(AtomicU64::new(0));
            let seen = Arc::clone(&told);
            let cache = Cache::<u64, u64>::builder()
                .backend(Arc::clone(&fake), "f", Postcard)
                .writes(Writes::Behind)
                .on_error(move |_| {
                    seen.fetch_add(1, Relaxed);
                    // The writer survives it.
                    panic!("planned");
                })
                .build();
            // Before the backend fails, for a panicking callback is the caller's when the caller meets the error.
            cache.insert(1, 1);
            cache.flush().unwrap();
            let toggle = Arc::clone(&fake);
            let writes = AtomicU64::new(0);
            fake.at(move |moment| {
                if moment == Moment::Put {
                    // As often as the writer tries.
                    let failing = writes.fetch_add(1, Relaxed) < 3;
                    toggle.fault(if failing { fault } else { Fault::None });
                } else {
                    toggle.fault(Fault::None);
                }
            });
            cache.insert(2, 2);
            until(|| told.load(Relaxed) == 1);
            assert_eq!(cache.info().errors, 1);
            cache.insert(3, 3);
            until(|| fake.held() == 3);
            assert_eq!((told.load(Relaxed), cache.info().errors), (1, 1));
        });
    }
}

#[test]
fn the_writer_ends_with_its_cache() {
    within(20, || {
        let fake = Fake::new();
        let cache = behind(&fake);
        cache.insert(1, 1);
        until(|| fake.held() == 1);
        drop(cache);
        // Whoever holds the backend is its writer.
        until(|| Arc::strong_count(&fake) == 1);
    });
}

#[test]
fn every_record_of_many_threads_arrives_once_or_more() {
    within(30, || {
        let fake = Fake::new();
        let cache = behind(&fake);
        let removed = Mutex::new(0);
        thread::scope(|scope| {
            for thread in 0..4u64 {
                let (cache, removed) = (&cache, &removed);
                scope.spawn(move || {
                    for step in 0..500 {
                        let key = thread * 1_000 + step;
                        cache.get_or_insert_with(&key, || key);
                        if step % 5 == 0 {
                            assert!(cache.remove(&key).unwrap());
                            *removed.lock().unwrap() += 1;
                        }
                    }
                });
            }
        });
        cache.flush().unwrap();
        assert_eq!((fake.held(), *removed.lock().unwrap()), (1_600, 400));
    });
}

/// Refuses large records.
#[derive(Debug, Default)]
struct Picky(memolith::backends::Memory);

impl Backend for Picky {
    fn open(&self, space: &Space) -> Result<()> {
        self.0.open(space)
    }

    fn get(&self, space: &Space, key: &[u8], now: Timestamp) -> Result<Option<Record>> {
        self.0.get(space, key, now)
    }

    fn put(&self, space: &Space, key: &[u8], record: &Record, now: Timestamp) -> Result<()> {
        if record.value.len() > 1_000 {
            return Err(Error::new(ErrorKind::Unavailable, "the record is too large"));
        }
        self.0.put(space, key, record, now)
    }

    fn remove(&self, space: &Space, key: &[u8]) -> Result<bool> {
        self.0.remove(space, key)
    }

    fn clear(&self, space: &Space) -> Result<()> {
        self.0.clear(space)
    }

    fn len(&self, space: &Space) -> Result<u64> {
        self.0.len(space)
    }
}

#[test]
fn what_is_refused_takes_nothing_with_it() {
    within(20, || {
        let cache = Cache::<u64, String>::builder().maxsize(None).memory(0).writes(Writes::Behind);
        let cache = cache.backend(Arc::new(Picky::default()) as Arc<dyn Backend>, "f", Postcard).build();
        (0..100).for_each(|key| cache.insert(key, "old".into()));
        cache.flush().unwrap();
        for key in 0..100 {
            cache.insert(key, if key == 50 { "x".repeat(2_000) } else { "new".into() });
        }
        until(|| cache.flush().is_ok() && cache.info().errors > 0);
        for key in 0..100 {
            assert_eq!(cache.get(&key), (key != 50).then(|| "new".into()), "{key}");
        }
    });
}

#[test]
fn what_is_queued_counts() {
    within(20, || {
        let fake = Fake::new();
        let cache = behind(&fake);
        assert!(cache.is_empty());
        (0..10).for_each(|key| cache.insert(key, key));
        assert_eq!((cache.len(), cache.is_empty(), cache.info().currsize), (10, false, 10));
        // A batch that takes long is not waited for.
        let dam = dam(&fake);
        cache.insert(100, 100);
        until(|| fake.puts.load(Relaxed) > 10);
        cache.insert(101, 101);
        assert_eq!(cache.len(), 12);
        cache.set_maxsize(11);
        assert_eq!(cache.info().currsize, 11);
        drop(dam);
    });
}

#[test]
fn the_queue_is_bounded_by_bytes_too() {
    within(30, || {
        let fake = Fake::new();
        let cache: Cache<u64, Vec<u8>> = Cache::builder()
            .maxsize(None)
            .backend(Arc::clone(&fake), "f", Postcard)
            .memory(0)
            .writes(Writes::Behind)
            .build();
        let dam = dam(&fake);
        cache.insert(0, vec![0; 20 << 20]);
        until(|| fake.puts.load(Relaxed) > 0);
        (1..=3).for_each(|key| cache.insert(key, vec![1; 5 << 20]));
        assert_eq!(cache.info().errors, 0);
        cache.get_or_insert_with(&4, || vec![2; 5 << 20]);
        assert_eq!((cache.info().errors, cache.contains(&4)), (1, false));
        // There is room in the place of what is in the queue already, and for what is small.
        cache.insert(1, vec![3; 5 << 20]);
        cache.insert(5, vec![4; 10]);
        assert_eq!((cache.info().errors, cache.get(&1)), (1, Some(vec![3; 5 << 20])));
        drop(dam);
        cache.flush().unwrap();
        assert_eq!(fake.held(), 5);
    });
}

/// Where the child of the test below notes what its backend was given.
const NOTES: &str = "MEMOLITH_TEST_NOTES";

#[test]
fn the_end_of_main_flushes_what_threads_that_live_on_have_queued() {
    if let Some(notes) = std::env::var_os(NOTES) {
        return child(&notes);
    }
    within(30, || {
        let notes = std::env::temp_dir().join(format!("memolith-behind-{}", std::process::id()));
        for round in 0..5 {
            // With one thread the tests run on the main one.
            let child = Command::new(std::env::current_exe().unwrap())
                .args(["--exact", "behind::the_end_of_main_flushes_what_threads_that_live_on_have_queued"])
                .args(["--test-threads", "1"])
                .env(NOTES, &notes)
                .output()
                .unwrap();
            assert!(child.status.success(), "{child:?}");
            let noted = std::fs::read(&notes).unwrap_or_default().len();
            let _ = std::fs::remove_file(&notes);
            assert_eq!((round, noted), (round, 200));
        }
    });
}

/// The main thread makes a cache; another one makes a second, writes to both, and lives on.
fn child(notes: &OsStr) {
    let noting = |notes: &OsStr| {
        let fake = Fake::new();
        let file = File::options().create(true).append(true).open(notes).unwrap();
        fake.at(move |moment| {
            if moment == Moment::Stored {
                (&file).write_all(b".").unwrap();
            }
        });
        fake
    };
    let first = Arc::new(behind(&noting(notes)));
    let notes = notes.to_owned();
    let (done, wait) = std::sync::mpsc::channel();
    thread::spawn(move || {
        let second = behind(&noting(&notes));
        (0..100).for_each(|key| first.insert(key, key));
        (0..100).for_each(|key| second.insert(key, key));
        done.send(()).unwrap();
        loop {
            thread::park();
        }
    });
    wait.recv().unwrap();
}

/// What another process removes may be what is queued, or is being written.
#[test]
fn what_others_remove_is_not_written_afterwards() {
    within(20, || {
        let fake = Fake::new();
        let cache = behind(&fake);
        let dam = dam(&fake);
        cache.insert(1, 1);
        until(|| fake.puts.load(Relaxed) > 0);
        cache.insert(2, 2);
        fake.invalidated();
        drop(dam);
        cache.flush().unwrap();
        assert_eq!((fake.held(), cache.get(&1), cache.get(&2)), (0, None, None));
        cache.insert(2, 3);
        cache.flush().unwrap();
        assert_eq!((fake.held(), cache.get(&2)), (1, Some(3)), "what comes after the news is written");
    });
}

/// The same without a queue.
#[test]
fn what_others_remove_while_it_is_written_is_taken_back() {
    let fake = Fake::new();
    let cache: Cache<u64, u64> = Cache::builder().backend(Arc::clone(&fake), "f", Postcard).memory(0).build();
    let told = Arc::downgrade(&fake);
    fake.at(move |moment| {
        if moment == Moment::Put {
            told.upgrade().unwrap().invalidated();
        }
    });
    assert_eq!(cache.get_or_insert_with(&1, || 7), 7);
    assert_eq!(fake.held(), 0);
    fake.at(|_| {});
    assert_eq!(cache.get_or_insert_with(&1, || 8), 8);
    assert_eq!((fake.held(), cache.get(&1)), (1, Some(8)));
}

/// Until the writer knows of it, and while it takes back what it has written.
#[test]
fn what_others_remove_is_not_read_from_the_queue() {
    within(20, || {
        let fake = Fake::new();
        let builder = Cache::<u64, u64>::builder().maxsize(None).backend(Arc::clone(&fake), "f", Postcard);
        let cache = builder.writes(Writes::Behind).build();
        let held_up = dam(&fake);
        cache.insert(1, 1);
        until(|| fake.puts.load(Relaxed) > 0);
        cache.insert(2, 2);
        fake.invalidated();
        assert_eq!((cache.get(&1), cache.get(&2)), (None, None));
        drop(held_up);
        cache.flush().unwrap();
        assert_eq!((cache.get(&1), cache.get(&2)), (None, None));
    });
}

/// Another process removes something else, while this one is replacing a value.
#[test]
fn what_is_replaced_in_the_queue_is_not_read_from_the_backend() {
    within(20, || {
        let fake = Fake::new();
        let builder = Cache::<u64, u64>::builder().maxsize(None).backend(Arc::clone(&fake), "f", Postcard);
        let cache = builder.writes(Writes::Behind).build();
        cache.insert(1, 1);
        cache.flush().unwrap();
        let held_up = dam(&fake);
        cache.insert(0, 0);
        until(|| fake.puts.load(Relaxed) > 1);
        cache.insert(1, 2);
        fake.invalidated();
        let first = cache.get(&1);
        drop(held_up);
        cache.flush().unwrap();
        assert_eq!((first, cache.get(&1), fake.held()), (None, None, 0));
    });
}

/// The second takes the place of the first, wherever that is on its way.
#[test]
fn of_two_values_inserted_at_once_one_is_kept() {
    within(60, || {
        for (name, cache) in [("no memory", 0), ("memory", 10)].map(|(name, memory)| {
            let builder = Cache::<u64, u64>::builder().maxsize(None).memory(memory).writes(Writes::Behind);
            (name, builder.backend(Fake::new(), "f", Postcard).build())
        }) {
            let turn = Barrier::new(2);
            let mut lost = 0;
            thread::scope(|scope| {
                scope.spawn(|| {
                    for round in 0..ROUNDS {
                        turn.wait();
                        cache.insert(round, 1);
                        turn.wait();
                    }
                });
                for round in 0..ROUNDS {
                    turn.wait();
                    cache.insert(round, 2);
                    turn.wait();
                    lost += u64::from(cache.get(&round).is_none());
                }
            });
            assert_eq!(lost, 0, "{name}");
            cache.flush().unwrap();
            let left = (0..ROUNDS).filter(|round| cache.get(round).is_none()).count();
            assert_eq!((left, cache.len() as u64), (0, ROUNDS), "{name}");
        }
    });
}
