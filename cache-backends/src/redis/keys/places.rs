//! What is remembered of fields, 32 bits of each, without a lock.

use std::sync::OnceLock;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// So many places for each entry, in pairs: of three fields that share a pair one is forgotten for another again and again.
const SPARSE: usize = 4;
/// At most, of 8 bytes each.
const MOST: usize = 1 << 16;

/// Places by the hash of a field, the upper half of which stands above what is remembered.
#[derive(Debug, Default)]
pub(super) struct Places(OnceLock<Box<[AtomicU64]>>);

impl Places {
    /// The place of the field with this hash, in an order of `most` entries at most. If it has none, that of one of two
    /// others, of which less is lost: what `worth` says of what is remembered.
    pub(super) fn find(&self, hash: u64, most: i64, worth: impl Fn(u32) -> u32) -> &AtomicU64 {
        let places = self.0.get_or_init(|| {
            let count = usize::try_from(most).unwrap_or(MOST).clamp(1, MOST).saturating_mul(SPARSE).min(MOST);
            (0..count.next_power_of_two()).map(|_| AtomicU64::new(0)).collect()
        });
        let [one, other] = pair(places, hash);
        let (first, second) = (one.load(Relaxed), other.load(Relaxed));
        match () {
            () if is_of(first, hash) => one,
            () if is_of(second, hash) => other,
            () if worth(first as u32) <= worth(second as u32) => one,
            () => other,
        }
    }

    /// Whether nothing was remembered yet.
    pub(super) fn is_unused(&self) -> bool {
        self.0.get().is_none()
    }

    /// The place of the field with this hash, if it has one.
    pub(super) fn known(&self, hash: u64) -> Option<&AtomicU64> {
        pair(self.0.get()?, hash).into_iter().find(|place| is_of(place.load(Relaxed), hash))
    }
}

/// What is remembered of the field with this hash where `found` was; 0 if that is of another.
pub(super) fn of(found: u64, hash: u64) -> u32 {
    if is_of(found, hash) { found as u32 } else { 0 }
}

/// What a place holds that remembers `what` of the field with this hash.
pub(super) fn remembered(hash: u64, what: u32) -> u64 {
    hash >> 32 << 32 | u64::from(what)
}

fn is_of(found: u64, hash: u64) -> bool {
    found >> 32 == hash >> 32
}

/// In one line of the processor's cache.
fn pair(places: &[AtomicU64], hash: u64) -> [&AtomicU64; 2] {
    let at = hash as usize % places.len();
    [&places[at], &places[at ^ 1]]
}

#[cfg(test)]
mod tests {
    use super::*;
    use xxhash_rust::xxh3::xxh3_64;

    #[test]
    fn nearly_all_are_remembered_in_a_space_that_is_full() {
        for most in [1_024, 10_000, 16_384] {
            let places = Places::default();
            let hashes: Vec<u64> = (0..most as u32).map(|number| xxh3_64(&number.to_le_bytes())).collect();
            for hash in &hashes {
                places.find(*hash, most, |what| what).store(remembered(*hash, 7), Relaxed);
            }
            let known = hashes.iter().filter(|hash| places.known(**hash).is_some()).count();
            assert!(known * 100 >= hashes.len() * 94, "{known} of {most}");
        }
    }

    #[test]
    fn of_two_the_one_that_is_worth_less_is_forgotten() {
        let places = Places::default();
        // In the same pair, whatever their tags.
        let hash = |tag: u64| tag << 32 | 6;
        for (tag, what) in [(1, 30), (2, 20), (3, 10), (2, 21)] {
            places.find(hash(tag), 1_024, |what| what).store(remembered(hash(tag), what), Relaxed);
        }
        let of = |tag| places.known(hash(tag)).map(|place| of(place.load(Relaxed), hash(tag)));
        assert_eq!([1, 2, 3].map(of), [Some(30), Some(21), None]);
    }
}
