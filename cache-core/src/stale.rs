//! News that others have removed something, told or read from a word that they raise.

use crate::backend::Watch;
use crate::sync::{AtomicU64, Mutex, planted};
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::{Arc, OnceLock};

/// What one removal adds to a count.
const REMOVED: u64 = 1;
/// What is added for a value that its writer has taken back: in the upper half, so that one look tells of both. A lower
/// half that overflows has changed as well, and is taken for what it is.
const TAKEN_BACK: u64 = 1 << 32;
/// The half that counts removals.
const REMOVALS: u64 = TAKEN_BACK - 1;

/// Removals by others, counted: after each the memory tier is to be dropped.
#[derive(Debug, Default)]
pub(crate) struct Stale {
    told: Told,
    /// What is told of the tags of the backend, where entries of the cache carry some.
    aside: OnceLock<Arc<Told>>,
    /// How many of them the memory tier has been dropped for. Until then every caller drops it, so that nobody reads
    /// what another is about to drop.
    heeded: AtomicU64,
    /// How often news was heeded, in the lower half if it told of removals.
    heeds: AtomicU64,
}

/// What was told of one space, by calls and by words that others raise: a count that only grows.
#[derive(Debug, Default)]
pub(crate) struct Told {
    calls: AtomicU64,
    /// What tells without a call.
    word: OnceLock<Word>,
    /// Held to raise the word and count that as heeded: of two threads at once neither is news to the other.
    raising: Mutex<()>,
}

/// A word that all who share the space raise, and the one that took its place.
#[derive(Debug)]
struct Word {
    // Of the standard library under every checker: it lies in memory that other processes share.
    count: &'static std::sync::atomic::AtomicU64,
    next: OnceLock<Box<Word>>,
}

/// Where a value comes from, and so which news it may be meant by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Basis {
    /// It was computed or given here: others have to remove it.
    Own,
    /// It was read where others had put it, who may take it back as well.
    Read,
}

/// What others had removed at some moment: see [`Stale::mark`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    heeds: u64,
    unheeded: u64,
    basis: Basis,
}

/// Raises the word at its end, however that comes.
#[derive(Debug)]
#[must_use = "the word is raised when it is dropped"]
pub(crate) struct Removal<'a> {
    stale: Option<&'a Stale>,
    by: u64,
}

impl Stale {
    /// What others have removed and nobody has heeded yet.
    #[inline]
    pub(crate) fn news(&self) -> Option<u64> {
        // Pairs with the Release in `heed`: who sees it sees memory without what was dropped.
        let heeded = self.heeded.load(Acquire);
        let news = self.count();
        (news != heeded).then_some(news)
    }

    /// The memory tier was dropped because of `news`.
    ///
    /// Who comes late with old news undoes what another has heeded, and memory is dropped once more. To take the
    /// larger number instead would trust a word that lies in a file: cut, it begins at zero again.
    pub(crate) fn heed(&self, news: u64) {
        let by = if self.tells_of_removals(news) { REMOVED } else { TAKEN_BACK };
        // Before that: who finds no news finds this.
        self.heeds.fetch_add(by, Release);
        self.heeded.store(news, Release);
    }

    /// Whether `news` is of removals, and not of values alone that others have taken back. Who has heeded it meanwhile
    /// has done all that was to be done.
    pub(crate) fn tells_of_removals(&self, news: u64) -> bool {
        (news ^ self.heeded.load(Acquire)) & REMOVALS != 0
    }

    /// What changes with everything that others remove, with what they take back where that matters to a value of this
    /// `basis`, and not with what this cache does. What was made before it has changed may be what they have removed.
    pub(crate) fn mark(&self, basis: Basis) -> Mark {
        // Heeded first: what is told meanwhile is a change more.
        let (heeds, heeded) = (self.heeds.load(Acquire), self.heeded.load(Acquire));
        let unheeded = self.count().wrapping_sub(heeded);
        let half = match basis {
            Basis::Own => REMOVALS,
            Basis::Read => u64::MAX,
        };
        Mark { heeds: heeds & half, unheeded: unheeded & half, basis }
    }

    /// Whether others may have removed a value since its `mark` was made.
    pub(crate) fn is_past(&self, mark: Mark) -> bool {
        self.mark(mark.basis) != mark
    }

