//! Time as an argument: a wall clock that other processes share, and a steady one for the memory tier.

use crate::system;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// A point of wall-clock time in microseconds since 1970-01-01T00:00:00Z: the scale of everything that is persisted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(u64);

impl Timestamp {
    /// Later than any clock can say: the expiry of what does not expire.
    pub const NEVER: Timestamp = Timestamp(u64::MAX);

    /// From microseconds since 1970.
    pub const fn from_micros(micros: u64) -> Self {
        Timestamp(micros)
    }

    /// Microseconds since 1970.
    pub const fn as_micros(self) -> u64 {
        self.0
    }

    /// `duration` later; [`NEVER`](Self::NEVER) when that is beyond the scale.
    #[must_use]
    pub fn after(self, duration: Duration) -> Timestamp {
        let micros = u64::try_from(duration.as_micros()).unwrap_or(u64::MAX);
        Timestamp(self.0.saturating_add(micros))
    }

    /// How long it is from `self` until `later`; zero when that has passed.
    pub fn until(self, later: Timestamp) -> Duration {
        Duration::from_micros(later.0.saturating_sub(self.0))
    }
}

/// Where a cache reads the time. Tests pass a [`ManualClock`].
pub trait Clock: fmt::Debug + Send + Sync + 'static {
    /// Wall-clock time, comparable between processes. It may jump.
    fn now(&self) -> Timestamp;
    /// The same, or what it was up to 10 ms ago. Asked at each hit in a backend that lies near; what is about to expire is
    /// looked at by [`now`](Self::now) once more. The default is `now` itself.
    fn now_coarse(&self) -> Timestamp {
        self.now()
    }
    /// Time since some fixed moment. It never goes back. Deadlines in memory are microseconds on this scale.
    fn elapsed(&self) -> Duration;
    /// The same, or what it was up to 10 ms ago; never more. It never goes back either.
    ///
    /// Asked at each hit on an entry that can expire, so it should be cheap; not in a cache where any entry was given less
    /// than 250 ms to live, or to idle, which asks [`elapsed`](Self::elapsed). By as much as it is late, entries are
    /// served beyond their end, and a use moves that less far. The default is `elapsed` itself.
    fn elapsed_coarse(&self) -> Duration {
        self.elapsed()
    }
}

/// The clocks of the operating system.
#[derive(Debug)]
pub struct SystemClock {
    origin: Instant,
    /// The same moment on the scale of the system.
    fine: Option<Duration>,
}

impl Default for SystemClock {
    fn default() -> Self {
        SystemClock { origin: Instant::now(), fine: system::fine_clock() }
    }
}

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        // A clock set before 1970 reads as 1970: everything stored looks as if it came from the future, and is a miss.
        let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Timestamp(u64::try_from(since.as_micros()).unwrap_or(u64::MAX))
    }

    /// On Linux as of the kernel's last tick, as [`elapsed_coarse`](Clock::elapsed_coarse).
    fn now_coarse(&self) -> Timestamp {
        let micros = |since: Duration| since.as_secs() * 1_000_000 + u64::from(since.subsec_micros());
        system::coarse_wall_clock().map_or_else(|| self.now(), |since| Timestamp(micros(since)))
    }

    fn elapsed(&self) -> Duration {
        self.origin.elapsed()
    }

    /// On Linux as of the kernel's last tick: up to 4 ms late (10 ms where it ticks at 100 Hz), for a quarter of the price.
    fn elapsed_coarse(&self) -> Duration {
        match (system::coarse_clock(), self.fine) {
            (Some(now), Some(origin)) => now.saturating_sub(origin),
            _ => self.elapsed(),
        }
    }
}

/// A clock that moves when it is told to.
///
/// ```
/// use memolith_core::{Clock, ManualClock};
/// use std::time::Duration;
///
/// let clock = ManualClock::default();
/// let start = clock.now();
/// clock.advance(Duration::from_secs(60));
/// assert_eq!(start.until(clock.now()), Duration::from_secs(60));
/// ```
#[derive(Debug)]
pub struct ManualClock {
    micros: AtomicU64,
    start: u64,
}

impl ManualClock {
    /// A clock that shows `start` until it is advanced.
    pub fn at(start: Timestamp) -> Self {
        ManualClock { micros: AtomicU64::new(0), start: start.as_micros() }
    }

    /// Moves both clocks on.
    pub fn advance(&self, by: Duration) {
        let by = u64::try_from(by.as_micros()).unwrap_or(u64::MAX);
        let _ = self.micros.fetch_update(Relaxed, Relaxed, |micros| Some(micros.saturating_add(by)));
    }
}

impl Default for ManualClock {
    /// Starts on 2001-09-09, one billion seconds after 1970.
    fn default() -> Self {
        ManualClock::at(Timestamp::from_micros(1_000_000_000_000_000))
    }
}

impl Clock for ManualClock {
    fn now(&self) -> Timestamp {
        Timestamp(self.start.saturating_add(self.micros.load(Relaxed)))
    }

    fn elapsed(&self) -> Duration {
        Duration::from_micros(self.micros.load(Relaxed))
    }
}
