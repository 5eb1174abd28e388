//! What a running cache would give with another size or policy.

use crate::cache::Cache;
use crate::eviction::Policy;
use crate::key::{Key, Value};
use crate::simulate::{Shadows, Simulated};
use crate::studies::{Sample, Studies};
use crate::sync::Mutex;
use std::fmt;
use std::sync::Arc;

/// The least size that a cache without a bound is compared with.
const LEAST: usize = 128;

/// A running study of a cache, from [`Cache::study`] until it is dropped.
#[must_use = "a study ends when it is dropped"]
pub struct Study<'a> {
    studies: &'a Studies,
    shadows: Arc<Mutex<Shadows>>,
    sample: Sample,
    /// Calls since it began.
    calls: Box<dyn Fn() -> u64 + Send + Sync + 'a>,
}

impl<K: Key, V: Value> Cache<K, V> {
    /// Begins to estimate what every policy would give at half, once, twice and four times the bound on entries in memory.
    ///
    /// A cache without a bound, or with one of 0, is compared with the entries that it holds now, and with 128 at least.
    /// Everything else is as in [`study_of`](Self::study_of), costs and errors among it.
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
    /// It is done in miniature: a part of the keys is sampled by hash, and caches scaled down by as much are simulated
    /// (Waldspurger et al., "Cache Modeling and Optimization using Miniature Simulations", USENIX ATC 2017). That part
    /// is 4 %; more where the smallest size would be left with less than 128 entries, and less where it would have more
    /// than 512. If one of the sizes is 128 or less, all keys are sampled, and the result is exact for the calls of one
    /// thread.
    ///
    /// Expect errors of one point of a hundred, up to three. `Lfu`, and at times `Sieve`, keep a newcomer for one miss
    /// only, which cannot be scaled down: among scans they look up to ten points better than they are. `Mru` may be
    /// further off, because few keys, in the sample or not, decide how it does. `Tenure` learns from evictions, of which a
    /// miniature has fewer: until it had some thousands it looks up to fifteen points worse than it is.
    ///
    /// Several studies may run at once. While one does, calls for sampled keys take a lock, and every 32nd of them plays
    /// the last 32 in every miniature, one thread at a time, 20 to 40 ns for each of them: with all policies and four
    /// sizes a call costs about 200 ns more at 1,000 entries, 50 at 10,000, 15 at 100,000, and 1 µs where all keys are
    /// sampled, and twice that if two threads do nothing but call. A study takes 50 to 100 bytes for each entry of its
    /// miniatures. A cache that nobody studies pays a branch that is never taken.
    pub fn study_of(&self, policies: &[Policy], maxsizes: &[usize]) -> Study<'_> {
        let smallest = maxsizes.iter().copied().filter(|&maxsize| maxsize > 0).min();
        let sample = Sample::for_size(smallest.unwrap_or(1));
        let shadows = Shadows::new(policies, maxsizes, |maxsize| sample.scaled(maxsize));
        let before = self.calls_ever();
        let calls = Box::new(move || self.calls_ever().saturating_sub(before));
        let shadows = self.studies.begin(sample, shadows);
        Study { studies: &self.studies, shadows, sample, calls }
    }

    /// Also those that the counters have forgotten.
    fn calls_ever(&self) -> u64 {
        let calls = self.memory.calls();
        calls.hits + calls.misses
    }
}

impl Study<'_> {
    /// The estimates up to now, in the order of policies and, for each, of sizes.
    ///
    /// The simulated caches were empty when the study began: let it run until the largest had the time to fill, and
    /// compare them with each other. The size and policy that the cache has are among those of [`Cache::study`], and its
    /// counters tell how good the estimate is.
    pub fn report(&self) -> Vec<Simulated> {
        self.studies.report(&self.shadows, self.sample, (self.calls)())
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
