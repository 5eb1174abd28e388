//! Files that somebody else holds, and logs that readers keep from being reset.

use crate::support::*;
use memolith_core::{Backend, ErrorKind};
use rusqlite::Connection;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// While another process holds the file, a put says so in bounded time and a get works; then all heals.
#[test]
fn a_locked_file_is_busy_and_heals() {
    if let Some(job) = job() {
        let connection = Connection::open(&job[0]).unwrap();
        connection.execute_batch("BEGIN EXCLUSIVE").unwrap();
        say("ready");
        heard();
        connection.execute_batch("COMMIT").unwrap();
        say("done");
        return;
    }
    let (dir, space) = (Dir::new("locked"), space(Some(100)));
    let backend = opened(&dir.file(), &space);
    put(&backend, &space, 1).unwrap();
    let mut worker = Worker::start("locks::a_locked_file_is_busy_and_heals", &[dir.file().to_str().unwrap()]);
    worker.hear("ready");
    let start = Instant::now();
    assert_eq!(put(&backend, &space, 2).unwrap_err().kind(), ErrorKind::Busy);
    assert_eq!(backend.remove(&space, b"key").unwrap_err().kind(), ErrorKind::Busy);
    assert!(start.elapsed() < Duration::from_secs(3), "two refusals took {:?}", start.elapsed());
    assert!(has(&backend, &space, 1), "a get does not wait for a writer");
    let start = Instant::now();
    std::thread::scope(|scope| {
        for key in 10..18 {
            let (backend, space) = (&backend, &space);
            scope.spawn(move || assert_eq!(put(backend, space, key).unwrap_err().kind(), ErrorKind::Busy));
        }
    });
    assert!(start.elapsed() < Duration::from_secs(3), "eight threads share their wait: {:?}", start.elapsed());
    worker.tell("go on");
    worker.hear("done");
    put(&backend, &space, 2).unwrap();
    assert!(has(&backend, &space, 2), "all is well again");
    worker.end();
}

/// A file that cannot even be opened answers errors in bounded time, and is used once it can be.
#[test]
fn a_file_held_from_the_start_is_used_later() {
    if let Some(job) = job() {
        let connection = Connection::open(&job[0]).unwrap();
        connection
            .execute_batch("PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; BEGIN EXCLUSIVE")
            .unwrap();
        say("ready");
        heard();
        return;
    }
    let (dir, space) = (Dir::new("held"), space(None));
    let mut worker = Worker::start("locks::a_file_held_from_the_start_is_used_later", &[dir.file().to_str().unwrap()]);
    worker.hear("ready");
    let backend = memolith_backends::Sqlite::open(dir.file()).unwrap();
    let start = Instant::now();
    for _ in 0..5 {
        assert_eq!(backend.get(&space, b"key", now()).unwrap_err().kind(), ErrorKind::Busy);
    }
    assert!(start.elapsed() < Duration::from_secs(3), "five refusals took {:?}", start.elapsed());
    worker.end();
    eventually("the file is used", || put(&backend, &space, 1).is_ok());
    assert!(has(&backend, &space, 1), "it works");
}

