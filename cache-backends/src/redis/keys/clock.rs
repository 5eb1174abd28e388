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
    pub(crate) fn learn(&self, moment: u64) {
        let elapsed = self.elapsed();
        self.start.store(moment.saturating_sub(elapsed), Relaxed);
        self.learned.store(elapsed, Relaxed);
        self.last.fetch_max(moment, Relaxed);
    }

    /// The time on the server, the first of `count` moments that are later than all that were given and learned before;
    /// none if it is not known well.
    pub(crate) fn now(&self, count: usize) -> Option<u64> {
        let (start, elapsed) = (self.start.load(Relaxed), self.elapsed());
        let age = elapsed.saturating_sub(self.learned.load(Relaxed));
        if start == 0 || u128::from(age) > GOOD.as_micros() {
            return None;
        }
        let first = |last: u64| (last + 1).max(start + elapsed);
        let end = |last: u64| Some(first(last) + (count as u64).saturating_sub(1));
        self.last.fetch_update(Relaxed, Relaxed, end).ok().map(first)
    }

    fn elapsed(&self) -> u64 {
        self.origin.elapsed().as_micros() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_grow_from_what_was_learned() {
        let clock = Clock::default();
        assert_eq!(clock.now(1), None, "nothing is known yet");
        clock.learn(1_700_000_000_000_000);
        let moments: Vec<u64> = (0..1_000).filter_map(|_| clock.now(1)).collect();
        assert_eq!(moments.len(), 1_000);
        assert!(moments[0] > 1_700_000_000_000_000 && moments.is_sorted_by(|one, next| one < next));
        let several = clock.now(100).expect("it was learned");
        assert!(clock.now(1) >= Some(several + 100));
        // Another server has taken over, whose clock is behind.
        clock.learn(1_600_000_000_000_000);
        assert!(clock.now(1) > Some(several + 100));
    }

    #[test]
    fn what_was_learned_long_ago_is_not_believed() {
        let clock = Clock { origin: Instant::now() - GOOD - Duration::from_secs(1), ..Clock::default() };
        clock.start.store(1, Relaxed);
        assert_eq!(clock.now(1), None);
        clock.learn(1_700_000_000_000_000);
        assert!(clock.now(1).is_some());
    }
}
