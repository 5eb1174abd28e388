//! Bounds and counts where several processes, threads and policies meet.

use crate::support::*;
use memolith_core::{Backend, Policy, Record, Timestamp};
use rusqlite::Connection;
use std::path::Path;
use std::time::Duration;

/// Two processes that write in turn, long enough for each to write alone: counts are exact after every turn.
#[test]
fn counts_are_exact_across_processes() {
    if let Some(job) = job() {
        return put_on_demand(Path::new(&job[0]));
    }
    let (dir, space) = (Dir::new("counts"), space(Some(500)));
    let backend = opened(&dir.file(), &space);
    let mut worker = Worker::start("bounds::counts_are_exact_across_processes", &[dir.file().to_str().unwrap()]);
    worker.hear("ready");
    let rows = || number(&dir.file(), "SELECT count(*) FROM entries") as u64;
    let mut next = 0;
    for (ours, theirs) in [(300, 0), (0, 1), (1, 1), (400, 30), (3, 400), (0, 10), (600, 600)] {
        for _ in 0..ours {
            next += 1;
            put(&backend, &space, next).unwrap();
        }
        worker.tell(&theirs.to_string());
        worker.hear("put");
        next = next.max(1);
        assert_eq!(backend.len(&space).unwrap(), rows(), "after {ours} and {theirs} puts");
        assert!(rows() <= 500, "{} entries where 500 are allowed", rows());
    }
    assert_eq!(rows(), 500, "it is full");
    worker.end();
    drop(backend);
    assert_eq!(number(&dir.file(), "SELECT entries FROM spaces"), 500, "whoever closes the file leaves the count");
}

fn put_on_demand(path: &Path) {
    let space = space(Some(500));
    let backend = opened(path, &space);
    say("ready");
    let mut next = 1 << 32;
    while let Some(count) = heard() {
        for _ in 0..count.parse().unwrap() {
            next += 1;
            put(&backend, &space, next).unwrap();
        }
        let rows = number(path, "SELECT count(*) FROM entries") as u64;
        assert_eq!(backend.len(&space).unwrap(), rows);
        say("put");
    }
}

/// Of puts that are committed together, one that cannot be written takes none with it.
#[test]
fn one_bad_put_fails_alone() {
    let (dir, space) = (Dir::new("bad"), space(Some(10_000)));
    let backend = opened(&dir.file(), &space);
    let trap = "CREATE TRIGGER trap BEFORE INSERT ON entries WHEN new.size = 4242
        BEGIN SELECT RAISE(ABORT, 'this one cannot be written'); END";
    Connection::open(dir.file()).unwrap().execute_batch(trap).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..8u64 {
            let (backend, space) = (&backend, &space);
            scope.spawn(move || {
                for i in 0..100 {
                    let key = thread * 1_000 + i;
                    let bad = thread == 7;
                    let value = if bad { vec![0; 4_234] } else { sealed(key, key) };
                    let result = backend.put(space, &key.to_le_bytes(), &record(value), now());
                    assert_eq!(result.is_err(), bad, "put {key}: {result:?}");
                }
            });
        }
    });
    let good = (0..7u64).flat_map(|thread| (0..100).map(move |i| thread * 1_000 + i));
    assert_eq!(good.filter(|key| has(&backend, &space, *key)).count(), 700, "every good put is there");
    assert_eq!(backend.len(&space).unwrap(), 700, "and nothing else");
}

/// Expired entries are reclaimed by later puts, a few at a time, and do not count any more.
#[test]
fn expired_entries_are_reclaimed() {
    let (dir, space, start) = (Dir::new("expired"), space(None), now());
    let backend = opened(&dir.file(), &space);
    let short = |i: u64| Record { value: sealed(i, i), expires: start.after(Duration::from_secs(i)) };
    let entries: Vec<_> = (1..=400u64).map(|i| (i.to_le_bytes().to_vec(), short(i))).collect();
    backend.put_many(&space, &entries, start).unwrap();
    let late = start.after(Duration::from_secs(300));
    for i in 1_000..1_060u64 {
        backend.put(&space, &i.to_le_bytes(), &record(sealed(i, i)), late).unwrap();
    }
    assert_eq!(number(&dir.file(), "SELECT count(*) FROM entries"), 160, "100 that live on and 60 new ones");
    assert_eq!(backend.len(&space).unwrap(), 160);
    assert!(backend.get(&space, &301u64.to_le_bytes(), late).unwrap().is_some(), "what has not expired is there");
}

/// Hits are not written one by one, but are in the order when they matter: a key in use outlives a full turnover.
#[test]
fn hits_keep_entries_without_a_write_each() {
    let (dir, space) = (Dir::new("hits"), space(Some(100)));
    let backend = opened(&dir.file(), &space);
    let at = |step: u64| Timestamp::from_micros(1_600_000_000_000_000).after(Duration::from_secs(step));
    for key in 0..100u64 {
        backend.put(&space, &key.to_le_bytes(), &record(sealed(key, key)), at(key)).unwrap();
    }
    let version = Connection::open(dir.file()).unwrap();
    let commits = || version.query_row("PRAGMA data_version", [], |row| row.get::<_, i64>(0)).unwrap();
    let before = commits();
    for step in 0..10_000u64 {
        let got = backend.get(&space, &(step % 5).to_le_bytes(), at(200 + step / 100)).unwrap();
        assert!(got.is_some(), "nothing leaves while nothing is put");
    }
    assert_eq!(commits(), before, "ten thousand hits are no write");
    for key in 100..400u64 {
        for used in 0..5u64 {
            let got = backend.get(&space, &used.to_le_bytes(), at(300 + key * 100)).unwrap();
            assert!(got.is_some(), "key {used} is used all the time and has left at {key}");
        }
        backend.put(&space, &key.to_le_bytes(), &record(sealed(key, key)), at(300 + key * 100)).unwrap();
    }
}

/// A space can change its policy: the old order is turned into the new one's scale.
#[test]
fn a_policy_can_be_changed() {
    let (dir, mut space) = (Dir::new("policy"), space(Some(20)));
    let backend = opened(&dir.file(), &space);
    let mut key = 0u64;
    let policies = [Policy::Lru, Policy::Lfu, Policy::Random, Policy::Lfu, Policy::Fifo, Policy::Random, Policy::Mru];
    for policy in policies {
        space.policy = policy;
        Backend::open(&backend, &space).unwrap();
        for _ in 0..15 {
            key += 1;
            put(&backend, &space, key).unwrap();
            assert!(has(&backend, &space, key), "the newest is there, {policy:?}");
        }
        assert_eq!(backend.len(&space).unwrap(), key.min(20), "{policy:?}");
    }
    space.policy = Policy::Lru;
    Backend::open(&backend, &space).unwrap();
    (1_000..1_020).for_each(|key| put(&backend, &space, key).unwrap());
    assert_eq!((1_000..1_020).filter(|key| has(&backend, &space, *key)).count(), 20, "all old ones left first");
}
