//! News that others have removed something, told or read from a word that they raise.

use crate::backend::Watch;
use crate::sync::{AtomicU64, Mutex, planted};
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::{Arc, OnceLock};

/// Removals by others, counted: after each the memory tier is to be dropped.
#[derive(Debug, Default)]
pub(crate) struct Stale {
    told: Told,
    /// What is told of the tags of the backend, where entries of the cache carry some.
    aside: OnceLock<Arc<Told>>,
    /// How many of them the memory tier has been dropped for. Until then every caller drops it, so that nobody reads
    /// what another is about to drop.
    heeded: AtomicU64,
    /// How often news was heeded.
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

/// What others had removed at some moment: see [`Stale::mark`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    heeds: u64,
    unheeded: u64,
}

/// Raises the word at its end, however that comes.
#[derive(Debug, Default)]
#[must_use = "the word is raised when it is dropped"]
pub(crate) struct Removal<'a>(Option<&'a Stale>);

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
        // Before that: who finds no news finds this.
        self.heeds.fetch_add(1, Release);
        self.heeded.store(news, Release);
    }

    /// What changes with everything that others remove, and not with what this cache does. What was made before it has
    /// changed may be what they have removed.
    pub(crate) fn mark(&self) -> Mark {
        // Heeded first: what is told meanwhile is a change more.
        let (heeds, heeded) = (self.heeds.load(Acquire), self.heeded.load(Acquire));
        Mark { heeds, unheeded: self.count().wrapping_sub(heeded) }
    }

    /// To be held while this cache removes from the backend. Whether that fails or not, others may keep a copy.
    pub(crate) fn removal(&self) -> Removal<'_> {
        if planted("raised too early") {
            self.raise();
        }
        Removal(Some(self))
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
    fn raise(&self) {
        self.told.raise(|before| {
            let before = before.wrapping_add(self.aside.get().map_or(0, |tags| tags.count()));
            self.pass(before);
        });
    }

    /// Of the tags' word, which was raised once after `before`: what was heeded until then stays heeded.
    fn passed_aside(&self, before: u64) {
        self.pass(before.wrapping_add(self.told.count()));
    }

    /// What was told after `before`, once, is no news, if nothing before it was.
    fn pass(&self, before: u64) {
        let after = before.wrapping_add(1);
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
        self.raise(|before| knowing.iter().for_each(|stale| stale.passed_aside(before)));
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
    fn raise(&self, raised: impl FnOnce(u64)) {
        let Some(mut word) = self.word.get() else { return };
        let _alone = self.raising.lock();
        let mut before = self.calls.load(Acquire);
        while let Some(next) = word.next.get() {
            before = before.wrapping_add(word.count.load(Acquire));
            word = next;
        }
        // Pairs with the Acquire in `count`.
        raised(before.wrapping_add(word.count.fetch_add(1, Release)));
    }
}

impl Removal<'_> {
    /// It has failed as it had before: the word was raised then, and will be when it succeeds.
    pub(crate) fn fail_again(mut self) {
        self.0 = None;
    }
}

impl Drop for Removal<'_> {
    fn drop(&mut self) {
        if !planted("raised too early") {
            self.0.into_iter().for_each(Stale::raise);
        }
    }
}

impl Watch for Stale {
    fn invalidated(&self) {
        self.told.invalidated();
    }

    fn follow(&self, word: &'static std::sync::atomic::AtomicU64) {
        self.told.follow(word);
    }
}

impl Watch for Told {
    fn invalidated(&self) {
        // Pairs with the Acquire in `count`: who drops its copies afterwards reads what the other process left.
        self.calls.fetch_add(1, Release);
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
        /// The word of a file that came later: how often it had been raised before.
        Follow(u64),
        /// By another process.
        Raised,
        /// Of this cache.
        Removed,
        Heeded,
    }

    fn step() -> impl Strategy<Value = Step> {
        prop_oneof![
            Just(Step::Told),
            (0..5_u64).prop_map(Step::Follow),
            Just(Step::Raised),
            Just(Step::Removed),
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
                match (step, last) {
                    (Step::Told, _) => {
                        stale.invalidated();
                        unheeded = true;
                    }
                    (Step::Follow(raised), _) => {
                        last = Some(word(raised));
                        last.into_iter().for_each(|word| stale.follow(word));
                        unheeded = true;
                    }
                    (Step::Raised, Some(word)) => {
                        word.fetch_add(1, Release);
                        unheeded = true;
                    }
                    (Step::Raised, None) => {}
                    (Step::Removed, _) => {
                        let before = last.map(|word| word.load(Acquire));
                        drop(stale.removal());
                        prop_assert_eq!(last.map(|word| word.load(Acquire)), before.map(|raised| raised + 1));
                    }
                    (Step::Heeded, _) => {
                        stale.news().into_iter().for_each(|news| stale.heed(news));
                        unheeded = false;
                    }
                }
                prop_assert_eq!(stale.news().is_some(), unheeded, "after {:?}", step);
            }
        }
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
