//! How a cache is made.

mod aging;
mod tags;

pub(crate) use tags::all as tags_of;

use crate::aging::Aging;
use crate::backend::{Backend, Space};
use crate::behind::Writes;
use crate::bytes::Wire;
use crate::cache::Cache;
use crate::counts::Counts;
use crate::error::{Error, Result};
use crate::eviction::Policy;
use crate::fault::Report;
use crate::flights::Flights;
use crate::key::{Key, Value};
use crate::memory::{Bounds, Cause, Listener, Memory};
use crate::remote::Remote;
use crate::settings::{Settings, Weigher};
use crate::store::Store;
use crate::studies::Studies;
use crate::tags::{Tagging, TagsOf};
use crate::time::{Clock, SystemClock};
use hashbrown::DefaultHashBuilder;
use std::fmt;
use std::hash::BuildHasher;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::AtomicUsize;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;

/// Makes a [`Cache`]; what is not said is a memory tier of 128 entries with exact LRU.
///
/// ```
/// use memolith_core::{Cache, Policy};
/// use std::time::Duration;
///
/// let cache: Cache<String, usize> =
///     Cache::builder().maxsize(10_000).policy(Policy::Sieve).ttl(Duration::from_secs(300)).build();
/// assert_eq!(cache.get("a"), None);
/// ```
#[must_use = "a builder does nothing until `build`"]
pub struct CacheBuilder<K, V> {
    maxsize: Option<usize>,
    policy: Policy,
    ttl: Option<Duration>,
    tti: Option<Duration>,
    aging: Aging,
    max_bytes: Option<u64>,
    weigher: Option<Weigher<K, V>>,
    listener: Option<Listener<K, V>>,
    memory: Option<usize>,
    writes: Writes,
    wait: Option<Duration>,
    clock: Option<Arc<dyn Clock>>,
    report: Option<Report>,
    remote: Option<Backed<K, V>>,
    tags: Option<Option<TagsOf<K, V>>>,
}

/// What `backend` was told.
struct Backed<K, V> {
    backend: Result<Arc<dyn Backend>>,
    name: String,
    wire: Box<dyn Wire<K, V>>,
}

impl<K: Key, V: Value> Cache<K, V> {
    /// A builder: 128 entries, exact LRU, memory only, unless told otherwise.
    pub fn builder() -> CacheBuilder<K, V> {
        CacheBuilder::new()
    }
}

impl<K: Key, V: Value> CacheBuilder<K, V> {
    fn new() -> Self {
        CacheBuilder {
            maxsize: Some(128),
            policy: Policy::default(),
            ttl: None,
            tti: None,
            aging: Aging::default(),
            max_bytes: None,
            weigher: None,
            listener: None,
            memory: None,
            writes: Writes::default(),
            wait: None,
            clock: None,
            report: None,
            remote: None,
            tags: None,
        }
    }

    /// Entries at most, 128 by default; `None` is unbounded, 0 disables: every call computes and is a miss.
    ///
    /// Room for a million of them at most is reserved at once, in memory that the system hands out when it is touched. Under `Lru` a bound of 4,096 or less costs 8 bytes an entry more for
    /// each thread that uses the cache, which keeps hits of several threads out of each other's way.
    /// What was evicted or replaced may be dropped a little later: see [`max_bytes`](Self::max_bytes).
    pub fn maxsize(mut self, maxsize: impl Into<Option<usize>>) -> Self {
        self.maxsize = maxsize.into();
        self
    }

    /// Who leaves when a bound is reached.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Time to live since written. Zero keeps nothing. In memory it is measured by a steady clock, which on Linux and
    /// macOS stands still while the machine is suspended; a backend goes by the wall clock.
    ///
    /// Unless it may be [`stale`](Self::stale), no entry is served longer, but for the coarseness of a cheap clock: on Linux up to 4 ms, or 10 ms where the kernel
    /// ticks at 100 Hz. A cache in which any entry was given less than 250 ms goes by the exact clock, and its hits cost
    /// some 30 ns more. What has expired leaves memory with later insertions, up to four with each, with
    /// [`Cache::len`] and [`Cache::info`], and before anybody who lives has to.
    pub fn ttl(mut self, ttl: Duration) -> Self {
        self.ttl = Some(ttl);
        self
    }

    /// Time to live since last used, by the clocks of [`ttl`](Self::ttl): by as much as the cheap one is late, a use counts as
    /// earlier. A backend learns of uses late, and may forget an entry that memory still has.
    pub fn tti(mut self, tti: Duration) -> Self {
        self.tti = Some(tti);
        self
    }

