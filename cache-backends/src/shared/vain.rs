//! Who was waited for in vain, so that not every call waits for the same stopped process anew.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How many turns are remembered; each has one place.
const PLACES: usize = 64;
const MIX: u64 = 0x9e37_79b9_7f4a_7c15;

/// The turn of an owner at a lock, until it is somebody else's or its own again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    pub(super) at: usize,
    pub(super) owner: u32,
    pub(super) count: u32,
}

/// What this process has seen of turns that do not end. Not in the map: others see for themselves.
#[derive(Debug)]
pub(super) struct Vain {
    born: Instant,
    /// 32 bits that tell turns apart, and until when, in milliseconds after `born`.
    places: [AtomicU64; PLACES],
}

impl Vain {
    pub(super) fn new() -> Self {
        Vain { born: Instant::now(), places: [const { AtomicU64::new(0) }; PLACES] }
    }

    /// Nobody is to wait for the end of this turn for some time.
    pub(super) fn remember(&self, turn: Turn, spared: Duration) {
        let mark = mark(turn);
        let until = millis(self.born.elapsed() + spared);
        self.place(mark).store(mark << 32 | u64::from(until), Ordering::Relaxed);
    }

    /// Whether this turn was waited for in vain a short time ago. Wrong for one of four billion others: a call is then
    /// given up too early.
    pub(super) fn knows(&self, turn: Turn) -> bool {
        let mark = mark(turn);
        let found = self.place(mark).load(Ordering::Relaxed);
        found >> 32 == mark && millis(self.born.elapsed()) < found as u32 && cfg!(not(loom))
    }

    fn place(&self, mark: u64) -> &AtomicU64 {
        &self.places[mark as usize % PLACES]
    }
}

/// 32 bits, not zero, which is what an empty place holds.
fn mark(turn: Turn) -> u64 {
    let mixed = (turn.at as u64 ^ u64::from(turn.owner) << 32).wrapping_mul(MIX) ^ u64::from(turn.count);
    (mixed.wrapping_mul(MIX) >> 32).max(1)
}

/// Comes round after 49 days: then one call waits too long or not at all.
fn millis(time: Duration) -> u32 {
    time.as_millis() as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_turn_is_known_for_a_time_and_the_next_is_not() {
        let vain = Vain::new();
        let turn = Turn { at: 64, owner: 513, count: 7 };
        assert!(!vain.knows(turn));
        vain.remember(turn, Duration::from_secs(60));
        assert!(vain.knows(turn));
        assert!(!vain.knows(Turn { count: 8, ..turn }));
        assert!(!vain.knows(Turn { at: 65, ..turn }));
        assert!(!vain.knows(Turn { owner: 514, ..turn }));
        vain.remember(turn, Duration::ZERO);
        assert!(!vain.knows(turn));
    }
}
