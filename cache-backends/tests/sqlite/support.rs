//! Directories, values that check themselves, and child processes that are this program again.

use memolith_backends::Sqlite;
use memolith_core::{Backend, Clock, ErrorKind, Record, Space, SystemClock, Timestamp};
use rusqlite::Connection;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// A directory of a test's own, removed when it passes.
pub(crate) struct Dir(pub(crate) PathBuf);

impl Dir {
    pub(crate) fn new(name: &str) -> Dir {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let unique = format!("memolith-{name}-{}-{}", std::process::id(), COUNT.fetch_add(1, Relaxed));
        let path = std::env::temp_dir().join(unique);
        std::fs::create_dir_all(&path).unwrap();
        Dir(path)
    }

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

impl Drop for Dir {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.0);
        }
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

/// What this process is to do when it is a child: the words after the test's name.
pub(crate) fn job() -> Option<Vec<String>> {
    let text = std::env::var("MEMOLITH_JOB").ok()?;
    Some(text.split('\n').map(String::from).collect())
}

/// A process that runs one test of this program with a job, and never outlives it.
pub(crate) struct Worker {
    process: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It has ended already unless the test failed.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

impl Worker {
    pub(crate) fn start(test: &str, job: &[&str]) -> Worker {
        Worker::spawn(Command::new(std::env::current_exe().unwrap()), test, job)
    }

    /// Started by `command`, which ends with this program.
    pub(crate) fn spawn(mut command: Command, test: &str, job: &[&str]) -> Worker {
        command.args([test, "--exact", "--nocapture", "--test-threads=1"]).env("MEMOLITH_JOB", job.join("\n"));
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut process = command.spawn().unwrap();
        let (input, output) = (process.stdin.take().unwrap(), process.stdout.take().unwrap());
        Worker { process, input: Some(input), output: BufReader::new(output) }
    }

    /// Waits until the child says `word`; none when it ends without.
    pub(crate) fn try_hear(&mut self, word: &str) -> Option<String> {
        let mut line = String::new();
        while self.output.read_line(&mut line).unwrap() > 0 {
            if let Some((_, rest)) = line.split_once(word) {
                return Some(rest.trim().into());
            }
            line.clear();
        }
        None
    }

    #[track_caller]
    pub(crate) fn hear(&mut self, word: &str) -> String {
        self.try_hear(word).unwrap_or_else(|| panic!("the child ended without saying {word}"))
    }

    pub(crate) fn tell(&mut self, word: &str) {
        writeln!(self.input.as_mut().unwrap(), "{word}").unwrap();
    }

    /// SIGKILL.
    pub(crate) fn kill(mut self) -> String {
        self.process.kill().unwrap();
        self.process.wait().unwrap();
        let mut rest = Vec::new();
        std::io::Read::read_to_end(&mut self.output, &mut rest).unwrap();
        String::from_utf8_lossy(&rest).into_owned()
    }

    #[track_caller]
    pub(crate) fn end(mut self) {
        drop(self.input.take());
        assert!(self.process.wait().unwrap().success(), "the child failed");
    }
}

/// As a child: says `word` to the parent.
pub(crate) fn say(word: &str) {
    let mut out = std::io::stdout().lock();
    if writeln!(out, "\n{word}").and_then(|()| out.flush()).is_err() {
        // The parent is gone, and nobody else would end this process.
        std::process::exit(0);
    }
}

/// As a child: waits for a word of the parent; none when it is gone.
pub(crate) fn heard() -> Option<String> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line).ok().filter(|read| *read > 0).map(|_| line.trim().into())
}
