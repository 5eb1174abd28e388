//! `jitter`, `early_refresh` and `stale`, by the clock of the system.

use memolith::lru_cache;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::time::Duration;

/// A source that answers once and is away from then on.
#[derive(Default)]
struct Source {
    away: AtomicBool,
    asked: AtomicU32,
}

impl Source {
    const fn new() -> Self {
        Source { away: AtomicBool::new(false), asked: AtomicU32::new(0) }
    }

    fn ask(&self, key: u32) -> Result<u32, Away> {
        self.asked.fetch_add(1, Relaxed);
        if self.away.swap(true, Relaxed) { Err(Away) } else { Ok(key * 2) }
    }

    /// Calls until the source was asked a second time, in vain.
    fn fails_behind(&self, call: impl Fn() -> Result<u32, Away>) {
        while self.asked.load(Relaxed) < 2 {
            assert_eq!(call(), Ok(14));
        }
        assert_eq!(call(), Ok(14));
    }
}

/// No `Clone`: errors go to the caller alone.
#[derive(Debug, PartialEq)]
struct Away;

static PLAIN: Source = Source::new();

#[lru_cache(ttl = "5ms", stale = "1h")]
fn plain(key: u32) -> Result<u32, Away> {
    PLAIN.ask(key)
}

#[test]
fn an_error_is_answered_with_the_old_value() {
    PLAIN.fails_behind(|| plain(7));
    assert_eq!((plain::get(7), plain::cache_info().stale > 0), (Some(14), true));
}

static EARLY: Source = Source::new();

/// A factor so large that a value is due at once; its time to live outlasts the test.
#[lru_cache(ttl = "1h", early_refresh = 1e12)]
fn early(key: u32) -> Result<u32, Away> {
    EARLY.ask(key)
}

#[test]
fn an_error_before_the_end_is_none() {
    EARLY.fails_behind(|| early(7));
    assert_eq!(early::cache_info().stale, 0);
}

type Renamed = Result<u32, u8>;

static RENAMED: Source = Source::new();

#[lru_cache(ttl = "5ms", stale = "1h", cache_if = |value| value.is_ok())]
fn renamed(key: u32) -> Renamed {
    RENAMED.ask(key).map_err(|Away| 1)
}

#[test]
fn an_error_in_a_result_by_another_name_is_one() {
    RENAMED.fails_behind(|| renamed(7).map_err(|_| Away));
}

static TASK: Source = Source::new();

struct Shop;

impl Shop {
    #[lru_cache(ttl = "5ms", stale = "1h", skip(self))]
    async fn price(&self, key: u32) -> Result<u32, Away> {
        TASK.ask(key)
    }
}

#[test]
fn the_same_holds_for_tasks() -> std::io::Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
    TASK.fails_behind(|| runtime.block_on(Shop.price(7)));
    Ok(())
}

static SOME: AtomicU32 = AtomicU32::new(0);

#[lru_cache(ttl = "5ms", stale = Duration::from_secs(3600), cache_none = false)]
fn some(key: u32) -> Option<u32> {
    (SOME.fetch_add(1, Relaxed) == 0).then_some(key)
}

#[test]
fn what_is_not_kept_is_returned_and_leaves_the_old_value() {
    while let Some(value) = some(7) {
        assert_eq!(value, 7);
    }
    assert_eq!(some::get(7), Some(Some(7)));
    assert_eq!(some(7), None);
}

#[cfg(feature = "postcard")]
const SHARE: f64 = 0.5;

#[cfg(feature = "postcard")]
#[lru_cache(ttl = "1h", jitter = SHARE, early_refresh, stale = "1h", backend = "memory:", wait = "1s")]
fn all(key: u32) -> u32 {
    key
}

#[lru_cache(ttl = "1h", jitter = 1)]
fn most(key: u32) -> u32 {
    key
}

#[cfg(feature = "postcard")]
#[test]
fn all_can_be_given_at_once() {
    assert_eq!((all(7), all(7), all::cache_info().hits), (7, 7, 1));
}

#[test]
fn a_whole_number_is_a_share_too() {
    assert_eq!((most(7), most::cache_info().misses), (7, 1));
}