    /// Weight at most: in memory what [`weigher`](Self::weigher) says, in a backend the bytes of keys and records.
    /// Without a weigher the memory tier is not bounded by weight.
    ///
    /// Exact to the entry: as many leave as must, one by one in the order of the policy, and one that is heavier than the
    /// bound is not kept. What has left is dropped when the call ends, unless another thread is reading it; where several
    /// threads use the cache, up to a 64th of the weight, and 1,024 entries or an eighth of `maxsize`, may wait for one more
    /// to leave.
    pub fn max_bytes(mut self, max_bytes: u64) -> Self {
        self.max_bytes = Some(max_bytes);
        self
    }

    /// The weight of an entry in memory, in bytes or any other unit. Called once per entry, outside of all locks, where
    /// there is a [`max_bytes`](Self::max_bytes) to hold it against.
    pub fn weigher(mut self, weigher: impl Fn(&K, &V) -> u64 + Send + Sync + 'static) -> Self {
        self.weigher = Some(Box::new(weigher));
        self
    }

    /// Called with each entry that leaves memory, and why: it was evicted, has expired, was replaced or removed.
    ///
    /// On the thread that made it leave, outside of all locks, when the change is visible in memory and, where it was
    /// one of the caller's, in the backend. So it may call the cache; one that inserts into a full cache whenever
    /// something is evicted from it evicts again, and so never ends. Callers who wait for a computed value have it
    /// before. Of a call that makes several leave it hears in the order in which they left; of several calls at once in
    /// any. That an entry has expired is noticed by later insertions, a few at a time, and by `len`, `info`,
    /// `set_maxsize` and whatever else meets it.
    ///
    /// It does not hear of what was never kept (too heavy, without time to live, invalidated while it was computed), of
    /// what is there when the cache is dropped, and of what leaves the backend alone. An entry that leaves memory may
    /// stay in the backend.
    ///
    /// Its panics are those of the call, which has done its work by then, and has told of all others that left with it;
    /// a computed value may then not have been written to the backend. While a thread unwinds they are swallowed.
    ///
    /// Costs nothing where there is none; with one, an entry that leaves takes the lock once more, and nothing is cloned.
    ///
    /// ```
    /// use memolith_core::{Cache, Cause};
    /// use std::sync::mpsc::channel;
    ///
    /// let (left, who) = channel();
    /// let cache = Cache::<u64, u64>::builder()
    ///     .maxsize(2)
    ///     .on_evict(move |key, value, cause| _ = left.send((*key, *value, cause)))
    ///     .build();
    /// (1..=3).for_each(|key| cache.insert(key, key * key));
    /// cache.remove(&3)?;
    /// assert_eq!(who.try_iter().collect::<Vec<_>>(), [(1, 1, Cause::Evicted), (3, 9, Cause::Removed)]);
    /// # Ok::<(), memolith_core::Error>(())
    /// ```
    pub fn on_evict(mut self, on_evict: impl Fn(&K, &V, Cause) + Send + Sync + 'static) -> Self {
        self.listener = Some(Box::new(on_evict));
        self
    }

    /// Entries kept in memory where a backend is set: `min(maxsize, 1024)` by default; 0 keeps them in the backend alone.
    pub fn memory(mut self, memory: usize) -> Self {
        self.memory = Some(memory);
        self
    }

    /// When computed values are written to the backend.
    pub fn writes(mut self, writes: Writes) -> Self {
        self.writes = writes;
        self
    }

    /// Has a key computed once among all processes that share the backend and were told to wait: who misses claims it
    /// there, and while another computes it waits for that one's value, for `wait` at most, then computes as well.
    /// Not by default.
    ///
    /// Of use where computing takes longer than asking, some milliseconds and more: each call that computes asks the
    /// backend twice more. The claim ends when the value is written; or when the computation gives up, or its process
    /// dies, which is noticed at once or as soon as the backend can tell. Then one of those who wait computes.
    ///
    /// [`Cache::get`] never waits, and nobody waits for a computation whose key this cache has invalidated since. Where
    /// two processes need what the other computes, both wait in vain. Zero claims and never waits: others wait for this
    /// cache. Without a backend, and with one that keeps no claims, this does nothing: `shm:` keeps them for all
    /// processes of a machine, and `memory:` for the caches of one process.
    pub fn wait(mut self, wait: Duration) -> Self {
        self.wait = Some(wait);
        self
    }

    /// Where the time comes from; the system's clocks by default.
    pub fn clock(mut self, clock: Arc<dyn Clock>) -> Self {
        self.clock = Some(clock);
        self
    }

