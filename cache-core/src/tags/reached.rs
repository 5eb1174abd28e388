//! Until when the invalidations of this process have reached the places that it has used, which outlive its ledgers.
//!
//! A place is known by the epoch of its tags. Whoever has put a copy of an older state in its place has put its clock
//! back too, and then all is invalidated once more.

use super::recent::Moment;
use parking_lot::Mutex;
use std::collections::HashMap;

/// Places remembered at most; beyond that all are forgotten.
const MOST: usize = 1024;

/// By epoch: the clock as it was when all until then had been noted there.
static PLACES: Mutex<Option<HashMap<u64, (u64, Moment)>>> = Mutex::new(None);

/// Until when all has reached the place of this epoch and clock.
pub(super) fn until((epoch, clock): (u64, u64)) -> Moment {
    let places = PLACES.lock();
    let known = places.as_ref().and_then(|places| places.get(&epoch));
    known.filter(|(then, _)| *then <= clock).map_or(Moment::default(), |(_, until)| *until)
}

/// All until then has reached the place of this epoch and clock.
pub(super) fn note((epoch, clock): (u64, u64), until: Moment) {
    if epoch == 0 {
        return;
    }
    let mut places = PLACES.lock();
    let places = places.get_or_insert_default();
    if places.len() >= MOST && !places.contains_key(&epoch) {
        places.clear();
    }
    let place = places.entry(epoch).or_default();
    *place = (place.0.max(clock), place.1.max(until));
}

#[cfg(test)]
mod tests {
    use super::super::recent::now;
    use super::*;

    #[test]
    fn a_place_is_known_again_unless_its_clock_was_put_back() {
        note((77, 5), now());
        assert_eq!((until((77, 5)), until((77, 9))), (now(), now()));
        assert_eq!((until((77, 4)), until((78, 5))), (Moment::default(), Moment::default()));
        note((0, 5), now());
        assert_eq!(until((0, 5)), Moment::default());
    }
}
