//! What leaves the memory tier because something was invalidated elsewhere, or by a tag.

use super::Cache;
use crate::key::{Key, Value};
use crate::remote::Remote;
use crate::sync::planted;
use crate::tags::Tagging;

impl<K: Key, V: Value> Cache<K, V> {
    /// Drops the memory tier if another process has invalidated something, and of it what this one has by a tag.
    #[inline(always)]
    pub(crate) fn refresh(&self) {
        if self.hears {
            self.refresh_if_heard();
        }
    }

    #[inline]
    fn refresh_if_heard(&self) {
        self.leave_if_due();
        if let Some(remote) = &self.remote
            && let Some(news) = remote.store.news()
        {
            self.refresh_because(remote, news);
        }
    }

    /// Removes what this process has invalidated by a tag.
    #[inline]
    pub(crate) fn leave_if_due(&self) {
        if let Some(tagging) = &self.tagging
            && tagging.is_due()
        {
            self.leave(tagging);
        }
    }

    /// Whether memory may hold a value of a key that who has just posted its computation must not give to others: it may
    /// be about to leave where the key is `stale`. What was invalidated before that leaves here.
    pub(crate) fn is_leaving(&self, stale: bool) -> bool {
        self.leave_if_due();
        stale && self.tagging.is_some()
    }

    #[cold]
    #[inline(never)]
    fn leave(&self, tagging: &Tagging<K, V>) {
        // The listener, and what is dropped, may ask us again: when nothing is to leave any more.
        drop(tagging.leave(|keys| self.memory.remove_each(keys, || self.now())));
    }

    /// Keeps what is known of tags in proportion to what is in memory.
    #[inline]
    pub(crate) fn tidy(&self) {
        if let Some(tagging) = &self.tagging {
            tagging.tidy(&self.memory, || self.now());
        }
    }

    #[cold]
    #[inline(never)]
    fn refresh_because(&self, remote: &Remote<K, V>, news: u64) {
        if planted("heeded too early") {
            remote.store.heed(news);
        }
        match remote.store.tells_of_removals(news) {
            true => self.flights.forget_all(),
            false => self.flights.forget_reads(),
        }
        // Heeded before the listener hears of it, which may ask us again.
        drop(self.memory.clear(|| remote.store.heed(news)));
    }
}
