//! What is remembered of the tags of a backend between two pieces of news.

use super::{Carried, Tag};
use crate::backend::TagState;
use std::collections::HashMap;

/// Tags remembered at most, some megabytes; beyond that all are asked for anew.
const MOST: usize = 65_536;
/// Failed invalidations remembered at most; beyond that nothing that carries a tag is believed.
const FAILED: usize = 16_384;

/// What is known. To know less is to ask more often.
#[derive(Debug, Default)]
pub(super) struct Table {
    /// Changes whenever an answer that is on its way may be out of date.
    pub(super) generation: u64,
    /// Epoch and clock, as far as they were told.
    pub(super) state: Option<(u64, u64)>,
    /// The same as it was last known, or zeros. It may be out of date, which is good enough for what is computed now.
    pub(super) last: (u64, u64),
    /// When each tag was invalidated last.
    known: HashMap<Tag, u64>,
    /// What could not be invalidated, each with a number.
    failed: HashMap<Tag, u64>,
    failures: u64,
    /// Whether there were more of them.
    lost: bool,
    /// Entries of an older clock are not believed by this process.
    floor: u64,
}

/// What is known of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    Good,
    Invalidated,
    /// The backend has to be asked.
    Unknown,
}

/// Invalidations to be tried again, and the number of the last one that had failed then.
#[derive(Debug, Default)]
pub(super) struct Again {
    pub(super) tags: Vec<Tag>,
    last: u64,
    pub(super) lost: bool,
}

impl Table {
    /// Forgets what others may have changed.
    pub(super) fn outdate(&mut self) {
        self.generation += 1;
        self.state = None;
        self.known.clear();
    }

    pub(super) fn verdict(&self, carried: &Carried) -> Verdict {
        let Some((epoch, _)) = self.state else { return Verdict::Unknown };
        // Of another epoch is an entry from before the tags were lost, or this process has not heard of that.
        if carried.epoch != epoch || self.lost || carried.tags.iter().any(|tag| self.failed.contains_key(tag)) {
            return Verdict::Unknown;
        }
        let mut verdict = if carried.clock < self.floor { Verdict::Invalidated } else { Verdict::Good };
        for tag in &carried.tags {
            match self.known.get(tag) {
                Some(at) if *at > carried.clock => return Verdict::Invalidated,
                Some(_) => {}
                None if verdict == Verdict::Good => verdict = Verdict::Unknown,
                None => {}
            }
        }
        verdict
    }

    /// What the answer to a question about the tags of an entry says of it.
    pub(super) fn judge(&self, carried: &Carried, state: &TagState) -> Verdict {
        let good = carried.epoch == state.epoch
            && carried.clock >= self.floor
            && state.invalidated.iter().all(|at| *at <= carried.clock)
            && !self.lost
            && !carried.tags.iter().any(|tag| self.failed.contains_key(tag));
        if good { Verdict::Good } else { Verdict::Invalidated }
    }

    /// Remembers an answer to a question that was asked in `generation`.
    pub(super) fn learn(&mut self, generation: u64, tags: &[Tag], state: &TagState) {
        if self.generation == generation {
            self.remember(tags, state);
        }
    }

    /// Remembers an invalidation. Answers that are on their way may have left before it.
    pub(super) fn invalidated(&mut self, tags: &[Tag], state: &TagState) {
        self.generation += 1;
        self.remember(tags, state);
    }

    fn remember(&mut self, tags: &[Tag], state: &TagState) {
        let clock = match self.state {
            Some((epoch, clock)) if epoch == state.epoch => clock.max(state.clock),
            Some(_) => {
                self.outdate();
                // A clock of another epoch says nothing about this one.
                self.floor = 0;
                state.clock
            }
            None => state.clock,
        };
        if self.known.len() + tags.len() > MOST {
            self.outdate();
        }
        self.last = (state.epoch, clock);
        self.state = Some(self.last);
        for (tag, at) in tags.iter().zip(&state.invalidated) {
            let known = self.known.entry(Tag::clone(tag)).or_default();
            *known = (*known).max(*at);
        }
    }

    /// The invalidation of `tags` has failed: they may be invalid or not.
    pub(super) fn failed(&mut self, tags: &[Tag]) {
        self.generation += 1;
        self.failures += 1;
        for tag in tags {
            self.known.remove(tag);
            if self.failed.len() < FAILED || self.failed.contains_key(tag) {
                self.failed.insert(Tag::clone(tag), self.failures);
            } else {
                self.lost = true;
            }
        }
    }

    /// Invalidations have failed that are not known any more.
    pub(super) fn lose(&mut self) {
        self.generation += 1;
        self.failures += 1;
        self.lost = true;
    }

