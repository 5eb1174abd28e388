//! The line that no policy crosses.

use super::{hash, ratio};
use std::collections::{BinaryHeap, HashMap};
use std::hash::Hash;

/// The use after the last one.
const NEVER: usize = usize::MAX;

/// The hit ratio at each of the sizes of the best policy there can be, which knows the future: who leaves is asked for
/// again last. As in a [`Cache`](crate::Cache), every miss is kept.
///
/// Belady, "A study of replacement algorithms for a virtual-storage computer", IBM Systems Journal 5(2), 1966,
/// <https://doi.org/10.1147/sj.52.0078>; that it is the best there is: Mattson, Gecsei, Slutz and Traiger, "Evaluation
/// techniques for storage hierarchies", IBM Systems Journal 9(2), 1970, <https://doi.org/10.1147/sj.92.0078>.
///
/// It takes 9 bytes a request and up to 40 for each key; each size costs about 50 ns a request.
///
/// ```
/// use memolith_core::optimum;
///
/// let trace: Vec<_> = "abcabcabc".chars().collect();
/// // With room for two, keeping one of them and passing the other through is the best one can do.
/// assert_eq!(optimum(&trace, &[2, 3]), [3.0 / 9.0, 6.0 / 9.0]);
/// ```
pub fn optimum<K: Hash>(trace: &[K], maxsizes: &[usize]) -> Vec<f64> {
    let next = next_uses(trace);
    maxsizes.iter().map(|&maxsize| ratio(hits(&next, maxsize), trace.len() as u64)).collect()
}

/// For each request, when its key is requested again.
fn next_uses<K: Hash>(trace: &[K]) -> Vec<usize> {
    let mut uses = HashMap::new();
    let next = |(at, key)| uses.insert(hash(key), at).unwrap_or(NEVER);
    let mut next: Vec<_> = trace.iter().enumerate().rev().map(next).collect();
    next.reverse();
    next
}

/// An entry is known by its next use, which no other one shares unless it has none.
fn hits(next: &[usize], maxsize: usize) -> u64 {
    if maxsize == 0 {
        return 0;
    }
    let (mut held, mut len, mut hits) = (vec![false; next.len()], 0, 0);
    // Hits leave the use that was theirs behind. It has passed, so whoever is held comes before it.
    let mut order = BinaryHeap::new();
    for (now, &next) in next.iter().enumerate() {
        if held[now] {
            hits += 1;
        } else if len < maxsize {
            len += 1;
        } else if let Some(held) = order.pop().and_then(|last: usize| held.get_mut(last)) {
            *held = false;
        }
        if let Some(held) = held.get_mut(next) {
            *held = true;
        }
        order.push(next);
        if order.len() / 2 > len {
            order.retain(|&next| next > now);
        }
    }
    hits
}
