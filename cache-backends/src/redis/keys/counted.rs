//! How often each entry was used, as far as the server was not told yet.

use super::places::{Places, of, remembered};
use std::sync::atomic::Ordering::Relaxed;
use xxhash_rust::xxh3::xxh3_64;

/// Uses are told together once they are more than this part of those that were told before.
const PART: u32 = 2;
/// Told uses are not counted any further: where others have put an entry anew, its new count is told soon as well.
const MOST: u32 = 64;

/// The uses of this process in one order of frequency, of which the server is told some together: the more it knows of,
/// the more of them. So what it knows is never less than two thirds of what was used, and an entry that is used often costs
/// it as little as if there were no order.
#[derive(Debug, Default)]
pub(crate) struct Counted {
    /// How many uses of each were told, and how many were not: 16 bits each.
    places: Places,
}

impl Counted {
    /// Counts a use of `field` in an order of `most` entries at most. Gives how many uses the server is to be told of now,
    /// which count as told; 0 for none.
    pub(crate) fn count(&self, field: &[u8], most: i64) -> u32 {
        let hash = xxh3_64(field);
        // Who was used least is forgotten first.
        let place = self.places.find(hash, most, |what| what);
        let mut before = place.load(Relaxed);
        loop {
            let (told, untold) = split(of(before, hash));
            let uses = untold + 1;
            let is_due = uses > told / PART;
            let after = if is_due { join((told + uses).min(MOST), 0) } else { join(told, uses) };
            match place.compare_exchange_weak(before, remembered(hash, after), Relaxed, Relaxed) {
                Ok(_) => return if is_due { uses } else { 0 },
                Err(now) => before = now,
            }
        }
    }

    /// `field` was put anew, and its uses begin anew. It is only asked for where uses are counted.
    pub(crate) fn forget(&self, field: impl FnOnce() -> Vec<u8>) {
        if !self.places.is_unused() {
            self.places.known(xxh3_64(&field())).into_iter().for_each(|place| place.store(0, Relaxed));
        }
    }
}

/// How many uses were told and how many not.
fn split(what: u32) -> (u32, u32) {
    (what >> 16, what & 0xffff)
}

fn join(told: u32, untold: u32) -> u32 {
    told << 16 | untold
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_uses_are_told_one_by_one_and_later_ones_together() {
        let counted = Counted::default();
        let told: Vec<u32> = (0..12).map(|_| counted.count(b"field", 2_000)).collect();
        assert_eq!(told, [1, 1, 0, 2, 0, 0, 3, 0, 0, 0, 4, 0]);
    }

    #[test]
    fn what_was_told_is_never_less_than_two_thirds_and_never_too_much() {
        let counted = Counted::default();
        let mut told = 0;
        for used in 1..100_000_u32 {
            let before = told;
            told += counted.count(b"field", 2_000);
            assert!(told <= used && told * 3 >= used * 2 - 2, "{told} of {used}");
            assert!(told - before <= MOST / PART + 1);
        }
    }

    #[test]
    fn what_is_put_anew_is_counted_anew() {
        let counted = Counted::default();
        counted.forget(|| b"field".to_vec());
        (0..1_000).for_each(|_| _ = counted.count(b"field", 2_000));
        counted.forget(|| b"another".to_vec());
        assert_eq!(counted.count(b"another", 2_000), 1);
        counted.forget(|| b"field".to_vec());
        assert_eq!([(); 3].map(|()| counted.count(b"field", 2_000)), [1, 1, 0]);
    }

    #[test]
    fn threads_lose_no_use() {
        let counted = Counted::default();
        let told = std::thread::scope(|scope| {
            let count = || (0..10_000).map(|_| counted.count(b"field", 2_000)).sum::<u32>();
            let threads = [(); 4].map(|()| scope.spawn(count));
            threads.map(|thread| thread.join().expect("it does not panic")).iter().sum::<u32>()
        });
        assert!((40_000 - MOST..=40_000).contains(&told), "{told}");
    }
}
