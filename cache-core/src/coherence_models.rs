//! Two caches in front of one backend, each as if in a process of its own: what one removes, the other does not serve.

use crate::backend::{Backend, Record, Space, Watch};
use crate::behind::Writes;
use crate::bytes::{KeyBytes, Scanned, Stamp, Wire};
use crate::cache::{Cache, Lookup};
use crate::error::Result;
use crate::flights::{Caller, Join};
use crate::lease::Lease;
use crate::orders::{check, threads};
use crate::remote::{Remote, stamp};
use crate::stale::Basis;
use crate::store::Store;
use crate::time::{ManualClock, Timestamp};
use shuttle::thread;
use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, MutexGuard, Weak};
use std::time::Duration;

/// A backend whose watchers follow a word and are told nothing else. Others get a turn before and after each step.
#[derive(Debug)]
struct Place {
    // Never held while another thread gets a turn.
    records: Mutex<HashMap<Vec<u8>, Record>>,
    word: &'static AtomicU64,
}

impl Place {
    fn step(&self) -> MutexGuard<'_, HashMap<Vec<u8>, Record>> {
        thread::yield_now();
        self.records.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

impl Backend for Place {
    fn open(&self, _: &Space) -> Result<()> {
        Ok(())
    }

    fn get(&self, _: &Space, key: &[u8], _: Timestamp) -> Result<Option<Record>> {
        let found = self.step().get(key).cloned();
        thread::yield_now();
        Ok(found)
    }

    fn put(&self, _: &Space, key: &[u8], record: &Record, _: Timestamp) -> Result<()> {
        self.step().insert(key.to_vec(), record.clone());
        Ok(())
    }

    fn remove(&self, _: &Space, key: &[u8]) -> Result<bool> {
        let removed = self.step().remove(key).is_some();
        thread::yield_now();
        Ok(removed)
    }

    fn clear(&self, _: &Space) -> Result<()> {
        self.step().clear();
        thread::yield_now();
        Ok(())
    }

    fn len(&self, _: &Space) -> Result<u64> {
        Ok(self.step().len() as u64)
    }

    fn watch(&self, _: &Space, watch: Weak<dyn Watch>) {
        watch.upgrade().into_iter().for_each(|watch| watch.follow(self.word));
    }
}

/// Numbers, as they are.
struct Plain;

impl Wire<u64, u64> for Plain {
    fn space(&self, name: &str) -> String {
        name.into()
    }

    fn key(&self, key: &u64, _: Vec<u8>) -> Result<KeyBytes> {
        Ok(KeyBytes { bytes: key.to_le_bytes().to_vec(), hashed: false })
    }

    fn label(&self, _: &str) -> u64 {
        0
    }

    fn seal(&self, _: u64, _: &KeyBytes, value: &u64, _: Stamp) -> Result<Vec<u8>> {
        Ok(value.to_le_bytes().to_vec())
    }

    fn open(&self, _: u64, _: &KeyBytes, record: &[u8], now: Timestamp) -> Result<Option<(u64, Stamp)>> {
        let value = record.try_into().map(u64::from_le_bytes);
        Ok(value.ok().map(|value| (value, stamp(now, None, Duration::ZERO))))
    }

