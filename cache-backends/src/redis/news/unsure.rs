//! What was put while a removal by others may not have been heard yet.
//!
//! A server answers a put on one connection and tells of removals on another, so a put can be answered, and believed to be
//! good, before it is heard that others have removed the key since its value was computed. So what is put is remembered
//! until a question on the connection that tells has been answered: what was said before that has been heard then. If a
//! removal is heard first, what is remembered is taken back.

use super::puts::Puts;
use crate::redis::keys::tell::Said;
use memolith_core::Record;
use std::time::{Duration, Instant};

/// How often it is asked at most: what is put in between is asked for together.
const PAUSE: Duration = Duration::from_millis(1);

/// What was put into a space lately, as far as one channel tells of it.
#[derive(Debug, Default)]
pub(super) struct Unsure {
    /// Since it was last asked.
    puts: Puts,
    /// Before that, while there is no answer.
    asked: Option<Puts>,
    last: Option<Instant>,
    /// Whether somebody asks when it is time.
    timed: bool,
}

/// What is to be done now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    Ask,
    /// To call [`Unsure::time`] then.
    Wait(Instant),
    Nothing,
}

impl Unsure {
    /// Remembers what was put just now.
    pub(super) fn note(&mut self, key: &[u8], record: &Record, now: Instant) -> Next {
        self.puts.add(key, Some(record));
        self.next(now)
    }

    /// It was answered.
    pub(super) fn answered(&mut self, now: Instant) -> Next {
        self.asked = None;
        self.next(now)
    }

    /// It is time.
    pub(super) fn time(&mut self, now: Instant) -> Next {
        self.timed = false;
        self.next(now)
    }

    fn next(&mut self, now: Instant) -> Next {
        if self.asked.is_some() || self.puts.is_empty() {
            return Next::Nothing;
        }
        match self.last.map(|last| last + PAUSE).filter(|due| *due > now) {
            Some(_) if self.timed => Next::Nothing,
            Some(due) => {
                self.timed = true;
                Next::Wait(due)
            }
            None => {
                (self.asked, self.last) = (Some(std::mem::take(&mut self.puts)), Some(now));
                Next::Ask
            }
        }
    }

    /// What is to be taken back, because others have removed something.
    pub(super) fn take(&mut self, said: Said) -> Puts {
        let Said::RemovedKey(removed) = said else { return self.take_all() };
        let mut puts = self.asked.as_mut().map(|asked| asked.extract(removed)).unwrap_or_default();
        puts.append(self.puts.extract(removed));
        puts
    }

    /// An answer that comes later is for nothing any more.
    fn take_all(&mut self) -> Puts {
        let mut puts = self.asked.as_mut().map(std::mem::take).unwrap_or_default();
        puts.append(std::mem::take(&mut self.puts));
        puts
    }

    /// The connection is another: nothing is answered any more.
    pub(super) fn cut(&mut self) -> Puts {
        let puts = self.take_all();
        self.asked = None;
        puts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redis::keys::tell::digest;
    use memolith_core::Timestamp;

    fn note(unsure: &mut Unsure, key: &str, now: Instant) -> Next {
        unsure.note(key.as_bytes(), &Record { value: vec![0; 1_000], expires: Timestamp::NEVER }, now)
    }

    fn keys(puts: Puts) -> String {
        let puts = puts.known().expect("they are known");
        puts.into_iter().map(|put| String::from_utf8_lossy(&put.key).into_owned() + " ").collect()
    }

    #[test]
    fn what_was_put_is_remembered_until_an_answer_to_a_later_question() {
        let (mut unsure, now) = (Unsure::default(), Instant::now());
        assert_eq!(note(&mut unsure, "one", now), Next::Ask, "nothing was asked for long");
        assert_eq!(note(&mut unsure, "two", now + PAUSE * 2), Next::Nothing, "one question at a time");
        assert_eq!(unsure.answered(now), Next::Wait(now + PAUSE), "not so soon");
        assert_eq!(note(&mut unsure, "three", now), Next::Nothing, "somebody waits for that");
        assert_eq!(unsure.time(now + PAUSE), Next::Ask);
        assert_eq!(note(&mut unsure, "four", now + PAUSE * 2), Next::Nothing);
        assert_eq!(unsure.answered(now + PAUSE * 2), Next::Ask);
        assert_eq!(keys(unsure.take(Said::Removed)), "four ");
        assert_eq!(unsure.answered(now), Next::Nothing, "there is nothing to be asked for");
    }

    #[test]
    fn of_a_key_that_is_known_no_others_go() {
        let (mut unsure, now) = (Unsure::default(), Instant::now());
        ["one", "two", "one"].iter().for_each(|key| _ = note(&mut unsure, key, now));
        assert_eq!(keys(unsure.take(Said::RemovedKey(digest(b"one")))), "one one ");
        assert_eq!(keys(unsure.take(Said::Removed)), "two ");
    }

    #[test]
    fn on_another_connection_it_is_asked_anew() {
        let (mut unsure, now) = (Unsure::default(), Instant::now());
        assert_eq!(note(&mut unsure, "one", now), Next::Ask);
        assert_eq!(keys(unsure.cut()), "one ");
        assert_eq!(note(&mut unsure, "two", now + PAUSE), Next::Ask);
    }

    #[test]
    fn what_is_not_remembered_is_not_believed() {
        let (mut unsure, now) = (Unsure::default(), Instant::now());
        (0..100_000).for_each(|key| _ = note(&mut unsure, &key.to_string(), now));
        assert!(unsure.take(Said::RemovedKey(digest(b"none of them"))).known().is_none());
        assert_eq!(keys(unsure.take(Said::Removed)), "0 ", "it was asked for before there were too many");
    }
}