    /// Called with every fault of the backend, the codec or stored bytes, on the thread that met it, outside of all locks.
    /// Its panics are those of the call that met the fault, and end neither `build` nor the writer of `Writes::Behind`.
    /// By default faults are logged through `tracing`, when that feature is on. They are counted in any case.
    pub fn on_error(mut self, on_error: impl Fn(&Error) + Send + Sync + 'static) -> Self {
        self.report = Some(Arc::new(on_error));
        self
    }

    /// The cache. A backend that cannot be opened is reported, and tried again by every operation.
    pub fn build(self) -> Cache<K, V> {
        // How long something may lie unused says nothing about its age.
        let aging = if self.tti.is_some() { Aging::default() } else { self.aging };
        let clock = self.clock.unwrap_or_else(|| Arc::new(SystemClock::default()));
        let report = self.report.unwrap_or_else(|| Arc::new(log));
        let hasher = DefaultHashBuilder::default();
        let counts = Counts::default();
        let fault = |error: &Error| {
            counts.errors.fetch_add(1, Relaxed);
            // A panic here would poison the static that the cache is being built for.
            let _ = catch_unwind(AssertUnwindSafe(|| report(error)));
        };
        let space = |name| Space {
            name,
            maxsize: self.maxsize.map(|maxsize| maxsize as u64),
            max_bytes: self.max_bytes,
            policy: self.policy,
            ttl: aging.longest(self.ttl),
        };
        let remote = self.remote.and_then(|Backed { backend, name, wire }| {
            let backend = backend.inspect_err(|error| fault(error)).ok()?;
            let (errors, told) = (Arc::clone(&counts.errors), Arc::clone(&report));
            let report: Report = Arc::new(move |error| {
                errors.fetch_add(1, Relaxed);
                told(error);
            });
            let store = Store::new(backend, space(wire.space(&name).into()), self.writes, &report);
            let _ = store.open().inspect_err(|error| fault(error));
            if self.tags.is_some() {
                let _ = store.keep_tags().inspect_err(|error| fault(error));
            }
            Some(Remote::new(store, wire))
        });
        let settings = Settings {
            maxsize: AtomicUsize::new(self.maxsize.unwrap_or(usize::MAX)),
            memory: self.memory,
            ttl: self.ttl,
            tti: self.tti,
            aging,
            wait: self.wait,
            // Without a bound nothing has to be weighed.
            weigher: self.weigher.filter(|_| self.max_bytes.is_some()),
            clock,
            hasher,
            report,
        };
        let bounds = Bounds {
            maxsize: settings.memory_bound(self.maxsize, remote.is_some()),
            max_weight: self.max_bytes.filter(|_| settings.weigher.is_some()),
            policy: self.policy,
            tti: self.tti,
        };
        let memory = Memory::new(bounds, settings.hasher.clone(), self.listener, settings.hasher.hash_one(0));
        let (flights, studies) = (Arc::new(Flights::default()), Studies::default());
        let tagging = self.tags.map(|tags_of| Tagging::new(tags_of, &flights));
        let hears = remote.is_some() || tagging.is_some();
        Cache { memory, flights, remote, counts, studies, tagging, hears, settings }
    }
}

#[cfg(feature = "serde")]
impl<K, V> CacheBuilder<K, V>
where
    K: Key + serde::Serialize + serde::de::DeserializeOwned,
    V: Value,
{
    /// A second tier: `name` is the function's space in `backend`, `codec` turns values into bytes.
    ///
    /// Keys are told apart in the backend by their serde form alone: a key type that leaves a field out of it
    /// (`#[serde(skip)]`, a lossy `with`) would make different keys one. A key of any but the plain types is therefore
    /// read back and compared, and one that does not come back is a fault, and stays in memory.
    pub fn backend(
        mut self,
        backend: impl crate::IntoBackend,
        name: impl Into<String>,
        codec: impl crate::Codec<V>,
    ) -> Self {
        let wire = crate::bytes::format::Format::new(codec);
        self.remote = Some(Backed { backend: backend.into_backend(), name: name.into(), wire: Box::new(wire) });
        self
    }
}

/// What becomes of faults when the user has no wishes.
fn log(error: &Error) {
    #[cfg(feature = "tracing")]
    tracing::warn!(kind = ?error.kind(), "{error}");
    #[cfg(not(feature = "tracing"))]
    let _ = error;
}

impl<K, V> fmt::Debug for CacheBuilder<K, V> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CacheBuilder")
            .field("maxsize", &self.maxsize)
            .field("policy", &self.policy)
            .field("ttl", &self.ttl)
            .field("tti", &self.tti)
            .field("aging", &self.aging)
            .field("max_bytes", &self.max_bytes)
            .field("memory", &self.memory)
            .field("writes", &self.writes)
            .field("wait", &self.wait)
            .finish_non_exhaustive()
    }
}
