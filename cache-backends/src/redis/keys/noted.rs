//! Which uses were noted so lately that to note them again would change nothing that matters.

use super::places::{Places, of, remembered};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use xxhash_rust::xxh3::xxh3_64;

/// In spaces with fewer entries every use is noted, and their order is exact.
pub(crate) const SMALL: i64 = 1_024;
/// How long, in microseconds for each entry, what was learned is good: in less than a server needs to put one, so that
/// those who were far from the end are still there.
const GOOD: u64 = 1;
/// That is long enough.
const ENOUGH: u64 = 20_000;
/// Somebody asks then, and for so many times as long what is known is believed by the others.
const MEANWHILE: u64 = 2;
/// A use is noted again when that part of the most entries have come, or were noted, since it was.
const PART: i64 = 2;
/// A use is noted again after so many microseconds in any case: its score may have been lost.
const LONG: u64 = 60_000_000;
/// Moments are kept in units of 1,024 microseconds.
const UNIT: u32 = 10;

/// The uses that this process has noted lately in one order of recency.
///
/// An entry leaves when the most entries are younger. While those of one are half as many its note can wait, and a hit
/// costs the server as much as if there were no order. They are counted, as ages tell nothing of how many come at once.
#[derive(Debug, Default)]
pub(crate) struct Noted {
    /// When each was noted, in units of 1,024 microseconds.
    places: Places,
    /// How long ago, in microseconds, the youngest were noted that are half the most.
    age: AtomicU64,
    /// When that was learned, by the server's clock.
    learned: AtomicU64,
    /// When somebody asked last.
    asked: AtomicU64,
}

impl Noted {
    /// Whether the caller is to ask for [`place`](Self::place) of the order: there are enough entries, what is known of it is
    /// not good any more, and nobody else asks at this moment.
    pub(crate) fn is_to_learn(&self, most: i64, moment: u64) -> bool {
        let asked = self.asked.load(Relaxed);
        let is_old = |then: u64| moment.saturating_sub(then) >= good(most);
        most >= SMALL
            && is_old(self.learned.load(Relaxed))
            && is_old(asked)
            && self.asked.compare_exchange(asked, moment, Relaxed, Relaxed).is_ok()
    }

    /// The place, in an order of `most` entries at most, whose score is to be learned.
    pub(crate) fn place(most: i64) -> i64 {
        -(most / PART)
    }

    /// The entry at that place was noted at `then`, or there are not as many.
    pub(crate) fn learn(&self, then: Option<u64>, moment: u64) {
        self.age.store(moment.saturating_sub(then.unwrap_or(0)).min(LONG), Relaxed);
        self.learned.store(moment, Relaxed);
    }

    /// Whether the use of `field` at `moment` need not be noted. If it is to be, it counts as noted from now on.
    pub(crate) fn holds(&self, field: &[u8], (most, moment): (i64, u64)) -> bool {
        if most < SMALL {
            return false;
        }
        let (hash, unit) = (xxh3_64(field), (moment >> UNIT) as u32);
        let since = |noted: u32| unit.wrapping_sub(noted);
        // The longest ago is forgotten first.
        let place = self.places.find(hash, most, |noted| u32::MAX - since(noted));
        let noted = of(place.load(Relaxed), hash);
        let is_known = moment.saturating_sub(self.learned.load(Relaxed)) < good(most) * MEANWHILE;
        if noted > 0 && is_known && u64::from(since(noted)) << UNIT < self.age.load(Relaxed) {
            return true;
        }
        place.store(remembered(hash, unit), Relaxed);
        false
    }
}

/// For how long, in an order of `most` entries at most, what was learned is good.
fn good(most: i64) -> u64 {
    most.unsigned_abs().saturating_mul(GOOD).min(ENOUGH)
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: u64 = 1_700_000_000_000_000;
    const SECOND: u64 = 1_000_000;

    fn noted(age: u64) -> Noted {
        let noted = Noted::default();
        noted.learn(Some(START - age), START);
        noted
    }

    #[test]
    fn a_use_is_noted_again_when_enough_are_younger() {
        let noted = noted(SECOND);
        let mut last = None;
        for moment in (START..START + 10 * SECOND).step_by(10_000) {
            noted.learn(Some(moment - SECOND), moment);
            if !noted.holds(b"field", (SMALL, moment)) {
                let since = last.map_or(SECOND, |last| moment - last);
                assert!((SECOND - 2_048..=SECOND + 12_048).contains(&since), "after {since} microseconds");
                last = Some(moment);
            }
        }
        assert!(last > Some(START + 8 * SECOND));
    }

    #[test]
    fn what_was_learned_long_ago_is_not_believed() {
        let noted = noted(1_000 * SECOND);
        assert!(!noted.holds(b"field", (SMALL, START)));
        for (most, good) in [(SMALL, 1_024), (100_000, ENOUGH), (i64::MAX, ENOUGH)] {
            assert!(!noted.is_to_learn(most, START + good - 1));
            assert!(noted.holds(b"field", (most, START + MEANWHILE * good - 1)));
        }
        assert!(!noted.holds(b"field", (SMALL, START + ENOUGH)));
    }

    #[test]
    fn one_asks_at_a_time_and_again_when_there_was_no_answer() {
        let noted = noted(SECOND);
        let asks = |moment| noted.is_to_learn(100_000, START + moment);
        assert!(!asks(ENOUGH - 1));
        assert!(asks(ENOUGH));
        assert!(!asks(ENOUGH) && !asks(2 * ENOUGH - 1));
        assert!(asks(2 * ENOUGH));
        noted.learn(Some(START), START + 2 * ENOUGH + 1);
        assert!(!asks(3 * ENOUGH));
        assert!(asks(3 * ENOUGH + 1));
    }

    #[test]
    fn where_few_are_there_a_note_can_wait() {
        let noted = Noted::default();
        noted.learn(None, START);
        assert!(!noted.holds(b"field", (SMALL, START)));
        assert!(noted.holds(b"field", (SMALL, START + 1)));
        noted.learn(None, START + 2 * LONG);
        assert!(!noted.holds(b"field", (SMALL, START + 2 * LONG)), "not for ever");
        assert_eq!(Noted::place(SMALL), -512);
    }

    #[test]
    fn of_few_every_use_is_noted() {
        let noted = noted(1_000 * SECOND);
        assert!((0..10).all(|_| !noted.holds(b"field", (SMALL - 1, START))));
        assert!(!noted.is_to_learn(SMALL - 1, START + SECOND));
    }

    #[test]
    fn fields_are_told_apart() {
        let noted = noted(1_000 * SECOND);
        let fields = (0..1_000_u32).map(u32::to_le_bytes);
        assert!(fields.clone().all(|field| !noted.holds(&field, (SMALL, START))), "none was noted before");
        let held = fields.filter(|field| noted.holds(field, (SMALL, START))).count();
        assert!(held > 300, "{held} of 1,000 found a place among as many");
    }
}
