//! Hits, noted in memory and written rarely: moving a row in the order costs more than a put.

use memolith_core::{OnHit, Policy, Space, Timestamp};
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::time::Duration;

/// Hits a slot collects before they are merged by row.
const SLOT: usize = 64;

/// Rows remembered at most, of either sort; hits beyond are forgotten.
const ROWS: usize = 16_384;

/// An entry unused for this long is noted whatever the turnover of its space.
const LONG: Duration = Duration::from_secs(60);

/// Some hits on one row.
#[derive(Clone, Copy, Debug)]
pub(super) struct Hit {
    pub(super) row: i64,
    pub(super) space: i64,
    pub(super) policy: Policy,
    pub(super) times: i64,
    pub(super) at: Timestamp,
    /// Whether it matters enough to be written before a flush.
    due: bool,
}

/// What was hit and is not written yet.
#[derive(Debug)]
pub(super) struct Hits {
    slots: Vec<Mutex<Vec<Hit>>>,
    rows: Mutex<Rows>,
}

#[derive(Debug, Default)]
struct Rows {
    due: BTreeMap<i64, Hit>,
    rest: BTreeMap<i64, Hit>,
}

impl Hit {
    /// A hit worth noting: only bounded spaces have an order that anyone asks for.
    ///
    /// It is due when the entry was last used a hundredth of the space's turnover ago, `turnover` being the time from
    /// the last use of an entry to its eviction, in microseconds, and zero before the first eviction.
    pub(super) fn noted(
        space: &Space,
        (id, turnover): (i64, u64),
        (row, score): (i64, i64),
        at: Timestamp,
    ) -> Option<Hit> {
        if space.maxsize.is_none() && space.max_bytes.is_none() {
            return None;
        }
        let due = match space.policy.score().on_hit {
            OnHit::Count => true,
            OnHit::Now => {
                let long = LONG.as_micros() as u64;
                let least = if turnover == 0 { long } else { long.min(turnover / 100) };
                super::scores::moment(score).until(at).as_micros() as u64 >= least
            }
            _ => return None,
        };
        Some(Hit { row, space: id, policy: space.policy, times: 1, at, due })
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

    /// At most `most` hits, those that are due first.
    pub(super) fn take(&self, most: usize) -> Vec<Hit> {
        self.gather();
        let mut rows = self.rows.lock();
        let next = || rows.due.pop_first().or_else(|| rows.rest.pop_first()).map(|(_, hit)| hit);
        std::iter::from_fn(next).take(most).collect()
    }

    /// The hits on `row`.
    pub(super) fn take_row(&self, row: i64) -> Option<Hit> {
        self.gather();
        let mut rows = self.rows.lock();
        rows.due.remove(&row).or_else(|| rows.rest.remove(&row))
    }

    /// Whether hits will be forgotten soon.
    pub(super) fn is_crowded(&self) -> bool {
        self.rows.lock().due.len() > ROWS / 2
    }

    /// All hits, due or not.
    pub(super) fn all(&self) -> Vec<Hit> {
        self.gather();
        let rows = std::mem::take(&mut *self.rows.lock());
        rows.due.into_values().chain(rows.rest.into_values()).collect()
    }

    /// Whether any hit is due.
    pub(super) fn any_due(&self) -> bool {
        self.gather();
        !self.rows.lock().due.is_empty()
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
        let earlier = rows.due.remove(&hit.row).or_else(|| rows.rest.remove(&hit.row));
        let merged = match earlier {
            Some(earlier) if earlier.space == hit.space => {
                Hit { times: earlier.times + hit.times, at: earlier.at.max(hit.at), due: earlier.due || hit.due, ..hit }
            }
            _ => hit,
        };
        let side = if merged.due { &mut rows.due } else { &mut rows.rest };
        if side.len() < ROWS {
            side.insert(merged.row, merged);
        }
    }
}
