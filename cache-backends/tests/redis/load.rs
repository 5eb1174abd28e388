//! Callers that check every value they get, threads and tasks side by side, while a test does something to the servers.

use memolith_backends::Redis;
use memolith_core::{Backend, Cache, ErrorKind, Postcard, Record, Result, Space, Timestamp};
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// A cache that keeps nothing in memory, so that each call asks the server.
pub(crate) type Values = Cache<u64, Vec<u8>>;

const THREADS: u64 = 3;
const TASKS: u64 = 12;
const KEYS: u64 = 40;

/// Whether a value that was removed may come back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Memory {
    /// The server forgets nothing that it has said yes to, or everything.
    Exact,
    /// A replica that takes over may not have heard of the last removals.
    Late,
}

/// What the backend reported.
#[derive(Default)]
pub(crate) struct Faults(Mutex<BTreeMap<(String, String), u64>>);

impl Faults {
    pub(crate) fn count(&self) -> u64 {
        self.0.lock().unwrap().values().sum()
    }

    /// What was said, each text once.
    pub(crate) fn texts(&self) -> Vec<String> {
        self.0.lock().unwrap().keys().map(|(_, text)| text.clone()).collect()
    }

    pub(crate) fn has(&self, kind: ErrorKind) -> bool {
        self.0.lock().unwrap().keys().any(|(name, _)| *name == format!("{kind:?}"))
    }
}

/// A cache on `redis` with a name of its own, and what its backend reports.
pub(crate) fn cache(redis: impl memolith_core::IntoBackend, maxsize: Option<usize>) -> (Values, Arc<Faults>) {
    let faults = Arc::new(Faults::default());
    let ear = Arc::clone(&faults);
    let cache = Cache::builder()
        .maxsize(maxsize)
        .memory(0)
        .on_error(move |error| {
            // What is reported is logged, in either form.
            let text = format!("{error} {error:?}");
            *ear.0.lock().unwrap().entry((format!("{:?}", error.kind()), text)).or_default() += 1;
        })
        .backend(redis, fresh("load"), Postcard)
        .build();
    (cache, faults)
}

/// As [`cache`], and deaf: what is computed while a cache begins to hear what others remove is not kept, and here it is
/// counted what is kept.
pub(crate) fn deaf(url: &str, maxsize: Option<usize>) -> (Values, Arc<Faults>) {
    cache(Deaf(Redis::open(url).unwrap()), maxsize)
}

#[derive(Debug)]
struct Deaf(Redis);

impl Backend for Deaf {
    fn open(&self, space: &Space) -> Result<()> {
        Backend::open(&self.0, space)
    }

    fn get(&self, space: &Space, key: &[u8], now: Timestamp) -> Result<Option<Record>> {
        Backend::get(&self.0, space, key, now)
    }

    fn put(&self, space: &Space, key: &[u8], record: &Record, now: Timestamp) -> Result<()> {
        Backend::put(&self.0, space, key, record, now)
    }

    fn remove(&self, space: &Space, key: &[u8]) -> Result<bool> {
        Backend::remove(&self.0, space, key)
    }

    fn clear(&self, space: &Space) -> Result<()> {
        self.0.clear(space)
    }

    fn len(&self, space: &Space) -> Result<u64> {
        self.0.len(space)
    }
}

/// `url` with a time-out for machines that do much else, where to be slow would be a fault.
pub(crate) fn patient(url: &str) -> String {
    format!("{url}?timeout=10s")
}

/// A name that nobody has used.
pub(crate) fn fresh(what: &str) -> String {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    format!("{what}-{}-{}", std::process::id(), COUNT.fetch_add(1, SeqCst))
}

/// A value that depends on its key and a version in every byte.
pub(crate) fn value(key: u64, version: u64) -> Vec<u8> {
    let mut bytes = [key.to_le_bytes(), version.to_le_bytes()].concat();
    let mut state = key.wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ version.rotate_left(40) | 1;
    bytes.extend((0..(key * 7 + version) % 700).map(|_| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        state as u8
    }));
    bytes
}

/// The version of a value of `key`.
#[track_caller]
pub(crate) fn version(key: u64, bytes: &[u8]) -> u64 {
    let version = bytes.get(8..16).map(|bytes| u64::from_le_bytes(bytes.try_into().unwrap()));
    let right = version.is_some_and(|version| value(key, version) == bytes);
    assert!(right, "key {key} has the value of another");
    version.unwrap()
}