    /// To be held while this cache removes from the backend. Whether that fails or not, others may keep a copy.
    ///
    /// Told before it is done, so that who writes what is removed finds that out: either it writes before the removal,
    /// or it looks after the news. And once more when it is done, to who has read meanwhile what was still there.
    pub(crate) fn removal(&self) -> Removal<'_> {
        if planted("raised too late") {
            return self.removal_again();
        }
        self.raise(REMOVED);
        Removal { stale: Some(self), by: TAKEN_BACK }
    }

    /// The same for what could not be removed before, and may not be now: it is told when it is done.
    pub(crate) fn removal_again(&self) -> Removal<'_> {
        Removal { stale: Some(self), by: REMOVED }
    }

    /// To be held while this cache takes back a value that it has written: others drop their copies of it, and take
    /// nothing back in turn.
    pub(crate) fn taking_back(&self) -> Removal<'_> {
        let by = if planted("taken back as a removal") { REMOVED } else { TAKEN_BACK };
        Removal { stale: (!planted("taken back in silence")).then_some(self), by }
    }

    /// From now on what is told of tags is news too.
    pub(crate) fn attend(&self, tags: &Arc<Told>) {
        let _ = self.aside.set(Arc::clone(tags));
    }

    /// All that was ever told. It only grows, so it is what was heeded only if nothing came after.
    #[inline]
    fn count(&self) -> u64 {
        let count = self.told.count();
        self.aside.get().map_or(count, |tags| count.wrapping_add(tags.count()))
    }

    /// Tells the others, and not oneself.
    fn raise(&self, by: u64) {
        self.told.raise(by, |before| {
            let before = before.wrapping_add(self.aside.get().map_or(0, |tags| tags.count()));
            self.pass(before, by);
        });
    }

    /// Of the tags' word, which was raised once after `before`: what was heeded until then stays heeded.
    fn passed_aside(&self, before: u64) {
        self.pass(before.wrapping_add(self.told.count()), REMOVED);
    }

    /// What was told after `before`, once, is no news, if nothing before it was.
    fn pass(&self, before: u64, by: u64) {
        let after = before.wrapping_add(by);
        // Only if nothing was unheeded before: what others told stays news.
        if planted("news taken for one's own") {
            return self.heed(after);
        }
        let _ = self.heeded.compare_exchange(before, after, Release, Relaxed);
    }
}

impl Told {
    /// Tells the others of an invalidation of tags, and of this process nobody among `knowing`, who know by themselves.
    pub(crate) fn raise_but_for(&self, knowing: &[Arc<Stale>]) {
        self.raise(REMOVED, |before| knowing.iter().for_each(|stale| stale.passed_aside(before)));
    }

    #[inline]
    fn count(&self) -> u64 {
        // Pairs with the Release of who removed: what is read afterwards is read without what was removed.
        let mut count = self.calls.load(Acquire);
        let mut word = self.word.get();
        while let Some(this) = word {
            count = count.wrapping_add(this.count.load(Acquire));
            word = this.next.get().map(|next| &**next);
        }
        count
    }

    /// Raises the word, if there is one. `raised` is given the count before that.
    fn raise(&self, by: u64, raised: impl FnOnce(u64)) {
        let Some(mut word) = self.word.get() else { return };
        let _alone = self.raising.lock();
        let mut before = self.calls.load(Acquire);
        while let Some(next) = word.next.get() {
            before = before.wrapping_add(word.count.load(Acquire));
            word = next;
        }
        // Pairs with the Acquire in `count`.
        raised(before.wrapping_add(word.count.fetch_add(by, Release)));
    }
}

impl Removal<'_> {
    /// It has failed as it had before: the word was raised then, and will be when it succeeds.
    pub(crate) fn fail_again(mut self) {
        self.stale = None;
    }
}

impl Drop for Removal<'_> {
    fn drop(&mut self) {
        if !(self.by == TAKEN_BACK && planted("raised too early")) {
            self.stale.into_iter().for_each(|stale| stale.raise(self.by));
        }
    }
}

impl Watch for Stale {
    fn invalidated(&self) {
        self.told.invalidated();
    }

    fn taken_back(&self) {
        self.told.taken_back();
    }

    fn follow(&self, word: &'static std::sync::atomic::AtomicU64) {
        self.told.follow(word);
    }
}

impl Watch for Told {
    fn invalidated(&self) {
        // Pairs with the Acquire in `count`: who drops its copies afterwards reads what the other process left.
        self.calls.fetch_add(REMOVED, Release);
    }

    fn taken_back(&self) {
        self.calls.fetch_add(TAKEN_BACK, Release);
    }

    fn follow(&self, word: &'static std::sync::atomic::AtomicU64) {
        let new = || Word { count: word, next: OnceLock::new() };
        let mut last = self.word.get_or_init(new);
        while !std::ptr::eq(last.count, word) || last.next.get().is_some() {
            last = last.next.get_or_init(|| Box::new(new()));
        }
        // What was removed before is not told by it.
        self.invalidated();
    }
}

