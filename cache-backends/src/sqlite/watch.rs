//! Who wants to know that another process has invalidated entries.

use super::database::Database;
use memolith_core::Watch;
use parking_lot::Mutex;
use std::fmt;
use std::sync::{Arc, Weak};

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
}

impl Watchers {
    pub(super) fn add(&self, (space, seen): (&str, Option<i64>), told: Weak<dyn Watch>) {
        self.list.lock().push(Watcher { space: space.into(), seen, told });
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

    /// Tells those whose space another process has invalidated.
    pub(super) fn look(&self, database: &Database) -> rusqlite::Result<()> {
        let (mut told, mut looked): (Vec<Arc<dyn Watch>>, _) = (vec![], Ok(()));
        {
            // Under the writer's lock no invalidation of this process is half done.
            let mut writer = database.writer()?;
            let version = writer.version()?;
            if !writer.is_foreign(version) && self.list.lock().iter().all(|watcher| watcher.seen.is_some()) {
                return Ok(());
            }
            for watcher in self.list.lock().iter_mut() {
                match writer.generation(&watcher.space) {
                    Ok(generation) if watcher.seen == Some(generation) => {}
                    Ok(generation) => {
                        watcher.seen = Some(generation);
                        told.extend(watcher.told.upgrade());
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
        told.iter().for_each(|watch| watch.invalidated());
        looked
    }

    /// This process has invalidated entries of `space` itself. A single watcher is who did it, and knows; of several
    /// nobody can say which, so all are returned, to be told when no lock is held. Called under the writer's lock.
    #[must_use]
    pub(super) fn own(&self, space: &str) -> Vec<Arc<dyn Watch>> {
        let mut list = self.list.lock();
        let mut watching = vec![];
        for watcher in list.iter_mut().filter(|watcher| watcher.space == space) {
            watcher.seen = watcher.seen.map(|seen| seen + 1);
            watching.extend(watcher.told.upgrade());
        }
        if watching.len() > 1 { watching } else { vec![] }
    }
}

impl fmt::Debug for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Watcher").field("space", &self.space).field("seen", &self.seen).finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests;