/// Puts beside readers that are never idle, of this process and of another one: the log stays short.
#[test]
fn the_log_stays_short_beside_busy_readers() {
    if let Some(job) = job() {
        return read_until_told(Path::new(&job[0]));
    }
    let (dir, space, puts) = (Dir::new("log"), space(Some(10_000)), setting("MEMOLITH_PUTS", 30_000));
    let backend = opened(&dir.file(), &space);
    put(&backend, &space, 0).unwrap();
    for other_process in [false, true] {
        let worker = other_process.then(|| {
            let mut worker =
                Worker::start("locks::the_log_stays_short_beside_busy_readers", &[dir.file().to_str().unwrap()]);
            worker.hear("ready");
            worker
        });
        let (done, longest, reads) = (AtomicBool::new(false), AtomicU64::new(0), AtomicU64::new(0));
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !done.load(Relaxed) {
                    has(&backend, &space, reads.fetch_add(1, Relaxed) % 10_000);
                }
            });
            for key in 0..puts {
                // Another process in the log makes a put wait, and sometimes longer than it does.
                let result = put(&backend, &space, key % 20_000);
                assert!(
                    result.as_ref().is_err_and(|error| error.kind() == ErrorKind::Busy) || result.is_ok(),
                    "{result:?}"
                );
                if key % 100 == 0 {
                    let size = std::fs::metadata(dir.0.join("cache.db-wal")).unwrap().len();
                    longest.fetch_max(size, Relaxed);
                }
            }
            done.store(true, Relaxed);
        });
        let (longest, reads) = (longest.into_inner(), reads.into_inner());
        println!(
            "{puts} puts beside {reads} gets, other process {other_process}: a log of at most {} KiB",
            longest >> 10
        );
        assert!(longest < 20 << 20, "the log grew to {longest} bytes, other process {other_process}");
        if let Some(mut worker) = worker {
            worker.tell("enough");
            worker.end();
        }
    }
}

fn read_until_told(path: &Path) {
    let space = space(Some(10_000));
    let backend = opened(path, &space);
    let done = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            say("ready");
            heard();
            done.store(true, Relaxed);
        });
        for key in (0..10_000).cycle() {
            if done.load(Relaxed) {
                return;
            }
            has(&backend, &space, key);
        }
    });
}

/// A log is reset although a reader was left idle in it.
#[test]
fn idle_readers_let_go() {
    let (dir, space) = (Dir::new("idle"), space(None));
    let backend = opened(&dir.file(), &space);
    put(&backend, &space, 1).unwrap();
    assert!(has(&backend, &space, 1), "now a reader holds a transaction");
    // A checkpoint that cuts the log succeeds only when no reader is in it.
    eventually("the reader lets go", || number(&dir.file(), "PRAGMA wal_checkpoint(TRUNCATE)") == 0);
}

/// What a put adds to the log is as long as its value.
#[test]
fn the_log_stays_short_under_large_values() {
    let (dir, space) = (Dir::new("log-large"), space(Some(20)));
    let backend = opened(&dir.file(), &space);
    let mut longest = 0;
    for key in 0..200u64 {
        backend.put(&space, &key.to_le_bytes(), &record(vec![key as u8; 300_000]), now()).unwrap();
        longest = longest.max(std::fs::metadata(dir.0.join("cache.db-wal")).unwrap().len());
    }
    assert!(longest < 20 << 20, "the log grew to {longest} bytes");
}

/// A flush says that all is on the disk when it is, also beside a reader that keeps the log from being copied.
#[test]
fn a_flush_beside_a_reader_is_no_empty_promise() {
    let (dir, space) = (Dir::new("flush"), space(None));
    let backend = opened(&dir.file(), &space);
    let reader = Connection::open(dir.file()).unwrap();
    reader.execute_batch("BEGIN; SELECT count(*) FROM entries").unwrap();
    backend.flush().unwrap();
    put(&backend, &space, 1).unwrap();
    // All but what the reader may see is in the log alone: only another commit can bring it to the disk.
    let writer = Connection::open(dir.file()).unwrap();
    writer.execute_batch("BEGIN IMMEDIATE").unwrap();
    assert_eq!(backend.flush().unwrap_err().kind(), ErrorKind::Busy);
    writer.execute_batch("COMMIT").unwrap();
    let length = || std::fs::metadata(dir.0.join("cache.db-wal")).unwrap().len();
    let before = length();
    backend.flush().unwrap();
    assert!(length() > before, "a commit that is waited for is in the log");
    reader.execute_batch("COMMIT").unwrap();
    backend.flush().unwrap();
    assert!(has(&backend, &space, 1), "nothing else has changed");
}