/// What callers have felt since the last look.
#[derive(Clone, Debug, Default)]
pub(crate) struct Felt {
    pub(crate) calls: usize,
    /// Of these, how many the backend has answered.
    pub(crate) hits: usize,
    pub(crate) median: Duration,
    pub(crate) p99: Duration,
    pub(crate) slowest: Duration,
}

/// For machines that do much else: a call may take a time-out for asking, one for storing, and one for each key whose
/// removal is to be done again.
pub(crate) const SLOW: Duration = Duration::from_secs(3);

/// Long enough for whatever tries again, however rarely.
pub(crate) const BACK: Duration = Duration::from_secs(5);

impl Felt {
    /// Says what was felt, and that it was bounded.
    #[track_caller]
    pub(crate) fn bounded(self, what: &str) -> Felt {
        println!("{what}: {self:?}");
        assert!(self.slowest < SLOW, "{what}: a call has taken {:?}", self.slowest);
        self
    }
}

/// Asks for each of `keys`, whose values must all be of `newest`; how many the server had.
#[track_caller]
pub(crate) fn ask(cache: &Values, keys: std::ops::Range<u64>, newest: u64) -> usize {
    let mut had = keys.clone().count();
    for key in keys {
        let (start, compute) = (Instant::now(), || {
            had -= 1;
            value(key, newest)
        });
        let bytes = cache.get_or_insert_with(&key, compute);
        assert_eq!(version(key, &bytes), newest, "key {key} has a value that was replaced");
        assert!(start.elapsed() < SLOW, "a call has taken {:?}", start.elapsed());
    }
    had
}

/// Callers at work.
pub(crate) struct Load {
    shared: Arc<Shared>,
    pub(crate) faults: Arc<Faults>,
    threads: Vec<JoinHandle<()>>,
    tasks: tokio::runtime::Runtime,
    handles: Vec<tokio::task::JoinHandle<()>>,
}

struct Shared {
    cache: Values,
    memory: Memory,
    end: AtomicBool,
    felt: Mutex<(Vec<Duration>, usize)>,
}

impl Load {
    pub(crate) fn on(url: &str) -> Self {
        Self::with(url, None, Memory::Exact)
    }

    pub(crate) fn with(url: &str, maxsize: Option<usize>, memory: Memory) -> Self {
        // Without a backend all would be kept in memory.
        let (cache, faults) = cache(Redis::open(url).unwrap(), maxsize);
        let shared = Shared { cache, memory, end: AtomicBool::new(false), felt: Mutex::default() };
        let shared = Arc::new(shared);
        let tasks = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_time().build().unwrap();
        let threads = (0..THREADS).map(|number| {
            let mut caller = Caller::new(&shared, number);
            std::thread::spawn(move || {
                while caller.goes_on() {
                    caller.call();
                    // Gentle: how fast it is, is not the question here.
                    std::thread::sleep(Duration::from_micros(500));
                }
            })
        });
        let handles = (THREADS..THREADS + TASKS).map(|number| {
            let mut caller = Caller::new(&shared, number);
            tasks.spawn(async move {
                while caller.goes_on() {
                    caller.call_async().await;
                    tokio::time::sleep(Duration::from_millis(2)).await;
                }
            })
        });
        let (threads, handles) = (threads.collect(), handles.collect());
        let load = Load { shared, faults, threads, tasks, handles };
        load.until_used(Duration::from_secs(20));
        load.felt();
        load
    }

    /// What was felt since the last look.
    pub(crate) fn felt(&self) -> Felt {
        let (mut times, hits) = std::mem::take(&mut *self.shared.felt.lock().unwrap());
        times.sort();
        let at = |share: usize| times.get(times.len() * share / 1_000).copied().unwrap_or_default();
        let slowest = times.last().copied().unwrap_or_default();
        Felt { calls: times.len(), hits, median: at(500), p99: at(990), slowest }
    }

