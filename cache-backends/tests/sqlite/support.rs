//! Spaces in files, and values that check themselves.

use memolith_backends::Sqlite;
use memolith_core::{Backend, Clock, ErrorKind, Record, Space, SystemClock, Timestamp};
use rusqlite::Connection;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

pub(crate) use crate::dir::Dir;
pub(crate) use crate::workers::{Worker, heard, job, say};

impl Dir {
    pub(crate) fn file(&self) -> PathBuf {
        self.0.join("cache.db")
    }

    /// The names of all files, sorted.
    pub(crate) fn names(&self) -> Vec<String> {
        let entries = std::fs::read_dir(&self.0).unwrap();
        let mut names: Vec<String> = entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }
}

pub(crate) fn now() -> Timestamp {
    SystemClock::default().now()
}

pub(crate) fn record(value: impl Into<Vec<u8>>) -> Record {
    Record { value: value.into(), expires: Timestamp::NEVER }
}

pub(crate) fn space(maxsize: Option<u64>) -> Space {
    let mut space = Space::new("test");
    space.maxsize = maxsize;
    space
}

/// The backend in `path`, with `space` opened.
pub(crate) fn opened(path: &Path, space: &Space) -> Sqlite {
    let backend = Sqlite::open(path).unwrap();
    open_space(&backend, space);
    backend
}

/// Opens `space`, after others who write all the time if need be: SQLite's lock is not fair.
pub(crate) fn open_space(backend: &Sqlite, space: &Space) {
    eventually("the space is opened", || match Backend::open(backend, space) {
        Ok(()) => true,
        Err(error) if error.kind() == ErrorKind::Busy => false,
        Err(error) => panic!("a space cannot be opened: {error}"),
    });
}

pub(crate) fn put(backend: &Sqlite, space: &Space, key: u64) -> memolith_core::Result<()> {
    backend.put(space, &key.to_le_bytes(), &record(sealed(key, key)), now())
}

/// Whether `key` is there, with a value that was put under it.
pub(crate) fn has(backend: &Sqlite, space: &Space, key: u64) -> bool {
    let found = backend.get(space, &key.to_le_bytes(), now()).unwrap();
    found.inspect(|record| assert!(is_right(key, &record.value), "key {key} has the value of another")).is_some()
}

/// A value that depends on its key and `salt` in every byte, as long as both say, and carries a sum of itself.
pub(crate) fn sealed(key: u64, salt: u64) -> Vec<u8> {
    let length = 16 + (key.wrapping_mul(2_654_435_761) ^ salt) % 900;
    let mut value = [key.to_le_bytes(), salt.to_le_bytes()].concat();
    let mut state = key ^ salt.rotate_left(32) | 1;
    value.extend((16..length).map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    }));
    value
}

/// Whether `value` was sealed for `key`: what the envelope of the cache tells.
pub(crate) fn is_right(key: u64, value: &[u8]) -> bool {
    let Some(salt) = value.get(8..16) else { return false };
    sealed(key, u64::from_le_bytes(salt.try_into().unwrap())) == value
}

/// Numbers from a seed.
pub(crate) struct Draw(pub(crate) u64);

impl Draw {
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// A number of the one who runs the tests, or `default`.
pub(crate) fn setting(name: &str, default: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(default)
}

/// One number that SQL computes, through a connection of its own.
pub(crate) fn number(path: &Path, sql: &str) -> i64 {
    let connection = Connection::open(path).unwrap();
    connection.busy_timeout(Duration::from_secs(5)).unwrap();
    connection.query_row(sql, [], |row| row.get(0)).unwrap()
}

/// What SQLite says of the whole file.
pub(crate) fn integrity(path: &Path) -> String {
    Connection::open(path).unwrap().query_row("PRAGMA integrity_check", [], |row| row.get(0)).unwrap()
}

/// Waits for `done`, which another process or thread brings about.
#[track_caller]
pub(crate) fn eventually(what: &str, mut done: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(10);
    while !done() {
        assert!(Instant::now() < end, "{what}, not within 10 s");
        std::thread::sleep(Duration::from_millis(5));
    }
}
