//! Keys: a stream of them made beforehand, or one that never ends.

use std::sync::Arc;

/// Keys read over and over, each reader from a place of its own.
#[derive(Clone, Debug)]
pub struct Stream<K> {
    keys: Arc<[K]>,
    at: usize,
}

impl<K> Stream<K> {
    /// A reader of `keys` who is number `reader`.
    #[must_use]
    pub fn new(keys: &Arc<[K]>, reader: usize) -> Self {
        Stream { keys: Arc::clone(keys), at: reader * 7_919 % keys.len() }
    }

    /// The next `times` keys, through `each`.
    #[inline]
    pub fn each(&mut self, mut times: u64, mut each: impl FnMut(&K)) {
        while times > 0 {
            let rest = &self.keys[self.at..];
            let length = rest.len().min(usize::try_from(times).unwrap_or(usize::MAX));
            rest[..length].iter().for_each(&mut each);
            self.at = (self.at + length) % self.keys.len();
            times -= length as u64;
        }
    }
}

/// Numbers that were never there before; those of different sources differ.
#[derive(Clone, Debug)]
pub struct Fresh {
    next: u64,
}

impl Fresh {
    /// Source number `source`.
    #[must_use]
    pub fn new(source: usize) -> Self {
        Fresh { next: (source as u64) << 40 }
    }
}

impl Iterator for Fresh {
    type Item = u64;

    /// In no order that a table could profit from: multiplication by an odd number maps one to one.
    #[inline]
    fn next(&mut self) -> Option<u64> {
        self.next += 1;
        Some(self.next.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }
}

/// Random numbers below a bound, without end, each as likely as any.
#[derive(Clone, Debug)]
pub struct Uniform {
    bound: u64,
    random: Random,
}

impl Uniform {
    /// Numbers below `bound`; those of different sources differ.
    #[must_use]
    pub fn new(bound: usize, source: u64) -> Self {
        Uniform { bound: bound as u64, random: Random::new(source + 4) }
    }
}

impl Iterator for Uniform {
    type Item = u64;

    /// By a multiplication: a division would take as long as some of what is measured.
    #[inline]
    fn next(&mut self) -> Option<u64> {
        Some(((u128::from(self.random.next()) * u128::from(self.bound)) >> 64) as u64)
    }
}

/// A generator of random numbers, the same in each run (xorshift64*; Vigna, 2016).
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Self {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// From 0 up to, without, 1.
    pub(crate) fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        (self.unit() * bound as f64) as u64
    }
}

/// `length` numbers below `bound`, each as likely as any.
#[must_use]
pub fn uniform(bound: usize, length: usize) -> Vec<u64> {
    let mut random = Random::new(1);
    (0..length).map(|_| random.below(bound as u64)).collect()
}

/// `length` numbers below `bound`, number `n` with a likelihood in proportion to `1 / (n + 1) ^ skew`.
#[must_use]
pub fn zipf(bound: usize, skew: f64, length: usize) -> Vec<u64> {
    let mut sampler = Zipf::new(bound, skew, 2);
    (0..length).map(|_| sampler.next()).collect()
}

/// A source of skewed numbers.
#[derive(Debug)]
pub(crate) struct Zipf {
    /// How likely a number is at most this one.
    sums: Vec<f64>,
    random: Random,
}

impl Zipf {
    pub(crate) fn new(bound: usize, skew: f64, seed: u64) -> Self {
        let mut sum = 0.0;
        let likelihood = |rank| {
            sum += (rank as f64).powf(-skew);
            sum
        };
        let mut sums: Vec<f64> = (1..=bound).map(likelihood).collect();
        sums.iter_mut().for_each(|part| *part /= sum);
        Zipf { sums, random: Random::new(seed) }
    }

    pub(crate) fn next(&mut self) -> u64 {
        let at = self.random.unit();
        self.sums.partition_point(|&sum| sum <= at).min(self.sums.len() - 1) as u64
    }
}

/// A key of `bytes` bytes for a number.
#[must_use]
pub fn text_key(number: u64, bytes: usize) -> String {
    format!("{number:0bytes$}")
}

/// A value of 64 bytes for a number.
#[must_use]
pub fn text_value(number: u64) -> String {
    format!("{number:064}")
}

/// The numbers below `bound` in random order, so that popular ones are not neighbours.
#[must_use]
pub fn shuffled(bound: usize) -> Vec<u64> {
    let mut numbers: Vec<u64> = (0..bound as u64).collect();
    let mut random = Random::new(3);
    for at in (1..bound).rev() {
        numbers.swap(at, random.below(at as u64 + 1) as usize);
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_stream_goes_round_and_round() {
        let mut stream = Stream::new(&Arc::from([1, 2, 3]), 0);
        let mut seen = Vec::new();
        [2, 0, 5].into_iter().for_each(|times| stream.each(times, |key| seen.push(*key)));
        assert_eq!(seen, [1, 2, 3, 1, 2, 3, 1]);
    }

    #[test]
    fn fresh_keys_differ_within_and_between_sources() {
        let keys: HashSet<u64> = (0..4).flat_map(|source| Fresh::new(source).take(1_000)).collect();
        assert_eq!(keys.len(), 4_000);
    }

    #[test]
    fn uniform_numbers_are_all_there_and_none_is_at_the_bound() {
        let seen: HashSet<u64> = Uniform::new(100, 1).take(10_000).collect();
        assert_eq!((seen.len(), seen.iter().max()), (100, Some(&99)));
    }

    #[test]
    fn skewed_keys_are_as_frequent_as_they_should_be() {
        let keys = zipf(1_000, 1.0, 100_000);
        let share = |number| keys.iter().filter(|key| **key == number).count() as f64 / 1e5;
        // The sum of 1 / n up to 1,000 is 7.485.
        assert!((share(0) - 1.0 / 7.485).abs() < 0.01, "{}", share(0));
        assert!((share(1) - 0.5 / 7.485).abs() < 0.01, "{}", share(1));
        assert!(keys.iter().all(|key| *key < 1_000));
    }
}