#[cfg(all(test, not(any(shuttle, loom))))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// What can happen to the news of a cache, on one thread.
    #[derive(Clone, Copy, Debug)]
    enum Step {
        Told,
        ToldTakenBack,
        /// The word of a file that came later: how often it had been raised before.
        Follow(u64),
        /// By another process, by so much.
        Raised(u64),
        /// Of this cache.
        Removed,
        TookBack,
        Heeded,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            Just(Step::Told),
            Just(Step::ToldTakenBack),
            (0..5_u64).prop_map(Step::Follow),
            prop_oneof![Just(REMOVED), Just(TAKEN_BACK)].prop_map(Step::Raised),
            Just(Step::Removed),
            Just(Step::TookBack),
            Just(Step::Heeded),
        ]
    }

    fn word(raised: u64) -> &'static std::sync::atomic::AtomicU64 {
        Box::leak(Box::new(std::sync::atomic::AtomicU64::new(raised)))
    }

    proptest! {
        /// There is news if others have told something since it was heeded last, and one's own removals are none.
        #[test]
        fn news_is_what_others_have_told(steps in prop::collection::vec(step(), 0..40)) {
            let (stale, mut last, mut unheeded) = (Stale::default(), None, false);
            for step in steps {
                let marks = [Basis::Own, Basis::Read].map(|basis| stale.mark(basis));
                let was_quiet = !unheeded;
                match (step, last) {
                    (Step::Told, _) => {
                        stale.invalidated();
                        unheeded = true;
                    }
                    (Step::ToldTakenBack, _) => {
                        stale.taken_back();
                        unheeded = true;
                    }
                    (Step::Follow(raised), _) => {
                        last = Some(word(raised));
                        last.into_iter().for_each(|word| stale.follow(word));
                        unheeded = true;
                    }
                    (Step::Raised(by), Some(word)) => {
                        word.fetch_add(by, Release);
                        unheeded = true;
                    }
                    (Step::Raised(_), None) => {}
                    (Step::Removed | Step::TookBack, _) => {
                        let before = last.map(|word| word.load(Acquire));
                        let (own, by) = match step {
                            Step::Removed => (stale.removal(), REMOVED + TAKEN_BACK),
                            _ => (stale.taking_back(), TAKEN_BACK),
                        };
                        drop(own);
                        prop_assert_eq!(last.map(|word| word.load(Acquire)), before.map(|raised| raised + by));
                    }
                    (Step::Heeded, _) => {
                        stale.news().into_iter().for_each(|news| stale.heed(news));
                        unheeded = false;
                    }
                }
                prop_assert_eq!(stale.news().is_some(), unheeded, "after {:?}", step);
                let removed = matches!(step, Step::Told | Step::Follow(_))
                    || matches!(step, Step::Raised(REMOVED) if last.is_some());
                let taken_back = matches!(step, Step::ToldTakenBack)
                    || matches!(step, Step::Raised(TAKEN_BACK) if last.is_some());
                if was_quiet || removed {
                    prop_assert_eq!(stale.is_past(marks[0]), removed, "after {:?}", step);
                    prop_assert_eq!(stale.is_past(marks[1]), removed || taken_back, "after {:?}", step);
                }
            }
        }
    }

    /// What was unheeded when a mark was made has not come since.
    #[test]
    fn what_is_heeded_is_told_apart() {
        let stale = Stale::default();
        let heed = || stale.news().into_iter().for_each(|news| stale.heed(news));
        let marks = || [Basis::Own, Basis::Read].map(|basis| stale.mark(basis));
        let past = |marks: [Mark; 2]| marks.map(|mark| stale.is_past(mark));
        let quiet = marks();
        stale.taken_back();
        assert!(stale.news().is_some_and(|news| !stale.tells_of_removals(news)));
        assert_eq!(past(quiet), [false, true]);
        heed();
        assert_eq!(past(quiet), [false, true], "it stays so when it is heeded");
        let quiet = marks();
        stale.invalidated();
        stale.taken_back();
        assert!(stale.news().is_some_and(|news| stale.tells_of_removals(news)));
        assert_eq!(past(quiet), [true, true]);
        heed();
        assert_eq!(past(quiet), [true, true]);
    }

    #[test]
    fn threads_that_remove_at_once_are_no_news_to_each_other() {
        let stale = Stale::default();
        stale.follow(word(3));
        stale.news().into_iter().for_each(|news| stale.heed(news));
        std::thread::scope(|scope| {
            (0..4).for_each(|_| _ = scope.spawn(|| (0..1_000).for_each(|_| drop(stale.removal()))));
        });
        assert_eq!(stale.news(), None);
    }
}