    /// Waits until callers have made `calls` more calls.
    #[track_caller]
    pub(crate) fn go_on(&self, calls: usize) {
        let end = Instant::now() + Duration::from_secs(30);
        let before = self.shared.felt.lock().unwrap().0.len();
        while self.shared.felt.lock().unwrap().0.len() < before + calls {
            self.check();
            assert!(Instant::now() < end, "{calls} calls have not returned within 30 s");
            std::thread::sleep(Duration::from_millis(2));
        }
    }

    /// Waits until the backend answers every kind of caller again, and says how long that took.
    #[track_caller]
    pub(crate) fn until_used(&self, most: Duration) -> Duration {
        let start = Instant::now();
        let hits = || self.shared.felt.lock().unwrap().1;
        let before = hits();
        while hits() < before + 3 {
            self.check();
            let said = self.faults.texts();
            assert!(start.elapsed() < most, "the server is not used within {most:?}; faults: {said:#?}");
            std::thread::sleep(Duration::from_millis(1));
        }
        start.elapsed()
    }

    /// Fails when a caller has failed.
    #[track_caller]
    fn check(&self) {
        let failed = |ended: bool| assert!(!ended, "a caller has failed, see above");
        self.threads.iter().for_each(|thread| failed(thread.is_finished()));
        self.handles.iter().for_each(|task| failed(task.is_finished()));
    }

    /// Ends the callers: none has failed, none hangs.
    #[track_caller]
    pub(crate) fn end(self) -> Arc<Faults> {
        self.shared.end.store(true, SeqCst);
        let end = Instant::now() + Duration::from_secs(20);
        while !self.threads.iter().all(JoinHandle::is_finished) || !self.handles.iter().all(|task| task.is_finished()) {
            assert!(Instant::now() < end, "a call has not returned within 20 s");
            std::thread::sleep(Duration::from_millis(2));
        }
        self.threads.into_iter().for_each(|thread| thread.join().expect("a thread has failed"));
        for task in self.handles {
            self.tasks.block_on(task).expect("a task has failed");
        }
        self.faults
    }
}

/// Who calls for keys that nobody else uses, so that it knows what is right.
struct Caller {
    shared: Arc<Shared>,
    number: u64,
    draw: u64,
    versions: Vec<u64>,
}

impl Caller {
    fn new(shared: &Arc<Shared>, number: u64) -> Self {
        Caller { shared: Arc::clone(shared), number, draw: number + 1, versions: vec![0; KEYS as usize] }
    }

    fn goes_on(&self) -> bool {
        !self.shared.end.load(SeqCst)
    }

    /// A key and its version; now and then it is a new one, after which the old ones are wrong.
    fn draw(&mut self) -> (u64, u64) {
        self.draw = self.draw.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let at = (self.draw >> 33) % KEYS;
        let key = self.number * KEYS + at;
        if (self.draw >> 50).is_multiple_of(8) {
            self.versions[at as usize] += 1;
            // An outage is an error here, and nowhere else.
            let _ = self.shared.cache.remove(&key);
        }
        (key, self.versions[at as usize])
    }

    fn call(&mut self) {
        let (key, newest) = self.draw();
        let (start, mut computed) = (Instant::now(), false);
        let bytes = self.shared.cache.get_or_insert_with(&key, || {
            computed = true;
            value(key, newest)
        });
        self.check(key, newest, &bytes);
        self.note(start, computed);
    }

    async fn call_async(&mut self) {
        // Removing may block: a thread of the runtime does it, as it may for a quarter of a second.
        let (key, newest) = tokio::task::block_in_place(|| self.draw());
        let (start, mut computed) = (Instant::now(), false);
        let compute = || {
            computed = true;
            async { value(key, newest) }
        };
        let bytes = self.shared.cache.get_or_insert_async(&key, compute).await;
        self.check(key, newest, &bytes);
        self.note(start, computed);
    }

    fn check(&self, key: u64, newest: u64, bytes: &[u8]) {
        let found = version(key, bytes);
        match self.shared.memory {
            Memory::Exact => assert_eq!(found, newest, "key {key} has a value that was removed"),
            Memory::Late => assert!(found <= newest, "key {key} has a version that never was"),
        }
    }

    fn note(&self, start: Instant, computed: bool) {
        let mut felt = self.shared.felt.lock().unwrap();
        felt.0.push(start.elapsed());
        felt.1 += usize::from(!computed);
    }
}
