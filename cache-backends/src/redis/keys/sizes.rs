//! How large the values of a space are, as far as was seen: how many are asked for at once.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

/// What a reply should hold at most: more might take longer than a call may, and keeps others waiting.
pub(crate) const ENOUGH: usize = 4 << 20;
/// So many values are asked for while nothing is known of them.
const FEW: usize = 4;
/// So many times as many are asked for next when none of them was there.
const STEP: usize = 8;

/// What is known of the values of a space. Threads that learn at once may lose what one of them has learned.
#[derive(Debug)]
pub(crate) struct Sizes {
    /// How large a value is, if any was seen: the largest mean of a batch, forgotten by and by.
    mean: AtomicU64,
    /// How many may be asked for, whatever their size.
    most: AtomicUsize,
}

impl Default for Sizes {
    fn default() -> Self {
        Sizes { mean: AtomicU64::new(0), most: AtomicUsize::new(FEW) }
    }
}

impl Sizes {
    /// How many to ask for at once, at least one and no more than `most`.
    pub(crate) fn fit(&self, most: usize) -> usize {
        let mean = usize::try_from(self.mean.load(Relaxed)).unwrap_or(usize::MAX);
        (ENOUGH / mean.max(1)).min(self.most.load(Relaxed)).clamp(1, most)
    }

    /// Of `asked` entries those that were there were as large as `there` says.
    pub(crate) fn learn(&self, asked: usize, there: impl Iterator<Item = usize>) {
        let (count, bytes) = there.fold((0, 0), |(count, bytes), size| (count + 1, bytes + size as u64));
        let Some(mean) = u64::checked_div(bytes, count) else {
            self.most.fetch_max(asked.saturating_mul(STEP), Relaxed);
            return;
        };
        // What is as it was is not written: other threads read it.
        if self.most.load(Relaxed) != usize::MAX {
            self.most.store(usize::MAX, Relaxed);
        }
        let before = self.mean.load(Relaxed);
        if before != mean {
            self.mean.store(mean.max(before - before.div_ceil(4)), Relaxed);
        }
    }

    /// Nobody has answered who was asked for `asked` entries: they may have been too large together.
    pub(crate) fn failed(&self, asked: usize) {
        self.most.fetch_min((asked / 2).max(1), Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_tell_how_many_fit() {
        let sizes = Sizes::default();
        assert_eq!(sizes.fit(1_000), FEW);
        sizes.learn(4, [100, 300].into_iter());
        assert_eq!(sizes.fit(1_000), 1_000);
        sizes.learn(2, [10 << 20, 10 << 20].into_iter());
        assert_eq!(sizes.fit(1_000), 1, "one that is too large by itself");
        (0..100).for_each(|_| sizes.learn(1, [0].into_iter()));
        assert_eq!(sizes.fit(1_000), 1_000, "what was large once is not so for ever");
    }

    #[test]
    fn what_is_not_there_costs_few_questions() {
        let (sizes, mut asked, mut questions) = (Sizes::default(), 0, 0);
        while asked < 1_000 {
            let part = sizes.fit(1_000);
            sizes.learn(part, [].into_iter());
            (asked, questions) = (asked + part, questions + 1);
        }
        assert!(questions <= 5, "{questions}");
    }

    #[test]
    fn who_got_no_answer_asks_for_less_until_one_comes() {
        let sizes = Sizes::default();
        sizes.learn(1, [1].into_iter());
        for most in [50, 25, 12, 6, 3, 1, 1] {
            sizes.failed(sizes.fit(100));
            assert_eq!(sizes.fit(100), most);
        }
        sizes.learn(1, [1].into_iter());
        assert_eq!(sizes.fit(100), 100);
    }
}
