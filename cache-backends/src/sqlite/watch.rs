//! Who wants to know that another process has invalidated entries.

use super::database::Database;
use super::words::Words;
use memolith_core::Watch;
use parking_lot::Mutex;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering::Acquire};
use std::sync::{Arc, Weak};

/// What a removal adds to the generation of a space, and the cache to its word: to the lower half when it begins, to the
/// upper one when it is done.
pub(super) const REMOVED: i64 = 1 + TAKEN_BACK;
/// What is added when a cache takes back what it has put.
pub(super) const TAKEN_BACK: i64 = 1 << 32;
/// What an invalidation of tags adds: no reader has copies of them.
pub(super) const UNTAGGED: i64 = 1;

/// The watched spaces, each with what was last seen there.
#[derive(Debug, Default)]
pub(super) struct Watchers {
    list: Mutex<Vec<Watcher>>,
}

struct Watcher {
    space: String,
    /// The space's generation when it was last looked at; none when anything may have happened.
    seen: Option<i64>,
    told: Weak<dyn Watch>,
    word: Option<Followed>,
}

/// What a watcher is told of its space.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum News {
    Removed,
    TakenBack,
}

/// The word that a cache looks at by itself.
struct Followed {
    word: &'static AtomicU64,
    /// How often it was raised for what was seen.
    raised: u64,
}

impl Watchers {
    pub(super) fn add(&self, (space, seen): (&str, Option<i64>), told: Weak<dyn Watch>) {
        self.list.lock().push(Watcher { space: space.into(), seen, told, word: None });
    }

    /// Whether somebody listens.
    pub(super) fn any(&self) -> bool {
        let mut list = self.list.lock();
        list.retain(|watcher| watcher.told.strong_count() > 0);
        !list.is_empty()
    }

    /// What was seen is not true any more, and everybody is told at the next look.
    pub(super) fn forget(&self) {
        self.list.lock().iter_mut().for_each(|watcher| watcher.seen = None);
    }

    /// Hands each the word of its space, unless that is the one it has.
    pub(super) fn follow(&self, words: &Words) {
        let mut handed = vec![];
        for watcher in self.list.lock().iter_mut() {
            let Some(word) = words.word(&watcher.space) else { continue };
            if watcher.word.as_ref().is_some_and(|followed| std::ptr::eq(followed.word, word)) {
                continue;
            }
            watcher.word = Some(Followed { word, raised: word.load(Acquire) });
            handed.extend(watcher.told.upgrade().map(|told| (told, word)));
        }
        // No lock is held: they are foreign code.
        handed.iter().for_each(|(watch, word)| watch.follow(word));
    }

    /// Tells those whose space another process has invalidated, as far as their words have not.
    pub(super) fn look(&self, database: &Database) -> rusqlite::Result<()> {
        self.follow(database.words());
        let (mut told, mut looked): (Vec<(Arc<dyn Watch>, News)>, _) = (vec![], Ok(()));
        {
            // Under the writer's lock no invalidation of this process is half done.
            let mut writer = database.writer()?;
            let version = writer.version()?;
            let mut list = self.list.lock();
            if !writer.is_foreign(version) && list.iter().all(|watcher| watcher.seen.is_some()) {
                list.iter_mut().for_each(Watcher::settle);
                return Ok(());
            }
            for watcher in list.iter_mut() {
                match writer.generation(&watcher.space) {
                    Ok(generation) => {
                        let news = watcher.sees(generation);
                        told.extend(news.and_then(|news| Some((watcher.told.upgrade()?, news))));
                    }
                    // The others are told all the same, and this one is looked at again.
                    Err(error) => looked = Err(error),
                }
            }
            if looked.is_ok() {
                writer.looked(version);
            }
        }
        if !told.is_empty() {
            // Whoever has heard of it must not read what was there before, and keep that for good.
            database.renew_readers();
        }
        // No lock is held: they are foreign code.
        told.iter().for_each(|(watch, news)| news.tell(&**watch));
        looked
    }

    /// This process has invalidated entries of `space` itself, which has added so much to its generation. A single watcher
    /// is who did it, and knows; of several nobody can say which, so all are returned, to be told when no lock is held.
    /// Called under the writer's lock.
    #[must_use]
    pub(super) fn own(&self, space: &str, by: i64) -> Vec<Arc<dyn Watch>> {
        let mut list = self.list.lock();
        let mut watching = vec![];
        for watcher in list.iter_mut().filter(|watcher| watcher.space == space) {
            watcher.seen = watcher.seen.map(|seen| seen.wrapping_add(by));
            // It will be raised, by the cache that has removed.
            if let Some(followed) = &mut watcher.word {
                followed.raised = followed.raised.saturating_add(by.cast_unsigned());
            }
            watching.extend(watcher.told.upgrade());
        }
        if watching.len() > 1 { watching } else { vec![] }
    }
}

impl Watcher {
    /// The news in `generation` that its word has not told. Who was killed between the removal and the raising of
    /// the word is told of here; so is, once more, what is looked at in that moment.
    fn sees(&mut self, generation: i64) -> Option<News> {
        let Some(seen) = self.seen.replace(generation) else { return Some(News::Removed) };
        if seen == generation {
            self.settle();
            return None;
        }
        let mut told = 0;
        if let Some(followed) = &mut self.word {
            let raised = followed.word.load(Acquire);
            told = raised.saturating_sub(std::mem::replace(&mut followed.raised, raised));
        }
        let happened = generation.abs_diff(seen);
        let untold = |half: fn(u64) -> u64| half(told) < half(happened);
        if generation < seen || untold(|count| count & u64::from(u32::MAX)) {
            return Some(News::Removed);
        }
        untold(|count| count >> 32).then_some(News::TakenBack)
    }

    /// All that was removed was seen: what the word was raised for besides is none of it.
    fn settle(&mut self) {
        if let Some(followed) = &mut self.word {
            followed.raised = followed.raised.max(followed.word.load(Acquire));
        }
    }
}

impl News {
    fn tell(self, watch: &dyn Watch) {
        match self {
            News::Removed => watch.invalidated(),
            News::TakenBack => watch.taken_back(),
        }
    }
}

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watcher").field("space", &self.space).field("seen", &self.seen).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
