//! What a running cache would give with another size or policy.

use crate::cache::Cache;
use crate::counts::Counts;
use crate::eviction::Policy;
use crate::key::{Key, Value};
use crate::simulate::{Shadows, Simulated};
use crate::studies::{Sample, Studies};
use crate::sync::Mutex;
use std::fmt;
use std::sync::Arc;

/// The size that an unbounded, nearly empty cache is compared with.
const LEAST: usize = 128;

/// A running study of a cache, from [`Cache::study`] until it is dropped.
#[must_use = "a study ends when it is dropped"]
pub struct Study<'a> {
    studies: &'a Studies,
    counts: &'a Counts,
    shadows: Arc<Mutex<Shadows>>,
    sample: Sample,
    /// Calls before it began.
    before: u64,
}

impl<K: Key, V: Value> Cache<K, V> {
    /// Begins to estimate what every policy would give at half, once, twice and four times the bound on entries in memory.
    ///
    /// An unbounded cache is compared with the entries that it holds now. Everything else is as in
    /// [`study_of`](Self::study_of).
    ///
    /// ```
    /// use memolith_core::{Cache, Policy};
    ///
    /// let cache = Cache::<u32, u32>::builder().maxsize(100).build();
    /// let study = cache.study();
    /// for call in 0..10_000 {
    ///     cache.get_or_insert_with(&(call % 150), || call);
    /// }
    /// let report = study.report();
    /// let lru = |size| report.iter().find(|at| at.policy == Policy::Lru && at.maxsize == size);
    /// assert_eq!(lru(100).map(|at| at.hit_ratio), Some(0.0));
    /// assert_eq!(lru(200).map(|at| at.hit_ratio), Some(0.985));
    /// ```
    pub fn study(&self) -> Study<'_> {
        let bound = self.settings.memory_bound(self.settings.maxsize(), self.remote.is_some());
        let size = match bound {
            Some(bound) if bound > 0 => bound,
            _ => self.memory.len(|| self.now()).max(LEAST),
        };
        let mut sizes = vec![(size / 2).max(1), size, size.saturating_mul(2), size.saturating_mul(4)];
        sizes.dedup();
        self.study_of(Policy::ALL, &sizes)
    }

    /// Begins to estimate the hit ratio of each of `policies` at each of the sizes from the calls of this cache: every
    /// call is a request, whatever became of it, and every miss is taken to be kept.
    ///
    /// It is done in miniature: of the keys a part is sampled by hash, so many that the smallest size is left with 128
    /// entries, and caches scaled down by as much are simulated (Waldspurger et al., USENIX ATC 2017).
    /// A cache of 128 entries or less is simulated whole. Expect errors of a few per cent of all calls, and more of
    /// sizes that are not large against 128.
    ///
    /// Several studies may run at once. While one does, calls for sampled keys take a lock, and every 32nd of them plays
    /// the last 32 in every miniature: about 30 ns for each request, policy and size. A study takes 50 to 100 bytes for
    /// each entry of its miniatures. A cache without one pays a branch.
    pub fn study_of(&self, policies: &[Policy], maxsizes: &[usize]) -> Study<'_> {
        let smallest = maxsizes.iter().copied().filter(|&maxsize| maxsize > 0).min();
        let sample = Sample::for_size(smallest.unwrap_or(1));
        let shadows = Shadows::new(policies, maxsizes, |maxsize| sample.scaled(maxsize));
        let before = self.counts.calls_ever();
        let shadows = self.studies.begin(sample, shadows);
        Study { studies: &self.studies, counts: &self.counts, shadows, sample, before }
    }
}

impl Study<'_> {
    /// The estimates up to now, in the order of policies and, for each, of sizes.
    ///
    /// The simulated caches were empty when the study began: let it run until the largest had the time to fill, and
    /// compare them with each other. The size and policy that the cache has are among those of [`Cache::study`], and its
    /// counters tell how good the estimate is.
    pub fn report(&self) -> Vec<Simulated> {
        let calls = self.counts.calls_ever().saturating_sub(self.before);
        self.studies.report(&self.shadows, self.sample, calls)
    }
}

impl Drop for Study<'_> {
    fn drop(&mut self) {
        self.studies.end(&self.shadows);
    }
}

impl fmt::Debug for Study<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Study").field("sample", &self.sample).finish_non_exhaustive()
    }
}
