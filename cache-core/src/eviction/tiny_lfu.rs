//! W-TinyLFU: newcomers wait in a window, and pass on if they were asked for more often than who would have to leave for them.
//!
//! Einziger, Friedman and Manes, "TinyLFU: a highly efficient cache admission policy", ACM Transactions on Storage 13(4), 2017,
//! <https://doi.org/10.1145/3149371>. How large the window should be depends on the requests:
//! Einziger, Eytan, Friedman and Manes, "Adaptive software cache management", Middleware 2018,
//! <https://doi.org/10.1145/3274808.3274816>. Here it grows while a place in it earns more hits than one outside, and shrinks while it earns less.

use super::balance::Balance;
use super::queues::{Queues, print};
use super::sketch::Sketch;
use super::{Eviction, LONGEST_WALK, Marks, Slot, Trace};
use std::ops::Range;

/// Three queues and the sketch of everybody's frequency. Costs 16 bytes a slot, and 24 for the sketch.
///
/// The paper's queues are in the order of uses, so each hit moves its entry. Here a hit only counts, and an entry moves when its
/// turn comes: who was used goes to the front, as in CLOCK, and its hits are added to the sketch then.
/// On the traces of the papers that is as good, to half a per cent.
#[derive(Debug)]
pub(crate) struct TinyLfu {
    queues: Queues<3>,
    sketch: Sketch,
    balance: Balance,
    /// Whether room was ever needed.
    full: bool,
    random: u64,
}

/// The newcomers.
const WINDOW: usize = 0;
/// The others, of whom the last one is next to leave.
const PROBATION: usize = 1;
/// Those of the others that were used there: four fifths.
const PROTECTED: usize = 2;

/// The counts are halved after so many requests for each entry. The paper says 10; with 20 more entries that come back
/// after a long time are known again.
const PERIOD: u64 = 20;

/// How many entries leave the window at once when it shrinks.
const SHRINK: usize = 8;

impl TinyLfu {
    /// For about `expected` entries. The same seed gives the same choices.
    pub(crate) fn new(expected: usize, seed: u64) -> Self {
        TinyLfu {
            queues: Queues::new(expected),
            sketch: Sketch::default(),
            balance: Balance::default(),
            full: false,
            random: seed,
        }
    }
}

impl Eviction for TinyLfu {
    fn trace(&self) -> Trace {
        Trace::Count(3)
    }

    fn evict(&mut self, marks: &dyn Marks, incoming: u64) -> Option<Slot> {
        self.sketch.prefetch(print(incoming));
        let capacity = self.queues.total();
        if capacity == 0 {
            return None;
        }
        self.full = true;
        self.sketch.reserve(capacity);
        self.balance.settle(capacity);
        let window = self.balance.window(capacity);
        for _ in 0..SHRINK {
            let Some(slot) = self.queues.back(WINDOW).filter(|_| self.queues.len(WINDOW) > window) else { break };
            self.queues.move_to(PROBATION, slot);
        }
        let mut walk = 0..LONGEST_WALK;
        let newcomer = if self.queues.len(WINDOW) < window { None } else { self.newcomer(marks, &mut walk) };
        let last = self.last((capacity - window) * 4 / 5, marks, &mut walk);
        let leaves = match (newcomer, last) {
            (Some(newcomer), Some(last)) if self.prefers(newcomer, last) => {
                self.queues.move_to(PROBATION, newcomer);
                last
            }
            (Some(newcomer), _) => newcomer,
            (None, Some(last)) => last,
            // All are in a window that is not full, which grew a moment ago.
            (None, None) => self.newcomer(marks, &mut walk)?,
        };
        self.queues.remove(leaves);
        Some(leaves)
    }

    fn insert(&mut self, slot: Slot, _: u64, hash: u64) {
        let print = print(hash);
        // While there is room for everybody nobody is new.
        self.queues.insert(if self.full { WINDOW } else { PROBATION }, slot, print);
        self.sketch.add(print, 1, PERIOD * self.queues.total() as u64);
        self.balance.miss();
    }

    fn remove(&mut self, slot: Slot) {
        self.queues.remove(slot);
    }
}

impl TinyLfu {
    /// Who has been in the window longest since it was used.
    fn newcomer(&mut self, marks: &dyn Marks, walk: &mut Range<usize>) -> Option<Slot> {
        loop {
            let slot = self.queues.back(WINDOW)?;
            if walk.next().is_none() || !self.used(slot, marks) {
                return Some(slot);
            }
            self.queues.move_to(WINDOW, slot);
        }
    }

    /// Who of the others has not been used for longest; up to `protected` of them are.
    fn last(&mut self, protected: usize, marks: &dyn Marks, walk: &mut Range<usize>) -> Option<Slot> {
        loop {
            let Some(slot) = self.queues.back(PROBATION) else {
                // The protected ones were moved there from here, or are too many because the window has grown.
                let most = self.queues.len(PROTECTED).checked_sub(1)?;
                self.demote(most, marks, walk);
                continue;
            };
            if walk.next().is_none() || !self.used(slot, marks) {
                return Some(slot);
            }
            self.queues.move_to(PROTECTED, slot);
            self.demote(protected, marks, walk);
        }
    }

    /// Moves those who were protected longest since they were used to probation, until there are `most`.
    fn demote(&mut self, most: usize, marks: &dyn Marks, walk: &mut Range<usize>) {
        while self.queues.len(PROTECTED) > most
            && let Some(slot) = self.queues.back(PROTECTED)
        {
            let tired = walk.next().is_none();
            let to = if !tired && self.used(slot, marks) { PROTECTED } else { PROBATION };
            self.queues.move_to(to, slot);
            if tired {
                return;
            }
        }
    }

    /// Whether `slot` was used since it was last asked. Its hits are counted now.
    fn used(&mut self, slot: Slot, marks: &dyn Marks) -> bool {
        let hits = marks.get(slot);
        if hits == 0 {
            return false;
        }
        marks.set(slot, 0);
        self.sketch.add(self.queues.print(slot), hits, PERIOD * self.queues.total() as u64);
        if self.queues.queue(slot) == WINDOW {
            self.balance.inside(hits);
        } else {
            self.balance.outside(hits);
        }
        true
    }

    /// Whether `newcomer` should stay rather than `last`.
    fn prefers(&mut self, newcomer: Slot, last: Slot) -> bool {
        let new = self.sketch.estimate(self.queues.print(newcomer));
        if new > self.sketch.estimate(self.queues.print(last)) {
            return true;
        }
        if new <= 5 {
            return false;
        }
        // Who knows the hashes could make the counts of a useless entry high, for good: now and then it leaves all the same.
        self.random = self.random.wrapping_mul(0x5851_f42d_4c95_7f2d).wrapping_add(0x1405_7b7e_f767_814f);
        self.random >> 57 == 0
    }
}
