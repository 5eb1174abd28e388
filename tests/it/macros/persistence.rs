//! `backend`, `memory`, `writes`, `wait`, `codec`, `on_error`.

use memolith::backends::Memory;
use memolith::{Backend, Claim, Codec, Error, ErrorKind, Policy, Record, Result, Space, Timestamp, lru_cache};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::SeqCst};
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;

/// A backend that remembers how it was used, over one in memory.
#[derive(Debug, Default)]
pub(super) struct Recorder {
    inner: Memory,
    pub(super) spaces: Mutex<Vec<Space>>,
    puts: AtomicU32,
    claims: AtomicU32,
}

impl Recorder {
    /// The space of the one function that uses this recorder.
    pub(super) fn space(&self) -> Space {
        self.spaces.lock().ok().and_then(|spaces| spaces.last().cloned()).unwrap_or_else(|| Space::new("none"))
    }
}

impl Backend for Recorder {
    fn open(&self, space: &Space) -> Result<()> {
        if let Ok(mut spaces) = self.spaces.lock() {
            spaces.push(space.clone());
        }
        self.inner.open(space)
    }

    fn get(&self, space: &Space, key: &[u8], now: Timestamp) -> Result<Option<Record>> {
        self.inner.get(space, key, now)
    }

    fn put(&self, space: &Space, key: &[u8], record: &Record, now: Timestamp) -> Result<()> {
        self.puts.fetch_add(1, SeqCst);
        self.inner.put(space, key, record, now)
    }

    fn remove(&self, space: &Space, key: &[u8]) -> Result<bool> {
        self.inner.remove(space, key)
    }

    fn clear(&self, space: &Space) -> Result<()> {
        self.inner.clear(space)
    }

    fn len(&self, space: &Space) -> Result<u64> {
        self.inner.len(space)
    }

    fn claim(&self, space: &Space, key: &[u8], wait: Duration) -> Result<Option<Claim>> {
        self.claims.fetch_add(1, SeqCst);
        self.inner.claim(space, key, wait)
    }
}

static STORE: LazyLock<Arc<Recorder>> = LazyLock::new(Arc::default);
static OPENED: AtomicU32 = AtomicU32::new(0);

fn store() -> Arc<Recorder> {
    OPENED.fetch_add(1, SeqCst);
    STORE.clone()
}

#[lru_cache(maxsize = 7, policy = Fifo, ttl = "1h", max_bytes = "1MiB", backend = store(), memory = 0)]
fn embed(model: &str, text: &str) -> Vec<u8> {
    format!("{model} {text}").into_bytes()
}

#[test]
fn results_live_in_the_backend() {
    assert_eq!(OPENED.load(SeqCst), 0, "nothing is opened before the first call");
    for _ in 0..3 {
        assert_eq!(embed("a", "b"), b"a b");
    }
    assert_eq!(OPENED.load(SeqCst), 1);
    assert_eq!(STORE.puts.load(SeqCst), 1);
    let info = embed::cache_info();
    assert_eq!((info.hits, info.misses, info.backend_hits), (2, 1, 2));
    let space = STORE.space();
    assert_eq!((space.maxsize, space.policy, space.max_bytes), (Some(7), Policy::Fifo, Some(1 << 20)));
    assert!(space.ttl.is_some());
    assert!(embed::invalidate("a", "b").is_ok_and(|was_there| was_there));
    assert_eq!(embed::get("a", "b"), None);
}

static CLAIMED: LazyLock<Arc<Recorder>> = LazyLock::new(Arc::default);
const BRIEFLY: Duration = Duration::from_millis(20);

#[lru_cache(backend = CLAIMED.clone(), wait = "1m30s")]
fn lingering(x: u8) -> u8 {
    x
}

#[lru_cache(backend = CLAIMED.clone(), wait = BRIEFLY)]
async fn hasty(x: u8) -> Result<u8> {
    Ok(x)
}

#[test]
fn keys_are_claimed_on_request() {
    assert_eq!(STORE.claims.load(SeqCst), 0);
    assert_eq!((lingering(1), lingering(1), lingering(2)), (1, 1, 2));
    assert_eq!(CLAIMED.claims.load(SeqCst), 2);
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    assert!(runtime.is_ok_and(|runtime| runtime.block_on(hasty(3)).is_ok_and(|value| value == 3)));
    assert_eq!(CLAIMED.claims.load(SeqCst), 3);
}

/// Each way to say where: a URL, text, an expression, a backend, a shared one, a result of either.
mod places {
    use super::*;

    #[lru_cache(backend = "memory:")]
    pub(super) fn url(x: u8) -> u8 {
        x
    }

    #[lru_cache(backend = format!("{}:", "memory"))]
    pub(super) fn text(x: u8) -> u8 {
        x
    }

    #[lru_cache(backend = URL)]
    pub(super) fn constant(x: u8) -> u8 {
        x
    }

    const URL: &str = "memory:";

    #[lru_cache(backend = Memory::default())]
    pub(super) fn backend(x: u8) -> u8 {
        x
    }

    #[lru_cache(backend = Arc::new(Memory::default()) as Arc<dyn Backend>)]
    pub(super) fn shared(x: u8) -> u8 {
        x
    }

    #[lru_cache(backend = memolith::open("memory:"))]
    pub(super) fn result(x: u8) -> u8 {
        x
    }
}

