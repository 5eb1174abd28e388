//! Places in a space that were lent to this process, to be filled without a script.

use super::noted::SMALL;
use crate::redis::lock::Mutex;
use std::time::{Duration, Instant};

/// One loan is at most the 128th part of a space, and never more than that.
const MOST: i64 = 64;
const PART: i64 = 128;
/// How long places are filled after they were asked for. Who puts often needs them within a millisecond.
const GOOD: Duration = Duration::from_millis(50);
/// Commands that fill places are answered, or their connection has ended, within that: long before the server lends the
/// places to others, which is eight seconds after it lent them at the earliest.
pub(crate) const LONGEST: Duration = Duration::from_secs(5);
/// For how long nobody asks after nothing was lent.
const PAUSE: Duration = Duration::from_millis(10);

/// The places that one process may fill.
///
/// That a put keeps a bound needs a script as a rule, which costs more than all else that a put does. So in a large space
/// one put in many makes room for those that follow and has the server keep that free; they are plain commands.
#[derive(Debug, Default)]
pub(crate) struct Lent {
    loan: Mutex<Loan>,
}

#[derive(Debug, Default)]
struct Loan {
    /// The connection it was got on. What was lent by a server is not known to the one that takes its place.
    link: u64,
    /// When it was got, as the server counts.
    period: u64,
    until: Option<Instant>,
    left: i64,
    /// How many were filled, and count as entries now.
    filled: i64,
    asked: bool,
    pause: Option<Instant>,
}

/// How an entry is put.
#[derive(Debug)]
pub(crate) enum Way<'a> {
    /// Into a place that was lent.
    Fill(Place),
    /// By the script, which is to lend places.
    Ask(Ask<'a>),
    /// By the script.
    Script,
}

/// A place to be filled.
#[derive(Debug)]
pub(crate) struct Place {
    link: u64,
    period: u64,
}

/// Asks for a loan, and gives back the last one.
#[derive(Debug)]
pub(crate) struct Ask<'a> {
    lent: &'a Lent,
    link: u64,
    begun: Instant,
    pub(crate) wish: Wish,
}

/// What a script that puts is told of loans.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wish {
    /// How many places are wanted.
    pub(crate) wanted: i64,
    /// How many are given back, and of which period.
    pub(crate) back: i64,
    pub(crate) period: u64,
}

impl Lent {
    /// How to put an entry on the connection `link` into a space of `most` entries.
    pub(crate) fn way(&self, link: u64, most: i64, now: Instant) -> Way<'_> {
        if most < SMALL {
            return Way::Script;
        }
        // A child may have been forked while another thread had the lock.
        let Some(mut loan) = self.loan.try_lock() else { return Way::Script };
        if loan.link != link {
            *loan = Loan { link, ..Loan::default() };
        }
        if loan.left > 0 && loan.until.is_some_and(|until| now < until) {
            loan.left -= 1;
            return Way::Fill(Place { link, period: loan.period });
        }
        if loan.asked || loan.pause.is_some_and(|pause| now < pause) {
            return Way::Script;
        }
        loan.asked = true;
        let back = std::mem::take(&mut loan.left) + std::mem::take(&mut loan.filled);
        let wanted = (most / PART).min(MOST);
        let wish = Wish { wanted, back, period: loan.period };
        Way::Ask(Ask { lent: self, link, begun: now, wish })
    }

    /// What became of a place, once the server has said so. Of a place of which nobody knows nothing is told, and it stays
    /// lent until the server forgets it.
    pub(crate) fn settle(&self, place: &Place, is_filled: bool) {
        let mut loan = self.loan.lock();
        if (loan.link, loan.period) == (place.link, place.period) {
            *(if is_filled { &mut loan.filled } else { &mut loan.left }) += 1;
        }
    }
}

impl Ask<'_> {
    /// The server has lent so many places.
    pub(crate) fn granted(&self, count: i64, period: u64) {
        let mut loan = self.lent.loan.lock();
        if loan.link != self.link {
            return;
        }
        if loan.period != period {
            (loan.period, loan.left, loan.filled) = (period, 0, 0);
        }
        loan.left += count;
        loan.until = Some(self.begun + GOOD);
        loan.pause = (count <= 0).then(|| self.begun + PAUSE);
    }
}

impl Drop for Ask<'_> {
    fn drop(&mut self) {
        self.lent.loan.lock().asked = false;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Asks, and is lent what it wants.
    fn borrow(lent: &Lent, (link, period): (u64, u64), now: Instant) -> (i64, i64) {
        let Way::Ask(ask) = lent.way(link, SMALL, now) else { panic!("nothing is left") };
        ask.granted(ask.wish.wanted, period);
        (ask.wish.wanted, ask.wish.back)
    }

    fn fill(lent: &Lent, link: u64, now: Instant) -> Option<Place> {
        match lent.way(link, SMALL, now) {
            Way::Fill(place) => Some(place),
            _ => None,
        }
    }

    #[test]
    fn each_place_is_filled_once_and_given_back() {
        let (lent, now) = (Lent::default(), Instant::now());
        assert_eq!(borrow(&lent, (1, 7), now), (8, 0));
        for _ in 0..7 {
            let place = fill(&lent, 1, now).expect("some are left");
            lent.settle(&place, true);
        }
        let last = fill(&lent, 1, now).expect("one is left");
        // Nobody knows yet whether the last one was filled.
        assert_eq!(borrow(&lent, (1, 7), now), (8, 7));
        lent.settle(&last, false);
        assert_eq!((0..20).filter_map(|_| fill(&lent, 1, now)).count(), 9, "what was not needed is there again");
    }

    #[test]
    fn places_are_filled_for_a_short_time_and_on_their_connection() {
        let (lent, now) = (Lent::default(), Instant::now());
        borrow(&lent, (1, 7), now);
        assert!(fill(&lent, 1, now + GOOD / 2).is_some());
        assert_eq!(borrow(&lent, (1, 8), now + GOOD), (8, 7));
        let old = fill(&lent, 1, now + GOOD).expect("some are left");
        assert_eq!(borrow(&lent, (2, 8), now), (8, 0), "another server knows of no loan");
        lent.settle(&old, true);
        assert_eq!((0..20).filter_map(|_| fill(&lent, 2, now)).count(), 8);
    }

    #[test]
    fn one_asks_at_a_time_and_nobody_soon_after_nothing_was_lent() {
        let (lent, now) = (Lent::default(), Instant::now());
        let Way::Ask(ask) = lent.way(1, SMALL, now) else { panic!("nothing is left") };
        assert!(matches!(lent.way(1, SMALL, now), Way::Script));
        ask.granted(0, 7);
        drop(ask);
        assert!(matches!(lent.way(1, SMALL, now), Way::Script));
        assert!(matches!(lent.way(1, SMALL, now + PAUSE), Way::Ask(_)), "whoever asked has gone");
        assert!(matches!(lent.way(1, SMALL, now + PAUSE), Way::Ask(_)));
    }

    #[test]
    fn in_a_small_space_nothing_is_lent() {
        assert!(matches!(Lent::default().way(1, SMALL - 1, Instant::now()), Way::Script));
    }
}
