//! Sleeping until another process wakes, and how long: in a model, until others have gone on.

use crate::sync::{AtomicU32, AtomicU64};
use std::time::Duration;

/// Sleeps while `word` is `value`, for `limit` at most; also without a reason.
#[cfg(not(loom))]
pub(super) fn sleep_on(word: &AtomicU32, value: u32, limit: Duration) {
    super::sys::sleep_on(word.as_ptr(), value, limit);
}

#[cfg(loom)]
pub(super) fn sleep_on(_: &AtomicU32, _: u32, _: Duration) {
    loom::thread::yield_now();
}

/// Wakes up to `sleepers` of those who sleep on `word`.
#[cfg(not(loom))]
pub(super) fn wake(word: &AtomicU32, sleepers: i32) {
    super::sys::wake(word.as_ptr(), sleepers);
}

#[cfg(loom)]
pub(super) fn wake(_: &AtomicU32, _: i32) {}

/// As [`sleep_on`], on the low half of a word that the program uses as a whole.
#[cfg(not(loom))]
pub(super) fn sleep_on_low(word: &AtomicU64, value: u32, limit: Duration) {
    super::sys::sleep_on(low(word), value, limit);
}

#[cfg(loom)]
pub(super) fn sleep_on_low(_: &AtomicU64, _: u32, _: Duration) {
    loom::thread::yield_now();
}

/// Wakes all who sleep on the low half of `word`.
#[cfg(not(loom))]
pub(super) fn wake_low(word: &AtomicU64) {
    super::sys::wake(low(word), i32::MAX);
}

#[cfg(loom)]
pub(super) fn wake_low(_: &AtomicU64) {}

/// The address is all that is needed: the kernel alone looks there.
#[cfg(not(loom))]
fn low(word: &AtomicU64) -> *const u32 {
    let halves = word.as_ptr().cast_const().cast::<u32>();
    if cfg!(target_endian = "little") { halves } else { halves.wrapping_add(1) }
}

/// A point in time after which nobody waits.
#[cfg(not(loom))]
pub(super) struct Deadline(std::time::Instant);

#[cfg(not(loom))]
impl Deadline {
    pub(super) fn after(patience: Duration) -> Self {
        let now = std::time::Instant::now();
        // A patience without end is a long one.
        Deadline(now.checked_add(patience).unwrap_or(now + Duration::from_secs(1 << 20)))
    }

    /// The time until then; zero when it has come.
    pub(super) fn left(&self) -> Duration {
        self.0.saturating_duration_since(std::time::Instant::now())
    }
}

/// A model has no time: patience is a number of looks, one for a millisecond.
#[cfg(loom)]
pub(super) struct Deadline(std::cell::Cell<Duration>);

#[cfg(loom)]
impl Deadline {
    pub(super) fn after(patience: Duration) -> Self {
        Deadline(std::cell::Cell::new(patience))
    }

    pub(super) fn left(&self) -> Duration {
        let left = self.0.get();
        self.0.set(left.saturating_sub(Duration::from_millis(1)));
        left
    }
}