#[test]
fn a_backend_is_given_in_any_form() {
    type Call = (fn(u8) -> u8, fn() -> memolith::CacheInfo);
    let calls: [Call; 6] = [
        (places::url, places::url::cache_info),
        (places::text, places::text::cache_info),
        (places::constant, places::constant::cache_info),
        (places::backend, places::backend::cache_info),
        (places::shared, places::shared::cache_info),
        (places::result, places::result::cache_info),
    ];
    for (at, (call, info)) in calls.into_iter().enumerate() {
        assert_eq!((call(1), call(1)), (1, 1));
        assert_eq!((info().hits, info().currsize, info().errors), (1, 1, 0), "place {at}");
    }
}

static FAULTS: Mutex<Vec<ErrorKind>> = Mutex::new(Vec::new());

fn note(error: &Error) {
    if let Ok(mut faults) = FAULTS.lock() {
        faults.push(error.kind());
    }
}

#[lru_cache(backend = "nowhere://at all", on_error = note)]
fn lost(x: u8) -> u8 {
    x
}

#[test]
fn a_backend_that_cannot_be_opened_is_reported_and_does_not_fail_the_call() {
    assert_eq!((lost(1), lost(1)), (1, 1));
    assert_eq!(FAULTS.lock().map(|faults| faults.clone()).ok(), Some(vec![ErrorKind::Config]));
    assert_eq!(lost::cache_info().errors, 1);
}

static READY: AtomicBool = AtomicBool::new(false);

fn late() -> Memory {
    assert!(READY.load(SeqCst), "not ready");
    Memory::default()
}

#[lru_cache(backend = late())]
fn patient(x: u8) -> u8 {
    x
}

#[test]
fn a_backend_that_panicked_is_asked_again() {
    assert!(std::panic::catch_unwind(|| patient(1)).is_err());
    READY.store(true, SeqCst);
    assert_eq!((patient(1), patient(1)), (1, 1));
    let info = patient::cache_info();
    assert_eq!((info.hits, info.errors), (1, 0));
}

static BEHIND: LazyLock<Arc<Recorder>> = LazyLock::new(Arc::default);

#[lru_cache(backend = BEHIND.clone(), writes = Behind, on_error = |error| panic!("{error}"))]
fn queued(x: u32) -> u32 {
    x
}

#[test]
fn writes_behind_arrive() {
    assert_eq!(queued(1), 1);
    queued::cache().flush().expect("the backend in memory takes everything");
    assert_eq!(BEHIND.puts.load(SeqCst), 1);
}

/// A codec of one's own: a number as its decimal digits.
struct Digits;

impl Codec<u32> for Digits {
    fn id(&self) -> u8 {
        200
    }

    fn encode(&self, value: &u32, out: &mut Vec<u8>) -> Result<()> {
        out.extend_from_slice(value.to_string().as_bytes());
        Ok(())
    }

    fn decode(&self, bytes: &[u8]) -> Result<u32> {
        let text = std::str::from_utf8(bytes).map_err(|error| Error::new(ErrorKind::Codec, error.to_string()))?;
        text.parse().map_err(|_| Error::new(ErrorKind::Codec, "these are no digits"))
    }
}

static OWN: LazyLock<Arc<Recorder>> = LazyLock::new(Arc::default);

#[lru_cache(backend = OWN.clone(), memory = 0, codec = Digits)]
fn squared(x: u32) -> u32 {
    x * x
}

#[lru_cache(backend = "memory:", memory = 0, codec = Postcard)]
fn by_postcard(x: u32) -> u32 {
    x
}

#[cfg(feature = "json")]
#[lru_cache(backend = "memory:", memory = 0, codec = Json)]
fn by_json(x: f64_bits::Bits) -> f64 {
    f64::from_bits(x)
}

#[cfg(feature = "json")]
mod f64_bits {
    pub(super) type Bits = u64;
}

#[test]
fn codec_says_how_values_become_bytes() {
    assert_eq!((squared(12), squared(12), by_postcard(1), by_postcard(1)), (144, 144, 1, 1));
    assert_eq!(squared::cache_info().backend_hits, 1);
    assert_eq!(by_postcard::cache_info().backend_hits, 1);
    #[cfg(feature = "json")]
    assert_eq!((by_json(1.5_f64.to_bits()), by_json(1.5_f64.to_bits())), (1.5, 1.5));
}

struct Model {
    id: u64,
}

impl Model {
    #[lru_cache(backend = "memory:", memory = 0, key = (self.id, name.to_string()))]
    fn inferred(&self, name: &str) -> String {
        name.repeat(2)
    }

    #[lru_cache(backend = "memory:", memory = 0, skip(self))]
    async fn fallible(&self, x: u32) -> std::result::Result<u32, std::num::TryFromIntError> {
        u8::try_from(x).map(u32::from)
    }
}

#[test]
fn inferred_keys_and_futures_have_backends_too() {
    let model = Model { id: 1 };
    assert_eq!((model.inferred("a"), model.inferred("a")), ("aa".to_string(), "aa".to_string()));
    assert_eq!(Model::inferred_cache_info().backend_hits, 1);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().expect("a runtime of one thread");
    runtime.block_on(async {
        assert_eq!((model.fallible(1).await, model.fallible(1).await), (Ok(1), Ok(1)));
        assert!(model.fallible(1_000).await.is_err());
    });
    assert_eq!(Model::fallible_cache_info().backend_hits, 1);
}