    fn open_scanned(&self, _: u64, _: &[u8], _: &[u8], _: Timestamp) -> Result<Option<Scanned<u64, u64>>> {
        Ok(None)
    }
}

/// A cache of a process of its own, with 1 and 2 in the backend and in its memory.
fn cache(place: &Arc<Place>) -> Cache<u64, u64> {
    behind(place, Cache::builder().build())
}

fn behind(place: &Arc<Place>, mut cache: Cache<u64, u64>) -> Cache<u64, u64> {
    let backend: Arc<dyn Backend> = Arc::clone(place) as _;
    let store = Store::new(backend, Space::new("f"), Writes::Through, &cache.settings.report);
    cache.remote = Some(Remote::new(store, Box::new(Plain)));
    cache.hears = true;
    [1, 2].into_iter().for_each(|key| cache.insert(key, key));
    cache
}

fn caches<const N: usize>() -> [Arc<Cache<u64, u64>>; N] {
    let word = Box::leak(Box::default());
    let place = Arc::new(Place { records: Mutex::default(), word });
    [(); N].map(|()| Arc::new(cache(&place)))
}

/// One process invalidates while two threads of another read what is invalidated, and a third key: nobody of them finds
/// it afterwards.
fn forgotten(invalidate: fn(&Cache<u64, u64>)) {
    let [ours, theirs] = caches();
    threads(3, move |thread| match thread {
        0 => {
            invalidate(&ours);
            assert_eq!(theirs.get(&1), None);
        }
        1 => _ = theirs.get(&1),
        _ => _ = (theirs.get(&2), theirs.get(&1)),
    });
}

#[test]
fn what_another_process_removes_is_not_served() {
    check(|| forgotten(|cache| _ = cache.remove(&1)), &["raised too early"]);
}

#[test]
fn what_another_process_clears_is_not_served() {
    check(|| forgotten(|cache| _ = cache.clear()), &["raised too early"]);
}

#[test]
fn until_memory_is_dropped_nobody_reads_it() {
    check(
        || {
            let [ours, theirs] = caches();
            ours.remove(&1).unwrap_or_default();
            threads(2, move |_| assert_eq!(theirs.get(&1), None));
        },
        &["heeded too early"],
    );
}

/// Both remove at once: neither takes the other's removal for its own.
#[test]
fn of_two_that_remove_each_forgets_what_the_other_removes() {
    check(
        || {
            let [ours, theirs] = caches();
            threads(3, move |thread| match thread {
                0 => {
                    ours.remove(&1).unwrap_or_default();
                    assert_eq!(theirs.get(&1), None);
                }
                1 => {
                    theirs.remove(&2).unwrap_or_default();
                    assert_eq!(ours.get(&2), None);
                }
                _ => _ = (ours.get(&2), theirs.get(&1)),
            });
        },
        &["news taken for one's own"],
    );
}

/// A value that is to be computed anew, as the others: who computes it does not offer what another process has removed.
#[test]
fn what_another_process_removes_is_not_offered() {
    check(
        || {
            let word = Box::leak(Box::default());
            let place = Arc::new(Place { records: Mutex::default(), word });
            let clock = Arc::new(ManualClock::default());
            let second = Duration::from_secs(1);
            let aging = Cache::builder().ttl(second).stale(second).clock(Arc::clone(&clock) as _);
            let (ours, theirs) = (Arc::new(cache(&place)), Arc::new(behind(&place, aging.build())));
            clock.advance(second);
            threads(2, move |thread| {
                if thread == 0 {
                    _ = ours.remove(&1);
                    assert_eq!(theirs.get_or_insert_with(&1, || 9), 9);
                    return;
                }
                theirs.get_or_insert_with(&1, || {
                    thread::yield_now();
                    9
                });
            });
        },
        &[],
    );
}

/// The same for who has found no news, comes to the board after the removal, and finds the value still in memory.
#[test]
fn what_was_removed_since_there_was_no_news_is_not_offered() {
    check(
        || {
            let place = Arc::new(Place { records: Mutex::default(), word: Box::leak(Box::default()) });
            let clock = Arc::new(ManualClock::default());
            let second = Duration::from_secs(1);
            let aging = Cache::builder().ttl(second).stale(second).clock(Arc::clone(&clock) as _);
            let (ours, theirs) = (cache(&place), Arc::new(behind(&place, aging.build())));
            clock.advance(second);
            let (before, hash) = (theirs.mark_if_aging(), theirs.settings.hasher.hash_one(1_u64));
            _ = ours.remove(&1);
            let Join::Lead(lead) = theirs.flights.join(hash, &1, Caller::Thread) else {
                panic!("nobody else computes")
            };
            let mut lease = Lease::new(&theirs, hash, lead, &1);
            theirs.recall(&mut lease, &1, before);
            let asker = Arc::clone(&theirs);
            let asks = thread::spawn(move || match asker.flights.join(hash, &1, Caller::Thread) {
                Join::Follow(flight) => assert!(asker.offered(&flight, asker.now_if_aging()).is_none()),
                Join::Lead(_) => panic!("somebody computes"),
            });
            thread::yield_now();
            asks.join().expect("a panic ends the model");
        },
        &["offered before the news"],
    );
}

/// What one process has computed and writes while another removes it is not left in the place.
#[test]
fn what_is_written_while_it_is_removed_is_not_left() {
    check(
        || {
            let [ours, theirs] = caches();
            let reader = Arc::clone(&theirs);
            let Lookup::Miss(lease) = theirs.lookup(&3) else { panic!("nothing is there") };
            let remover = thread::spawn(move || {
                _ = ours.remove(&3);
                assert_eq!(reader.get(&3), None);
            });
            lease.fill(3);
            remover.join().expect("a panic ends the model");
            assert_eq!(theirs.get(&3), None);
        },
        &["raised too late"],
    );
}

/// Another process that reads it before it is taken back does not keep it.
#[test]
fn what_is_taken_back_stays_in_no_memory() {
    check(
        || {
            let [ours, theirs] = caches();
            let after = Arc::clone(&theirs);
            threads(2, move |thread| {
                if thread == 0 {
                    _ = theirs.get(&3);
                    return;
                }
                let store = ours.remote.as_ref().map(|remote| Arc::clone(&remote.store));
                let (store, key) = (store.expect("there is a place"), 3_u64.to_le_bytes());
                let record = Record { value: key.to_vec(), expires: Timestamp::NEVER };
                let put = (&mut Some(record.clone()), store.mark(Basis::Own), &mut None);
                store.put(&key, put, (&|| false, Timestamp::from_micros(0))).expect("it takes all");
                store.take_back(&key, Some(&record), &|| false).expect("it removes all");
            });
            assert_eq!(after.get(&3), None);
        },
        &["taken back in silence"],
    );
}

/// Who computes meanwhile is not concerned, and takes nothing back in turn.
#[test]
fn what_is_taken_back_disturbs_nobody_who_writes() {
    check(
        || {
            let [ours, theirs] = caches();
            let after = Arc::clone(&ours);
            threads(2, move |thread| {
                if thread == 0 {
                    ours.get_or_insert_with(&3, || {
                        thread::yield_now();
                        3
                    });
                    return;
                }
                let store = theirs.remote.as_ref().map(|remote| Arc::clone(&remote.store));
                store.map(|store| store.take_back(&1_u64.to_le_bytes(), None, &|| false));
            });
            let there = after.remote.as_ref().and_then(|remote| {
                remote.store.get(&3_u64.to_le_bytes(), Timestamp::from_micros(0)).unwrap_or_default()
            });
            assert!(there.is_some());
        },
        &["taken back as a removal"],
    );
}
