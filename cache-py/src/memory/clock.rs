//! When entries are over.

use memolith_core::{Clock, SystemClock};
use std::time::Duration;

/// Later than the clock will ever be.
pub(super) const NEVER: u64 = u64::MAX;

/// Below this many nanoseconds to live, a few milliseconds more are too many.
const SHORT: u64 = 250_000_000;

/// How long entries live, in nanoseconds.
pub(super) struct Lifetimes {
    ttl: u64,
    tti: u64,
    clock: SystemClock,
    is_fine: bool,
}

impl Lifetimes {
    pub(super) fn new(ttl: Option<Duration>, tti: Option<Duration>) -> Self {
        let (ttl, tti) = (ttl.map_or(NEVER, nanoseconds), tti.map_or(NEVER, nanoseconds));
        Lifetimes { ttl, tti, clock: SystemClock::default(), is_fine: ttl.min(tti) < SHORT }
    }

    /// Whether there is an end to anything.
    pub(super) fn are_bounded(&self) -> bool {
        self.ttl.min(self.tti) != NEVER
    }

    /// Nanoseconds since the clock was made; in caches where nothing lives shorter than 250 ms, up to 10 ms ago.
    #[inline]
    pub(super) fn now(&self) -> u64 {
        nanoseconds(if self.is_fine { self.clock.elapsed() } else { self.clock.elapsed_coarse() })
    }

    /// The deadline and the limit of an entry that is new now, or has been given a `ttl` of its own.
    pub(super) fn begin(&mut self, now: u64, ttl: Option<u64>) -> (u64, u64) {
        if let Some(ttl) = ttl {
            self.is_fine |= ttl < SHORT;
        }
        let limit = now.saturating_add(ttl.unwrap_or(self.ttl));
        (self.extend(now, limit), limit)
    }

    /// The deadline of an entry that is used now.
    #[inline(always)]
    pub(super) fn extend(&self, now: u64, limit: u64) -> u64 {
        limit.min(now.saturating_add(self.tti))
    }
}

#[inline(always)]
fn nanoseconds(duration: Duration) -> u64 {
    duration.as_secs().saturating_mul(1_000_000_000).saturating_add(u64::from(duration.subsec_nanos()))
}
