//! What was put while a removal by others may not have been heard yet.
//!
//! A server answers a put on one connection and tells of removals on another, so a put can be answered, and believed to be
//! good, before it is heard that others have removed the key since its value was computed. So what is put is remembered
//! until a question on the connection that tells has been answered: what was said before that has been heard then. If a
//! removal is heard first, what is remembered is taken back.

use std::time::{Duration, Instant};

/// How often it is asked at most: what is put in between is asked for together.
const PAUSE: Duration = Duration::from_millis(1);
/// Keys remembered at most while nothing is heard; the newest stay.
const MOST: usize = 4_096;

/// A key of a space.
pub(super) type Key = Box<[u8]>;

/// The keys that were put into a space lately, as far as one channel tells of them.
#[derive(Debug, Default)]
pub(super) struct Unsure {
    /// Put since it was last asked.
    put: Vec<Key>,
    /// Put before that, while there is no answer.
    asked: Option<Vec<Key>>,
    last: Option<Instant>,
}

impl Unsure {
    /// Remembers `key`, which was put just now. Whether it is to be asked.
    pub(super) fn note(&mut self, key: &[u8], now: Instant) -> bool {
        if self.put.len() >= MOST {
            self.put.drain(..MOST / 2);
        }
        self.put.push(key.into());
        self.last.is_none_or(|last| now.saturating_duration_since(last) >= PAUSE) && self.ask(now)
    }

    /// Whether it is to be asked: there is something to be asked for, and nothing is.
    pub(super) fn ask(&mut self, now: Instant) -> bool {
        if self.asked.is_some() || self.put.is_empty() {
            return false;
        }
        (self.asked, self.last) = (Some(std::mem::take(&mut self.put)), Some(now));
        true
    }

    /// It was answered.
    pub(super) fn answered(&mut self) {
        self.asked = None;
    }

    /// All that is to be taken back, because others have removed something.
    pub(super) fn take(&mut self) -> Vec<Key> {
        // An answer that comes later is for nothing any more, or for less than was put by then: so it is asked again.
        let mut keys = self.asked.as_mut().map(std::mem::take).unwrap_or_default();
        keys.append(&mut self.put);
        keys
    }

    /// The connection is another: nothing is answered any more.
    pub(super) fn cut(&mut self) -> Vec<Key> {
        let keys = self.take();
        self.asked = None;
        keys
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(unsure: &mut Unsure) -> Vec<Vec<u8>> {
        unsure.take().into_iter().map(Vec::from).collect()
    }

    #[test]
    fn what_was_put_is_remembered_until_an_answer_to_a_later_question() {
        let (mut unsure, now) = (Unsure::default(), Instant::now());
        assert!(unsure.note(b"one", now), "nothing was asked for long");
        assert!(!unsure.note(b"two", now + PAUSE * 2), "one question at a time");
        unsure.answered();
        assert!(!unsure.note(b"three", now), "not so soon");
        assert_eq!(keys(&mut unsure), [b"two".to_vec(), b"three".to_vec()]);
        assert!(!unsure.ask(now), "there is nothing to be asked for");
        assert!(unsure.note(b"four", now + PAUSE));
        assert_eq!(keys(&mut unsure), [b"four"]);
        assert!(!unsure.note(b"five", now + PAUSE * 2), "the question stands");
        unsure.answered();
        assert_eq!(keys(&mut unsure), [b"five"], "it was asked before that was put");
    }

    #[test]
    fn on_another_connection_it_is_asked_anew() {
        let (mut unsure, now) = (Unsure::default(), Instant::now());
        assert!(unsure.note(b"one", now));
        assert_eq!(unsure.cut().len(), 1);
        assert!(unsure.note(b"two", now + PAUSE));
    }

    #[test]
    fn memory_is_bounded_while_nothing_is_heard() {
        let (mut unsure, now) = (Unsure::default(), Instant::now());
        (0..10_000_u32).for_each(|key| _ = unsure.note(&key.to_le_bytes(), now));
        let keys = keys(&mut unsure);
        assert!((MOST / 2..=MOST + 1).contains(&keys.len()));
        assert_eq!(keys.last().map(|key| &key[..]), Some(&9_999_u32.to_le_bytes()[..]));
    }
}
