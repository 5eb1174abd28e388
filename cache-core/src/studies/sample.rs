//! Which keys a study looks at, and what they say about all.

use crate::eviction::Policy;

/// Entries of the smallest miniature: with fewer the estimate is left to chance.
const FEWEST: f64 = 128.0;
/// Entries with which chance is small, wherever they come of no more than the `CHEAP` part of the keys.
const ENOUGH: f64 = 512.0;
const CHEAP: f64 = 0.04;
/// One more than the highest hash.
const TWO_64: f64 = 18_446_744_073_709_551_616.0;

/// The keys that are looked at: those with hashes below a bound.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sample {
    below: u64,
}

impl Sample {
    /// So many keys that a miniature of `maxsize` has enough entries; all of them if it has few in the first place.
    pub(crate) fn for_size(maxsize: usize) -> Sample {
        let leaving = |entries: f64| entries / maxsize as f64;
        let rate = leaving(FEWEST).max(leaving(ENOUGH).min(CHEAP));
        // A float beyond the range becomes the end of it.
        Sample { below: (rate * TWO_64) as u64 }
    }

    /// The size of the miniature of a cache.
    pub(crate) fn scaled(self, maxsize: usize) -> usize {
        if self.is_all() { maxsize } else { (maxsize as f64 * self.rate()).round() as usize }
    }

    /// Every hash of the sample is below it.
    pub(super) fn below(self) -> u64 {
        self.below
    }

    pub(super) fn has(self, hash: u64) -> bool {
        hash < self.below
    }

    fn is_all(self) -> bool {
        self.below == u64::MAX
    }

    fn rate(self) -> f64 {
        self.below as f64 / TWO_64
    }

    /// The hit ratio over `calls`, of which `requests` were in the sample and `hits` of those were hits.
    ///
    /// A key that is asked for all the time is in the sample, and weighs too much, or is not, and is missing. Almost all
    /// of its requests are hits either way: so the requests that the sample lacks or has too many are counted as such.
    /// Waldspurger, Park, Garthwaite and Ahmad, "Efficient MRC Construction with SHARDS", FAST 2015,
    /// <https://www.usenix.org/conference/fast15/technical-sessions/presentation/waldspurger>.
    pub(super) fn estimate(self, policy: Policy, hits: u64, (requests, calls): (u64, u64)) -> f64 {
        let expected = match policy {
            // It gives up first what is asked for all the time.
            Policy::Mru => requests as f64,
            _ if self.is_all() => requests as f64,
            _ => calls as f64 * self.rate(),
        };
        let missing = expected - requests as f64;
        if expected > 0.0 { ((hits as f64 + missing) / expected).clamp(0.0, 1.0) } else { 0.0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_cache_is_looked_at_whole() {
        for maxsize in [0, 1, 100, 128] {
            let sample = Sample::for_size(maxsize);
            assert_eq!((sample.below(), sample.scaled(500)), (u64::MAX, 500));
        }
    }

    #[test]
    fn a_large_cache_is_left_with_enough_entries_of_few_keys() {
        for (maxsize, entries) in [(129, 128), (1_000, 128), (3_200, 128), (10_000, 400), (12_800, 512), (1 << 40, 512)]
        {
            assert_eq!(Sample::for_size(maxsize).scaled(maxsize), entries, "{maxsize}");
        }
        assert!(Sample::for_size(usize::MAX).scaled(usize::MAX) >= 512);
    }

    #[test]
    fn an_estimate_is_a_ratio() {
        let half = Sample { below: 1 << 63 };
        assert_eq!(half.estimate(Policy::Lru, 0, (0, 0)), 0.0);
        assert_eq!(half.estimate(Policy::Lru, 30, (50, 100)), 0.6);
        // The sample lacks a key that has half of the calls, or has it.
        assert_eq!(half.estimate(Policy::Lru, 5, (25, 100)), 0.6);
        assert_eq!(half.estimate(Policy::Lru, 55, (75, 100)), 0.6);
        assert_eq!(half.estimate(Policy::Lru, 0, (75, 100)), 0.0);
        assert_eq!(half.estimate(Policy::Mru, 30, (60, 100)), 0.5);
        assert_eq!(half.estimate(Policy::Mru, 0, (0, 100)), 0.0);
    }
}
