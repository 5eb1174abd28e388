//! What time it is on a server, as well as can be told from here.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// How long what was learned of the server's clock is good: clocks drift by less than some milliseconds meanwhile.
const GOOD: Duration = Duration::from_secs(60);

/// The clock of a server, learned from its replies. By it a hit is noted without a script, and a put asks the server for
/// two things less. What happens here is in order; between processes the order is as exact as the time a reply takes.
#[derive(Debug)]
pub(crate) struct Clock {
    origin: Instant,
    /// The server's time at `origin`; 0 as long as it is unknown.
    start: AtomicU64,
    /// When that was learned, in microseconds since `origin`.
    learned: AtomicU64,
    /// The latest moment that was given.
    last: AtomicU64,
}

impl Default for Clock {
    fn default() -> Self {
        let zero = || AtomicU64::new(0);
        Clock { origin: Instant::now(), start: zero(), learned: zero(), last: zero() }
    }
}

impl Clock {
    /// A reply says that it was `moment` on the server, in microseconds.
    ///
    /// A reply is late, and of two servers that take each other's place one may be behind: then time goes on here as before.
    /// The others follow, as scripts answer no moment that is before any in their space.
    pub(crate) fn learn(&self, moment: u64) {
        self.learn_at(moment, self.origin.elapsed());
    }

    /// The time on the server, the first of `count` moments that are later than all that were given and learned before;
    /// none if it is not known well.
    pub(crate) fn now(&self, count: usize) -> Option<u64> {
        self.now_at(count, self.origin.elapsed())
    }

    /// As [`learn`](Self::learn), so long after `origin`.
    fn learn_at(&self, moment: u64, elapsed: Duration) {
        let elapsed = elapsed.as_micros() as u64;
        self.start.fetch_max(moment.saturating_sub(elapsed), Relaxed);
        self.learned.store(elapsed, Relaxed);
        self.last.fetch_max(moment, Relaxed);
    }

    /// As [`now`](Self::now), so long after `origin`.
    fn now_at(&self, count: usize, elapsed: Duration) -> Option<u64> {
        let (start, elapsed) = (self.start.load(Relaxed), elapsed.as_micros() as u64);
        let age = elapsed.saturating_sub(self.learned.load(Relaxed));
        if start == 0 || u128::from(age) > GOOD.as_micros() {
            return None;
        }
        let first = |last: u64| (last + 1).max(start + elapsed);
        let end = |last: u64| Some(first(last) + (count as u64).saturating_sub(1));
        self.last.fetch_update(Relaxed, Relaxed, end).ok().map(first)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: u64 = 1_700_000_000_000_000;
    const SECOND: u64 = 1_000_000;

    /// What it is after so many seconds.
    fn after(clock: &Clock, seconds: u64) -> Option<u64> {
        clock.now_at(1, Duration::from_secs(seconds))
    }

    #[test]
    fn moments_grow_from_what_was_learned() {
        let clock = Clock::default();
        assert_eq!(clock.now(1), None, "nothing is known yet");
        clock.learn(START);
        let moments: Vec<u64> = (0..1_000).filter_map(|_| clock.now(1)).collect();
        assert_eq!(moments.len(), 1_000);
        assert!(moments[0] > START && moments.is_sorted_by(|one, next| one < next));
        let several = clock.now(100).expect("it was learned");
        assert!(clock.now(1) >= Some(several + 100));
    }

    #[test]
    fn where_a_server_takes_over_time_goes_on() {
        let clock = Clock::default();
        let learn = |moment: u64, seconds: u64| clock.learn_at(moment, Duration::from_secs(seconds));
        learn(START, 0);
        assert_eq!(after(&clock, 10), Some(START + 10 * SECOND));
        // Its clock is behind.
        learn(START - 3_600 * SECOND, 10);
        for seconds in 11..70 {
            assert_eq!(after(&clock, seconds), Some(START + seconds * SECOND));
        }
        // The next one is ahead.
        learn(START + 3_600 * SECOND, 70);
        assert_eq!(after(&clock, 71), Some(START + 3_601 * SECOND));
    }

    #[test]
    fn a_late_reply_does_not_hold_it_up() {
        let clock = Clock::default();
        clock.learn_at(START, Duration::from_secs(1));
        clock.learn_at(START + SECOND, Duration::from_secs(4));
        assert_eq!(after(&clock, 4), Some(START + 3 * SECOND));
        clock.learn_at(START + 6 * SECOND, Duration::from_secs(5));
        assert_eq!(after(&clock, 6), Some(START + 7 * SECOND), "the first one was late itself");
    }

    #[test]
    fn what_was_learned_long_ago_is_not_believed() {
        let clock = Clock::default();
        clock.learn_at(START, Duration::ZERO);
        assert!(after(&clock, 60).is_some());
        assert_eq!(after(&clock, 61), None);
        clock.learn_at(START, Duration::from_secs(61));
        assert_eq!(after(&clock, 61), Some(START + 61 * SECOND));
    }
}
