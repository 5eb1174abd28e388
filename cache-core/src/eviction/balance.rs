//! How large a window for newcomers should be, learned from where the hits fall.

/// The share of a window, and the hits on both sides since it was last changed.
#[derive(Debug)]
pub(crate) struct Balance {
    /// In 65,536ths of the cache.
    share: u64,
    inside: u64,
    outside: u64,
    misses: u64,
}

/// After so many requests for each entry of the cache the window changes. Fewer, and chance would move it.
const PERIOD: u64 = 10;

/// Where a place earns e times as much as on the other side, so much of the cache goes there; more if it earns more,
/// but never more than `LONGEST_STEP`.
const STEP: f64 = 0.02;
const LONGEST_STEP: f64 = 0.3;

/// A side without a place earns nothing, and would never get one.
const SMALLEST: f64 = 0.02;
const LARGEST: f64 = 0.8;

const WHOLE: u64 = 1 << 16;

impl Default for Balance {
    fn default() -> Self {
        Balance { share: WHOLE / 50, inside: 0, outside: 0, misses: 0 }
    }
}

impl Balance {
    /// Counts a request for what was not there.
    pub(crate) fn miss(&mut self) {
        self.misses += 1;
    }

    /// Counts hits on the window.
    pub(crate) fn inside(&mut self, hits: u64) {
        self.inside += hits;
    }

    /// Counts hits on the others.
    pub(crate) fn outside(&mut self, hits: u64) {
        self.outside += hits;
    }

    /// The size of the window of a cache that holds `capacity`: 1 at least.
    pub(crate) fn window(&self, capacity: usize) -> usize {
        ((capacity as u64 * self.share / WHOLE) as usize).max(1)
    }

    /// Changes the size, if there were requests enough to tell.
    pub(crate) fn settle(&mut self, capacity: usize) {
        if self.inside + self.outside + self.misses < PERIOD * capacity as u64 {
            return;
        }
        let share = self.share as f64 / WHOLE as f64;
        // One more hit, spread over all places, keeps the logarithm finite, and the window where it is when there are none.
        let inside = (self.inside as f64 + share) / share;
        let outside = (self.outside as f64 + 1.0 - share) / (1.0 - share);
        let step = (STEP * (inside / outside).ln()).clamp(-LONGEST_STEP, LONGEST_STEP);
        let share = (share + step).clamp(SMALLEST, LARGEST);
        *self = Balance { share: (share * WHOLE as f64) as u64, inside: 0, outside: 0, misses: 0 };
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The window of 1,000 after a time with so many hits on each side for each of ten requests.
    fn window(inside: u64, outside: u64) -> usize {
        let mut balance = Balance::default();
        for _ in 0..200_000 {
            (0..10 - inside - outside).for_each(|_| balance.miss());
            balance.inside(inside);
            balance.outside(outside);
            balance.settle(1_000);
        }
        balance.window(1_000)
    }

    #[test]
    fn a_place_earns_as_much_inside_as_outside() {
        assert!((190..=210).contains(&window(1, 4)), "{}", window(1, 4));
        assert!((490..=510).contains(&window(3, 3)), "{}", window(3, 3));
        assert_eq!((window(0, 5), window(5, 0)), (19, 799));
    }

    #[test]
    fn without_hits_it_stays() {
        assert_eq!(window(0, 0), 19);
    }

    #[test]
    fn there_is_always_a_place() {
        let balance = Balance::default();
        assert_eq!([0, 1, 2, 99, 1_000, 1_000_000].map(|capacity| balance.window(capacity)), [1, 1, 1, 1, 19, 19_989]);
    }
}
