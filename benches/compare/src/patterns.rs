//! Made-up traces, each with a habit that some policy is good at and another is not.

use crate::keys::{Random, Zipf};

/// Keys that no other part of a pattern uses.
const APART: u64 = 1 << 40;

/// Patterns by name, of `length` requests each, made for caches of a few thousand entries.
#[must_use]
pub fn patterns(length: usize) -> Vec<(String, Vec<u64>)> {
    let patterns: [(&str, Vec<u64>); 8] = [
        ("Zipf 0.7", zipf(length, 0.7)),
        ("Zipf 0.99", zipf(length, 0.99)),
        ("popularity that shifts", shifting(length)),
        ("loop of 5,500", (0..length as u64).map(|at| at % 5_500).collect()),
        ("Zipf and scans", scans(length)),
        ("what was used lately", recency(length)),
        ("two thirds never again", onehit(length)),
        ("Zipf, then loop, in turn", regimes(length)),
    ];
    patterns.into_iter().map(|(name, requests)| (name.to_owned(), requests)).collect()
}

fn zipf(length: usize, skew: f64) -> Vec<u64> {
    let mut keys = Zipf::new(100_000, skew, 11);
    (0..length).map(|_| keys.next()).collect()
}

/// Every twentieth of the way, other keys are the popular ones.
fn shifting(length: usize) -> Vec<u64> {
    let mut keys = Zipf::new(100_000, 0.99, 12);
    (0..length).map(|at| (keys.next() + (at / (length / 20).max(1)) as u64 * 997) % 100_000).collect()
}

/// One request in ten begins a scan of ten new keys in a row.
fn scans(length: usize) -> Vec<u64> {
    let (mut keys, mut random, mut fresh) = (Zipf::new(50_000, 0.9, 13), Random::new(13), APART);
    let mut requests = Vec::with_capacity(length + 10);
    while requests.len() < length {
        if random.below(10) == 0 {
            requests.extend(fresh..fresh + 10);
            fresh += 10;
        } else {
            requests.push(keys.next());
        }
    }
    requests.truncate(length);
    requests
}

/// Half new keys, half those of not long ago: the longer ago, the less likely.
fn recency(length: usize) -> Vec<u64> {
    let mut random = Random::new(14);
    let mut requests: Vec<u64> = Vec::with_capacity(length);
    for at in 0..length as u64 {
        let back = (-random.unit().max(1e-12).ln() * 3_000.0) as usize;
        let old = requests.len().checked_sub(back + 1).map(|place| requests[place]);
        requests.push(old.filter(|_| random.below(2) == 0).unwrap_or(at));
    }
    requests
}

/// Skewed keys between keys that never come back.
fn onehit(length: usize) -> Vec<u64> {
    let (mut keys, mut random) = (Zipf::new(20_000, 0.9, 15), Random::new(15));
    (0..length as u64).map(|at| if random.below(3) == 0 { keys.next() } else { APART + at }).collect()
}

/// Ten stretches, each of the other kind than the one before.
fn regimes(length: usize) -> Vec<u64> {
    let mut keys = Zipf::new(50_000, 0.9, 16);
    let stretch = (length / 10).max(1);
    let request = |at: usize| if (at / stretch).is_multiple_of(2) { keys.next() } else { APART + at as u64 % 4_000 };
    (0..length).map(request).collect()
}
