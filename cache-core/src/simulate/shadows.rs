//! Simulated caches side by side.

use super::Simulated;
use super::shadow::Shadow;
use crate::eviction::Policy;

/// What is left to chance is the same in every run.
const SEED: u64 = 0;

/// A cache for each of some policies and sizes, and the sizes that they stand for.
#[derive(Debug)]
pub(crate) struct Shadows {
    caches: Vec<(Policy, usize, Shadow)>,
    requests: u64,
}

impl Shadows {
    /// Empty caches. One that stands for a size has the size that `scaled` gives.
    pub(crate) fn new(policies: &[Policy], maxsizes: &[usize], scaled: impl Fn(usize) -> usize) -> Self {
        let cache = |policy, maxsize| (policy, maxsize, Shadow::new(policy, scaled(maxsize), SEED));
        let sizes = |&policy| maxsizes.iter().map(move |&maxsize| cache(policy, maxsize));
        Shadows { caches: policies.iter().flat_map(sizes).collect(), requests: 0 }
    }

    /// Requests, in their order: one cache after the other answers all of them.
    pub(crate) fn play(&mut self, hashes: &[u64]) {
        self.requests += hashes.len() as u64;
        for (.., cache) in &mut self.caches {
            hashes.iter().for_each(|&hash| cache.request(hash));
        }
    }

    /// How they did, where `ratio` makes a hit ratio of a policy's hits and requests.
    pub(crate) fn results(&self, ratio: impl Fn(Policy, u64, u64) -> f64) -> Vec<Simulated> {
        let result = |(policy, maxsize, cache): &(Policy, usize, Shadow)| Simulated {
            policy: *policy,
            maxsize: *maxsize,
            hit_ratio: ratio(*policy, cache.hits(), self.requests),
            requests: self.requests,
        };
        self.caches.iter().map(result).collect()
    }
}
