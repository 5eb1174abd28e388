//! The definition of a [`Backend`], as a suite that every one must pass: ours, and those of others.
//!
//! Call [`run`] in a test, as the example of [`Backend`] does.
//!
//! What is demanded, beside what [`Backend`] says of each method:
//!
//! - **Bytes.** Keys and values are any bytes of any length up to a megabyte, and come back as they went in.
//! - **Spaces** are apart: nothing done to one is seen in another.
//! - **Bounds** hold after every operation, `maxsize` in entries, `max_bytes` in bytes of keys and values.
//!   What cannot fit at all (`maxsize` zero, an entry beyond `max_bytes`) is accepted and not kept, and what was there
//!   under its key is gone.
//! - **Order.** Who leaves is who the [`Policy`] says, among those that were there before the operation:
//!   what an operation writes is never its victim, unless it alone exceeds the bound.
//!   Writing a present key makes a fresh entry of it.
//!   Hits may be noted late: they must be in the order after [`Backend::flush`], if they were
//!   more than a minute after the entry's last use. Which entries leave under `max_bytes` alone is not pinned down.
//! - **Expiry.** A record is answered while `now < expires` and never after.
//! - **Threads.** Every method from any of them, with [`ErrorKind::Busy`] as the only error.
//! - **Claims** exclude each other: of one key one is held, and who waits for it goes on as soon as it ends.
//!   Other keys may wait with it, but not beyond their own time.
//! - **Tags.** Each invalidation moves the clock and is noted for its tags; none is lost, and no entry of a space with
//!   it. A tag may be said to have been invalidated that was not, once there are thousands.
//! - **What is taken back** is gone if it is what was put. Who watches is told of nothing but by [`Watch`], of that as of
//!   what is removed, or by [`Watch::taken_back`].
//! - **Leave.** A backend without claims gives every one.
//!   `open` may answer [`ErrorKind::Unsupported`] to bounds or a policy it
//!   cannot keep, and `scan` may answer it always; then nothing more is demanded of them.
//!
//! Every function uses spaces of its own with names never used before, so a place may be shared by all of them.

mod bounds;
mod bytes;
mod claims;
mod model;
mod news;
mod tags;
mod threads;

pub use bounds::{max_bytes, maxsize, shrink};
pub use bytes::{batches, expiry, hostile_keys, reopened, replace_and_remove, round_trip, scan, spaces_apart};
pub use claims::claims;
pub use model::policy;
pub use news::take_back;
pub use tags::tags;
pub use threads::hammer;

#[cfg(doc)]
use crate::Watch;
use crate::{Backend, Error, ErrorKind, Policy, Record, Result, Space, Timestamp};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Runs the whole suite, each part on a backend that `make` returns for it; all may be the same place.
///
/// # Panics
/// When the backend is not one; the message says what was demanded.
pub fn run(make: impl Fn() -> Arc<dyn Backend>) {
    round_trip(&*make());
    replace_and_remove(&*make());
    hostile_keys(&*make());
    spaces_apart(&*make());
    expiry(&*make());
    batches(&*make());
    scan(&*make());
    maxsize(&*make());
    max_bytes(&*make());
    shrink(&*make());
    for &rule in Policy::ALL {
        policy(&*make(), rule);
    }
    hammer(&*make());
    claims(&*make());
    tags(&*make());
    take_back(&*make());
}

/// A space that no run has used before.
fn fresh_space() -> Space {
    static COUNT: AtomicU64 = AtomicU64::new(0);
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
    Space::new(format!("conformance-{}-{nanos}-{}", std::process::id(), COUNT.fetch_add(1, Relaxed)))
}

/// The `step`-th moment: steps are two minutes apart, so that a hit is worth noting.
fn at(step: u64) -> Timestamp {
    Timestamp::from_micros(1_600_000_000_000_000).after(Duration::from_secs(120 * step))
}

/// A record that does not expire.
fn record(value: impl Into<Vec<u8>>) -> Record {
    Record { value: value.into(), expires: Timestamp::NEVER }
}

/// Opens `space`; false when the backend takes its leave.
fn opens(backend: &dyn Backend, space: &Space) -> bool {
    match backend.open(space) {
        Ok(()) => true,
        Err(error) if error.kind() == ErrorKind::Unsupported => false,
        Err(error) => panic!("open refused {space:?}: {error}"),
    }
}

/// The value of `result`, or a failed test.
#[track_caller]
fn must<T>(what: &str, result: Result<T, Error>) -> T {
    result.unwrap_or_else(|error| panic!("{what} failed: {error}"))
}

/// The live value of `key`.
#[track_caller]
fn value(backend: &dyn Backend, space: &Space, key: &[u8], now: Timestamp) -> Option<Vec<u8>> {
    must("get", backend.get(space, key, now)).map(|record| record.value)
}

/// Numbers from a seed: xorshift64, so that a failure can be repeated.
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}
