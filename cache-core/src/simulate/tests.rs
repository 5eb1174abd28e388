#![expect(clippy::unwrap_used, reason = "tests")]

use super::shadow::Shadow;
use super::{optimum, simulate};
use crate::{Cache, Policy};
use proptest::collection::vec;
use proptest::prelude::*;
use std::collections::BTreeSet;
use std::hash::BuildHasher;

/// Both ends of the range of hit ratios: keys that nearly fit, and many more than fit.
fn traces() -> impl Strategy<Value = (usize, Vec<u32>)> {
    (0..=100usize).prop_flat_map(|maxsize| {
        let keys = prop_oneof![Just(maxsize as u32 + 1), Just(3 * maxsize as u32 + 1)];
        keys.prop_flat_map(move |keys| (Just(maxsize), vec(0..keys, 0..1500)))
    })
}

proptest! {
    #[test]
    fn a_request_hits_where_it_would_hit_in_a_cache((maxsize, trace) in traces()) {
        // Where who leaves is a slot drawn by lot, or one of some, it matters which entry is in which.
        for &policy in Policy::ALL.iter().filter(|policy| !matches!(policy, Policy::Random | Policy::Tenure)) {
            let cache = Cache::<u32, ()>::builder().maxsize(maxsize).policy(policy).build();
            // As the builder does.
            let seed = cache.settings.hasher.hash_one(0);
            let mut shadow = Shadow::new(policy, maxsize, seed);
            for (at, key) in trace.iter().enumerate() {
                // Policies may look at hashes, and each cache has its own.
                shadow.request(cache.settings.hasher.hash_one(key));
                cache.get_or_insert_with(key, || ());
                prop_assert_eq!(shadow.hits(), cache.info().hits, "{:?}, request {}", policy, at);
            }
        }
    }

    #[test]
    fn the_optimum_is_the_best_of_all_choices(trace in vec(0..5u8, 0..12), maxsize in 0..4usize) {
        let best = best(&trace, &BTreeSet::new(), maxsize);
        let found = optimum(&trace, &[maxsize])[0] * trace.len() as f64;
        prop_assert_eq!(found.round() as usize, best);
    }

    #[test]
    fn no_policy_is_better_than_the_optimum((maxsize, trace) in traces()) {
        let best = optimum(&trace, &[maxsize])[0];
        for result in simulate(&trace, Policy::ALL, &[maxsize]) {
            prop_assert!(result.hit_ratio <= best, "{result:?}, {best}");
        }
    }
}

/// The most hits that any choice of who leaves gives: all of them are tried.
fn best(trace: &[u8], held: &BTreeSet<u8>, maxsize: usize) -> usize {
    let Some((key, rest)) = trace.split_first() else { return 0 };
    if held.contains(key) {
        return 1 + best(rest, held, maxsize);
    }
    let with = |mut held: BTreeSet<u8>| {
        held.insert(*key);
        held
    };
    match maxsize {
        0 => 0,
        _ if held.len() < maxsize => best(rest, &with(held.clone()), maxsize),
        _ => {
            let without = |leaver| held.iter().copied().filter(|key| key != leaver).collect();
            held.iter().map(|leaver| best(rest, &with(without(leaver)), maxsize)).max().unwrap()
        }
    }
}

#[test]
fn results_stand_in_the_order_of_the_questions() {
    let (policies, sizes) = ([Policy::Fifo, Policy::Lru], [7, 0, usize::MAX]);
    // Longer than what is played at once.
    let results = simulate((0..50_000).map(|at| at % 10), &policies, &sizes);
    let places: Vec<_> = results.iter().map(|result| (result.policy, result.maxsize)).collect();
    let expected: Vec<_> = policies.iter().flat_map(|&policy| sizes.map(|size| (policy, size))).collect();
    assert_eq!(places, expected);
    for result in &results {
        let expected = if result.maxsize == usize::MAX { 49_990.0 / 50_000.0 } else { 0.0 };
        assert_eq!((result.hit_ratio, result.requests), (expected, 50_000), "{result:?}");
    }
}

#[test]
fn nothing_comes_of_nothing() {
    let nothing: [u8; 0] = [];
    assert_eq!(simulate(nothing, &[Policy::Lru], &[5])[0].hit_ratio, 0.0);
    assert_eq!(optimum(&nothing, &[5]), [0.0]);
    assert!(simulate([1], &[], &[5]).is_empty());
}

#[test]
fn results_are_the_same_in_every_run() {
    let trace = || (0..20_000u32).map(|at| at.wrapping_mul(at) % 997);
    let results = simulate(trace(), Policy::ALL, &[50, 200]);
    assert_eq!(results, simulate(trace(), Policy::ALL, &[50, 200]));
    // As recorded once: the name of a key is not that of the process.
    let random = results.iter().find(|result| result.policy == Policy::Random).unwrap();
    assert_eq!((random.hit_ratio * 20_000.0).round(), 1370.0);
}

#[test]
fn every_policy_is_listed() {
    let next = |policy: &Policy| match policy {
        Policy::Lru => Some(Policy::Mru),
        Policy::Mru => Some(Policy::Fifo),
        Policy::Fifo => Some(Policy::Lfu),
        Policy::Lfu => Some(Policy::Random),
        Policy::Random => Some(Policy::Sieve),
        Policy::Sieve => Some(Policy::S3Fifo),
        Policy::S3Fifo => Some(Policy::TinyLfu),
        Policy::TinyLfu => Some(Policy::Tenure),
        // A name for one that is listed.
        Policy::Tenure | Policy::Auto => None,
    };
    let listed: Vec<_> = std::iter::successors(Some(Policy::default()), next).collect();
    assert_eq!(listed, Policy::ALL);
}
