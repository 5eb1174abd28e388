//! Hits, noted in memory and written rarely: moving a row in the order costs more than a put.

use super::hash::Hashed;
use memolith_core::{OnHit, Policy, Space, Timestamp};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::time::Duration;

/// Hits a slot collects before they are merged by row.
const SLOT: usize = 64;

/// Rows remembered at most; hits beyond are forgotten.
const ROWS: usize = 16_384;

/// A hit is noted when its entry was last used so long ago, or a hundredth of its space's turnover.
const LONG: Duration = Duration::from_secs(60);

/// The same in a space of which nothing is known, since nothing has left it yet.
const FIRST: Duration = Duration::from_secs(1);

/// Some hits on one row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hit {
    pub(super) row: i64,
    pub(super) space: i64,
    pub(super) policy: Policy,
    pub(super) times: i64,
    pub(super) at: Timestamp,
}

/// What was hit and is not written yet.
#[derive(Debug)]
pub(super) struct Hits {
    slots: Vec<Mutex<Vec<Hit>>>,
    rows: Mutex<Rows>,
}

type Rows = HashMap<i64, Hit, Hashed>;

impl Hit {
    /// A hit worth noting: only bounded spaces have an order that anyone asks for, and it need not be exact to the moment.
    ///
    /// `turnover` is the time from the last use of an entry to its eviction, in microseconds, zero before the first.
    pub(super) fn noted(
        space: &Space,
        (id, turnover): (i64, u64),
        (row, score): (i64, i64),
        at: Timestamp,
    ) -> Option<Hit> {
        if space.maxsize.is_none() && space.max_bytes.is_none() {
            return None;
        }
        let least = match (space.policy.score().on_hit, turnover) {
            (OnHit::Count, _) => Duration::ZERO,
            (OnHit::Now, 0) => FIRST,
            (OnHit::Now, _) => LONG.min(Duration::from_micros(turnover / 100)),
            _ => return None,
        };
        let worth = least.is_zero() || super::scores::moment(score).until(at) >= least;
        worth.then_some(Hit { row, space: id, policy: space.policy, times: 1, at })
    }

    /// Whether it changes `score`.
    pub(super) fn moves(&self, score: i64) -> bool {
        super::scores::used(self.policy, score, (self.times, self.at)) != score
    }
}

impl Hits {
    pub(super) fn new(slots: usize) -> Self {
        Hits { slots: (0..slots.max(1)).map(|_| Mutex::default()).collect(), rows: Mutex::default() }
    }

    pub(super) fn note(&self, slot: usize, hit: Hit) {
        let Some(mut hits) = self.slots[slot % self.slots.len()].try_lock() else { return };
        hits.push(hit);
        if hits.len() >= SLOT {
            merge(&mut self.rows.lock(), &mut hits);
        }
    }

    /// At most `most` hits.
    pub(super) fn take(&self, most: usize) -> Vec<Hit> {
        self.gather();
        let mut rows = self.rows.lock();
        let chosen: Vec<i64> = rows.keys().copied().take(most).collect();
        chosen.iter().filter_map(|row| rows.remove(row)).collect()
    }

    /// The hits on `row`.
    pub(super) fn take_row(&self, row: i64) -> Option<Hit> {
        self.gather();
        self.rows.lock().remove(&row)
    }

    /// Whether hits will be forgotten soon.
    pub(super) fn is_crowded(&self) -> bool {
        self.rows.lock().len() > ROWS / 4 * 3
    }

    pub(super) fn is_empty(&self) -> bool {
        self.gather();
        self.rows.lock().is_empty()
    }

    fn gather(&self) {
        for slot in &self.slots {
            if slot.try_lock().is_some_and(|hits| hits.is_empty()) {
                continue;
            }
            // Never both locks: whoever notes a hit holds its slot and then asks for the rows.
            let mut hits = std::mem::take(&mut *slot.lock());
            merge(&mut self.rows.lock(), &mut hits);
        }
    }
}

fn merge(rows: &mut Rows, hits: &mut Vec<Hit>) {
    for hit in hits.drain(..) {
        let room = rows.len() < ROWS;
        match rows.get_mut(&hit.row) {
            Some(known) if known.space == hit.space => {
                known.times += hit.times;
                known.at = known.at.max(hit.at);
            }
            Some(known) => *known = hit,
            None if room => drop(rows.insert(hit.row, hit)),
            None => {}
        }
    }
}
