//! Memoization, set in stone: an `lru_cache` for functions whose results outlive the process.
//!
//! ```
//! use memolith::lru_cache;
//!
//! #[lru_cache]
//! fn fib(n: u64) -> u64 {
//!     if n < 2 { n } else { fib(n - 1) + fib(n - 2) }
//! }
//!
//! assert_eq!(fib(90), 2_880_067_194_370_816_120);
//! assert_eq!(fib::cache_info().misses, 91);
//! ```
//!
//! The function stays what it was to those who call it: its signature, its documentation, `?`, `.await`, recursion and panics keep their meaning.
//! Beside it stands a type of the same name that carries its companions: `fib::cache_info()`, `fib::invalidate(..)`, `fib::cache_clear()`, `fib::get(..)`, `fib::uncached(..)` and `fib::cache()`.
//!
//! # A tour
//!
//! **How much is kept**: 128 results unless `maxsize` says otherwise, and the least recently used leaves first; [`Policy`] has other orders.
//! `on_evict` is told who leaves and why ([`Cause`]).
//! **For how long**: for ever, unless there is a `ttl` (since written) or a `tti` (since last used).
//!
//! ```
//! # use memolith::lru_cache;
//! #[lru_cache(maxsize = 10_000, policy = Sieve, ttl = "15m")]
//! fn exchange_rate(from: &str, to: &str) -> f64 {
//!     # let _ = (from, to);
//!     1.0842 // asks somebody far away
//! }
//! # assert_eq!((exchange_rate("EUR", "USD"), exchange_rate("EUR", "USD")), (1.0842, 1.0842));
//! # assert_eq!(exchange_rate::cache_info().hits, 1);
//! ```
//!
//! Near the end of a `ttl` callers need not wait: with `early_refresh` and `stale = "1h"` one of them computes anew, and the others are served the old value, as is that one if it fails.
//! `jitter = 0.1` keeps what was computed together from expiring together.
//!
//! ```
//! # use memolith::lru_cache;
//! #[lru_cache(ttl = "5m", jitter = 0.1, early_refresh, stale = "1h")]
//! fn headline(section: &str) -> Result<String, std::io::Error> {
//!     # let _ = section;
//!     Ok("all is well".into()) // asks somebody who is not always there
//! }
//! # assert_eq!((headline("world").ok(), headline("world").ok().is_some()), (Some("all is well".to_string()), true));
//! ```
//!
//! **What is kept**: of a `Result` only `Ok`, so that the next caller tries again; `None` is an answer like any other.
//! `cache_err`, `cache_none` and `cache_if` change that.
//!
//! **What the key is**: all arguments, borrowed at a hit, cloned at a miss.
//! `skip(db)` leaves one out, `key = ..` is any expression over them.
//!
//! ```
//! # use memolith::lru_cache;
//! # struct Log;
//! # impl Log { fn note(&self, _: &str) {} }
//! #[lru_cache(key = x.to_bits())]
//! fn root(x: f64, log: &Log) -> f64 {
//!     log.note("taking a root");
//!     x.sqrt()
//! }
//! # assert_eq!((root(4.0, &Log), root(4.0, &Log)), (2.0, 2.0));
//! # assert_eq!(root::cache_info().hits, 1);
//! ```
//!
//! **On disk**: name a place, and results are there in the next run, for every process that uses the same file.
//! They are not served any more once the function's code or the types of its arguments and result have changed.
//!
//! ```
//! # #[cfg(all(feature = "sqlite", feature = "postcard"))] {
//! # use memolith::lru_cache;
//! #[lru_cache(maxsize = None, backend = "sqlite::memory:")] // or "sqlite:cache.db"
//! fn primes_below(limit: u32) -> Vec<u32> {
//!     (2..limit).filter(|n| (2..*n).all(|d| n % d != 0)).collect()
//! }
//!
//! assert_eq!(primes_below(12), [2, 3, 5, 7, 11]);
//! assert_eq!(primes_below::cache_info().currsize, 1);
//! # }
//! ```
//!
//! **What a result was made from**: give results tags, and end all that carry one, of every function, in memory and in every backend, with one call of [`invalidate_tag`].
//!
//! ```
//! # use memolith::{invalidate_tag, lru_cache};
//! #[lru_cache(tags = |user, _| [format!("user:{user}")])]
//! fn greeting(user: u64) -> String {
//!     # let user = user + 1;
//!     format!("Hello, user {user}") // reads the user's name
//! }
//!
//! greeting(5);
//! invalidate_tag("user:5")?;
//! assert_eq!(greeting::get(5), None);
//! # Ok::<(), memolith::Error>(())
//! ```
//!
//! **Many callers at once**: the first computes, the others wait for it, threads and tasks alike.
//! If it fails, panics or is cancelled, one of them takes over.
//! With `wait = "2s"` the same goes for processes that share a backend with claims.
//! An `async fn` takes the same attribute with the same meaning.
//! What else may ask a backend has a form for tasks too, which blocks no executor: [`Cache::insert_async`], [`Cache::remove_async`], [`invalidate_tag_async`], `user::invalidate_async(5)`.
//!
//! **For all processes of a machine**: `backend = "shm:NAME"`, a memory-mapped file (feature `shared`, Linux).
//!
//! **For all machines**: `backend = "redis://HOST"`, a server of Redis or Valkey; `redis+cluster:` is a cluster, `redis+sentinel:` whichever server the sentinels name, and `rediss:` the same with TLS (features `redis` and `tls`).
//! Bounds and policies hold for all machines together, and what one of them removes leaves the memory of all others.
//! Servers that are away make no call fail, and delay few.
//! A lock, a rate limiter and sessions over the same connections stand in `memolith::redis`.
//!
//! ```
//! # #[cfg(all(feature = "redis", feature = "postcard"))] {
//! # use memolith::lru_cache;
//! #[lru_cache(maxsize = 100_000, ttl = "1h", backend = "redis://127.0.0.1:1?prefix=shop", wait = "2s")]
//! fn price(article: u64) -> u64 {
//!     100 * article // asks somebody
//! }
//!
//! // Nobody listens at that port.
//! assert_eq!((price(7), price(7)), (700, 700));
//! let info = price::cache_info();
//! assert_eq!((info.misses, info.hits), (1, 1));
//! assert!(info.errors > 0);
//! # }
//! ```
//!
//! **By hand**: a [`Cache`] is what stands behind the attribute.
//! [`Cache::lookup`] gives the value, or a [`Lease`]: the right and the duty to compute it.
//!
//! ```
//! use memolith::{Cache, Lookup};
//!
//! let lengths = Cache::<String, usize>::builder().maxsize(1_000).build();
//! let length = match lengths.lookup("stone") {
//!     Lookup::Hit(length) => length,
//!     Lookup::Miss(lease) => lease.fill("stone".len()),
//! };
//! assert_eq!(length, 5);
//! assert_eq!(lengths.get("stone"), Some(5));
//! ```
//!
//! **Many keys at once**: [`Cache::get_or_insert_many`] computes what is missing by one call, and asks the backend once.
//!
//! **For one request**: a [`Scope`] says what is hit, missed and computed in a block or a task, and lets it read only, ask anew ([`Scope::write_only`]), ask no cache, or never compute.
//!
//! ```
//! use memolith::{lru_cache, Scope};
//!
//! #[lru_cache]
//! fn price(item: u64) -> u64 {
//!     100 + item
//! }
//!
//! let request = Scope::new();
//! {
//!     let _inside = request.enter(); // or `request.run(future).await`
//!     assert_eq!(price(1) + price(1), 202);
//! }
//! assert_eq!((request.stats().hits, request.stats().computed), (1, 1));
//! assert!(Scope::new().never_compute().try_run(|| price(2)).is_err());
//! ```
//!
//! **A place of your own** is a [`Backend`]: six methods over bytes.
//!
//! **Which size, which policy**: ask a running cache with [`Cache::study`], or [`simulate`] a trace of its keys.
//!
//! ```
//! # use memolith::{lru_cache, Policy};
//! #[lru_cache(maxsize = 100)]
//! fn double(n: u64) -> u64 {
//!     2 * n
//! }
//!
//! let study = double::cache().study();
//! for n in 0..10_000 {
//!     double(n % 150);
//! }
//! let report = study.report();
//! let twice = report.iter().find(|at| at.policy == Policy::Lru && at.maxsize == 200);
//! assert_eq!(twice.map(|at| at.hit_ratio), Some(0.985));
//! assert_eq!(double::cache_info().hits, 0);
//! ```
//!
//! # When something goes wrong
//!
//! A cache is a promise to be faster, so it never makes a program fail.
//! A backend that cannot be reached, a file that is damaged, a disk that is full: each is a miss, counted in [`CacheInfo::errors`] and told to `on_error`.
//! Only what must not fail in silence returns an [`Error`]: to open, to remove, to clear.
//!
//! # Features
//!
//! "Crates" are those that a feature adds to the default set of 40, of which four are memolith's own; without default features there are 17.
//!
//! | feature | crates | what |
//! |---|---|---|
//! | `sqlite` (default) | | the SQLite backend |
//! | `shared` | 0 | the backend for all processes of a user on a machine, `shm:NAME`, on Linux |
//! | `redis` | 1 | the backend for all machines, `redis:`, servers of Redis or Valkey; a lock, a rate limiter and sessions |
//! | `tls` | 12 | `redis` with TLS, `rediss:` |
//! | `bundled` (default) | 0 | compiles SQLite from source with a C compiler; off, the system's library is linked |
//! | `postcard` (default) | | codec `Postcard`: compact, with a written specification |
//! | `bincode` | 2 | codec `Bincode`: fast; unmaintained upstream |
//! | `json` | 4 | codec `Json`: readable by anything |
//! | `messagepack` | 4 | codec `MessagePack`: compact, readable by other languages |
//! | `cbor` | 7 | codec `Cbor`: RFC 8949 |
//! | `tracing` | 4 | errors of backends are logged |
//! | `metrics` | 3 | `CacheInfo::publish` hands the counters to the `metrics` crate |
//! | `conformance` | 0 | the tests that every backend must pass |
//!
//! `default-features = false` is the attribute and the tier in memory, without serde.

pub use memolith_backends::open;
pub use memolith_core::*;
pub use memolith_macros::lru_cache;

/// Places for bytes, each a [`Backend`]; [`open`] makes one from a URL.
pub mod backends {
    pub use memolith_backends::Memory;
    #[cfg(feature = "redis")]
    pub use memolith_backends::Redis;
    #[cfg(feature = "sqlite")]
    pub use memolith_backends::Sqlite;
    #[cfg(all(feature = "shared", target_os = "linux"))]
    pub use memolith_backends::{Shared, SharedInfo, SharedSpaceInfo};
}

#[cfg(feature = "redis")]
pub use memolith_backends::redis;

#[doc(hidden)]
pub mod __private;
