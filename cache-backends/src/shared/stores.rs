//! Loads and stores of a region, each store a place where the process may die.

use super::map::Map;
use std::sync::atomic::Ordering;

impl Map {
    /// A word, with nothing said about others.
    #[inline(always)]
    pub(super) fn load(&self, at: usize) -> u64 {
        self.word(at).load(Ordering::Relaxed)
    }

    /// Stores a word that nobody reads before another is published, or that counts alone.
    #[inline(always)]
    pub(super) fn store(&self, at: usize, value: u64) {
        step();
        self.word(at).store(value, Ordering::Relaxed);
    }

    /// Stores a word for others to load with Acquire: they then see all that was stored before.
    #[inline(always)]
    pub(super) fn publish(&self, at: usize, value: u64) {
        step();
        self.word(at).store(value, Ordering::Release);
    }
}

/// Comes before each store to a region. In a build with `--cfg memolith_crash` the process disappears in the one that
/// the variable `MEMOLITH_CRASH_AT` counts to; else it is nothing.
#[inline(always)]
pub(super) fn step() {
    #[cfg(memolith_crash)]
    crash::step();
}

#[cfg(memolith_crash)]
mod crash {
    #![expect(unsafe_code, reason = "an end without destructors")]

    use std::sync::Once;
    use std::sync::atomic::{AtomicU64, Ordering};

    /// The status of a process that has disappeared.
    const STATUS: i32 = 77;
    /// Stores until the end; zero for no end.
    static LEFT: AtomicU64 = AtomicU64::new(0);

    pub(super) fn step() {
        static ASKED: Once = Once::new();
        ASKED.call_once(|| {
            if let Some(stores) = std::env::var("MEMOLITH_CRASH_AT").ok().and_then(|stores| stores.parse().ok()) {
                LEFT.store(stores, Ordering::Relaxed);
            }
        });
        let last = LEFT.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1)) == Ok(1);
        if last {
            // SAFETY: it ends the process; as after a kill, nothing is run and nothing is written.
            unsafe { libc::_exit(STATUS) }
        }
    }
}
