//! What was invalidated in this process, for values that were being computed at that moment.

use super::Tag;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::atomic::{AtomicU64, Ordering::Acquire, Ordering::Release};

/// Tags remembered at most. Beyond that the older half is forgotten, and whatever began before is not kept.
const MOST: usize = 16_384;

/// A moment of this process, counted in invalidations.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(u64);

/// The invalidations of the process.
#[derive(Debug, Default)]
struct Recent {
    /// When each tag was invalidated last.
    tags: Option<HashMap<Tag, u64>>,
    /// Tags that were invalidated until then may be forgotten.
    floor: u64,
}

static CLOCK: AtomicU64 = AtomicU64::new(0);
static RECENT: Mutex<Recent> = Mutex::new(Recent { tags: None, floor: 0 });

/// The present.
#[inline]
pub(crate) fn now() -> Moment {
    // Pairs with the Release in `note`: what is asked for after that is asked for after the invalidation.
    Moment(CLOCK.load(Acquire))
}

/// Notes that `tags` are invalidated now.
pub(super) fn note(tags: &[Tag]) {
    let mut recent = RECENT.lock();
    let now = CLOCK.load(Acquire) + 1;
    recent.note(tags, now);
    CLOCK.store(now, Release);
}

/// Whether one of `tags` was invalidated after `began`, or may have been.
pub(super) fn invalidated(tags: &[Tag], began: Moment) -> bool {
    now() != began && RECENT.lock().invalidated(tags, began)
}

/// Every tag that this process has invalidated after `moment`, as far as that is known; the others may be any. And until
/// when.
pub(super) fn since(moment: Moment) -> (Vec<Tag>, Complete, Moment) {
    let recent = RECENT.lock();
    let tags = recent.tags.iter().flatten().filter(|(_, at)| **at > moment.0);
    let complete = if recent.floor <= moment.0 { Complete::Yes } else { Complete::No };
    (tags.map(|(tag, _)| Tag::clone(tag)).collect(), complete, now())
}

/// Whether all that was noted is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Complete {
    Yes,
    No,
}

impl Recent {
    fn note(&mut self, tags: &[Tag], now: u64) {
        let known = self.tags.get_or_insert_default();
        known.extend(tags.iter().map(|tag| (Tag::clone(tag), now)));
        if known.len() > MOST {
            let mut moments: Vec<u64> = known.values().copied().collect();
            let (_, middle, _) = moments.select_nth_unstable(MOST / 2);
            self.floor = *middle;
            known.retain(|_, at| *at > self.floor);
        }
    }

    fn invalidated(&self, tags: &[Tag], began: Moment) -> bool {
        if tags.is_empty() {
            return false;
        }
        let known = self.tags.as_ref();
        let after = |tag| known.and_then(|known| known.get(tag)).is_some_and(|at| *at > began.0);
        began.0 < self.floor || tags.iter().any(after)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(number: usize) -> Tag {
        Tag::from(number.to_string().as_bytes())
    }

    #[test]
    fn an_invalidation_is_after_what_began_before_it() {
        let mut recent = Recent::default();
        recent.note(&[tag(1)], 5);
        assert!(recent.invalidated(&[tag(2), tag(1)], Moment(4)));
        assert!(!recent.invalidated(&[tag(1)], Moment(5)) && !recent.invalidated(&[tag(2)], Moment(0)));
    }

    #[test]
    fn what_is_forgotten_is_taken_for_invalidated() {
        let mut recent = Recent::default();
        (0..=MOST).for_each(|at| recent.note(&[tag(at)], at as u64 + 1));
        assert!(recent.tags.as_ref().is_some_and(|known| known.len() <= MOST));
        for at in [0, MOST / 4, MOST] {
            assert!(recent.invalidated(&[tag(at)], Moment(at as u64)), "{at}");
        }
        assert!(recent.invalidated(&[tag(MOST + 1)], Moment(0)));
        assert!(!recent.invalidated(&[tag(MOST + 1)], Moment(MOST as u64)));
        let mut many = Recent::default();
        many.note(&(0..=MOST).map(tag).collect::<Vec<_>>(), 1);
        assert!(many.invalidated(&[tag(7)], Moment(0)) && !many.invalidated(&[tag(7)], Moment(1)));
    }
}
