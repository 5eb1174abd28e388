//! What a process counts, kept in its row of the ledger so that it survives the process.

use crate::Outcome;
use crate::ledger::{COUNTS, Ledger};
use std::time::Duration;

/// A column of the row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Count {
    /// When the call under way began, in microseconds of the wall clock.
    Since,
    Calls,
    Gets,
    Hits,
    Puts,
    Removes,
    Clears,
    Scans,
    Claims,
    /// Calls that gave up because somebody held a lock.
    Busy,
    /// Calls that failed for another reason.
    Failed,
    /// The longest call in microseconds.
    Longest,
}

const _: () = assert!(Count::Longest as usize + 1 == COUNTS);

/// The counts of one owner, all its processes one after the other.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Counts([u64; COUNTS]);

impl Counts {
    /// Goes on where the last process of this owner was.
    pub(crate) fn resume(ledger: &Ledger, owner: usize) -> Outcome<Counts> {
        Ok(Counts(ledger.row(owner)?))
    }

    /// All owners together.
    pub(crate) fn sum(ledger: &Ledger, owners: usize) -> Outcome<Counts> {
        let mut sum = Counts::default();
        for owner in 0..owners {
            let row = Counts::resume(ledger, owner)?;
            let longest = sum.of(Count::Longest).max(row.of(Count::Longest));
            sum.0.iter_mut().zip(row.0).for_each(|(sum, count)| *sum = sum.wrapping_add(count));
            sum.0[Count::Longest as usize] = longest;
        }
        Ok(sum)
    }

    pub(crate) fn save(&self, ledger: &Ledger, owner: usize) -> Outcome {
        ledger.set_row(owner, &self.0)
    }

    pub(crate) fn of(&self, count: Count) -> u64 {
        self.0[count as usize]
    }

    pub(crate) fn add(&mut self, count: Count, more: u64) {
        self.0[count as usize] += more;
    }

    /// A call begins now.
    pub(crate) fn start(&mut self) {
        self.add(Count::Calls, 1);
        self.0[Count::Since as usize] = micros();
    }

    /// How long the call under way has been, if there is one.
    pub(crate) fn under_way(&self) -> Duration {
        match self.of(Count::Since) {
            0 => Duration::ZERO,
            since => Duration::from_micros(micros().saturating_sub(since)),
        }
    }

    pub(crate) fn longest(&mut self, wall: Duration) {
        let micros = u64::try_from(wall.as_micros()).unwrap_or(u64::MAX);
        let longest = &mut self.0[Count::Longest as usize];
        *longest = micros.max(*longest);
    }
}

fn micros() -> u64 {
    crate::field::now().as_micros()
}