    /// What has failed and is to be tried again, if there is anything.
    pub(super) fn again(&self) -> Option<Again> {
        if self.failed.is_empty() && !self.lost {
            return None;
        }
        Some(Again { tags: self.failed.keys().cloned().collect(), last: self.failures, lost: self.lost })
    }

    /// It has succeeded, or what it stood for is nothing that entries could be believed for.
    pub(super) fn made_good(&mut self, again: &Again, state: &TagState) {
        self.invalidated(&again.tags, state);
        self.failed.retain(|_, number| *number > again.last);
        if again.lost {
            // Nothing older is believed.
            self.floor = state.clock;
            self.lost = self.failures != again.last;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(name: &str) -> Tag {
        Tag::from(name.as_bytes())
    }

    fn carried(epoch: u64, clock: u64, tags: &[&str]) -> Carried {
        Carried { epoch, clock, tags: tags.iter().copied().map(tag).collect() }
    }

    fn state(epoch: u64, clock: u64, invalidated: &[u64]) -> TagState {
        TagState { epoch, clock, invalidated: invalidated.to_vec() }
    }

    #[test]
    fn an_entry_is_good_if_its_tags_were_not_invalidated_since() {
        let mut table = Table::default();
        assert_eq!(table.verdict(&carried(7, 3, &["a"])), Verdict::Unknown);
        table.learn(0, &[tag("a"), tag("b")], &state(7, 5, &[4, 0]));
        assert_eq!(table.verdict(&carried(7, 3, &["b", "a"])), Verdict::Invalidated);
        assert_eq!(table.verdict(&carried(7, 4, &["a", "b"])), Verdict::Good);
        assert_eq!(table.verdict(&carried(7, 4, &["a", "c"])), Verdict::Unknown);
        assert_eq!(table.verdict(&carried(8, 4, &["a"])), Verdict::Unknown);
    }

    #[test]
    fn answers_that_left_before_an_invalidation_are_not_remembered() {
        let mut table = Table::default();
        let generation = table.generation;
        table.invalidated(&[tag("a")], &state(7, 6, &[6]));
        table.outdate();
        table.learn(generation, &[tag("a")], &state(7, 5, &[0]));
        assert_eq!(table.verdict(&carried(7, 5, &["a"])), Verdict::Unknown);
    }

    #[test]
    fn what_failed_is_not_believed_until_it_was_made_good() {
        let mut table = Table::default();
        table.learn(0, &[tag("a")], &state(7, 5, &[0]));
        table.failed(&[tag("a")]);
        assert_eq!(table.verdict(&carried(7, 5, &["a"])), Verdict::Unknown);
        assert_eq!(table.judge(&carried(7, 5, &["a"]), &state(7, 5, &[0])), Verdict::Invalidated);
        let again = table.again().expect("it has failed");
        // Once more while it is tried again.
        table.failed(&[tag("a")]);
        table.made_good(&again, &state(7, 6, &[6]));
        assert_eq!(table.verdict(&carried(7, 6, &["a"])), Verdict::Unknown);
        let again = table.again().expect("it has failed once more");
        table.made_good(&again, &state(7, 7, &[7]));
        assert_eq!(table.verdict(&carried(7, 7, &["a"])), Verdict::Good);
        assert_eq!(table.verdict(&carried(7, 6, &["a"])), Verdict::Invalidated);
    }

    #[test]
    fn too_many_failures_are_the_failure_of_all() {
        let mut table = Table::default();
        table.learn(0, &[tag("b")], &state(7, 5, &[0]));
        table.failed(&(0..=FAILED).map(|number| tag(&number.to_string())).collect::<Vec<_>>());
        assert_eq!(table.verdict(&carried(7, 5, &["b"])), Verdict::Unknown);
        assert_eq!(table.judge(&carried(7, 5, &["b"]), &state(7, 5, &[0])), Verdict::Invalidated);
        let again = table.again().expect("they have failed");
        table.made_good(&again, &state(7, 6, &vec![6; FAILED]));
        assert_eq!(table.verdict(&carried(7, 5, &["b"])), Verdict::Invalidated);
        assert_eq!(table.judge(&carried(7, 6, &["b"]), &state(7, 6, &[0])), Verdict::Good);
    }

    #[test]
    fn another_epoch_makes_all_that_was_known_worthless() {
        let mut table = Table::default();
        table.learn(0, &[tag("a")], &state(7, 50, &[0]));
        table.learn(table.generation, &[tag("b")], &state(8, 2, &[1]));
        assert_eq!(table.state, Some((8, 2)));
        assert_eq!(table.verdict(&carried(7, 50, &["a"])), Verdict::Unknown);
        assert_eq!(table.verdict(&carried(8, 2, &["b"])), Verdict::Good);
    }
}
