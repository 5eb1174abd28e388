//! What is posted under one lock.

use crate::flight::Flight;
use crate::key::{Key, KeyRef, Value};
use crate::stale::Basis;
use crate::sync::planted;
use crate::waits::Ticket;
use hashbrown::HashTable;
use std::sync::Arc;

/// A part of the board of a cache.
#[derive(Debug)]
pub(super) struct Board<K, V> {
    /// Most of the time there is one at most: it needs no table.
    one: Option<Posted<K, V>>,
    rest: HashTable<Posted<K, V>>,
    /// The last thread that has put a value into memory under this lock.
    pub(super) landed: u64,
}

#[derive(Debug)]
pub(super) struct Posted<K, V> {
    pub(super) hash: u64,
    pub(super) key: K,
    pub(super) ticket: Ticket,
    /// Made when somebody needs it: of most computations nobody hears before they have ended.
    pub(super) flight: Option<Arc<Flight<V>>>,
    pub(super) stage: Stage,
    /// Whether what others take back may be kept, offered or written here.
    pub(super) basis: Basis,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    /// The value is being computed.
    Computing,
    /// The value is being computed and will take the place of what is there by then. Nobody waits for it.
    Replacing,
    /// The value is being computed and will be kept nowhere; an old one is at hand. Nobody waits for it.
    Reading,
    /// The value is being computed and will be kept nowhere, because its key was invalidated meanwhile.
    Forgotten,
    /// The value is being written to the backend.
    Storing,
    /// What the backend holds is stale: until the leader whose value was invalidated while it was being written has
    /// removed it again, or until an invalidation has reached the backend.
    Doomed,
    /// The same, and another value was put in place since: that replaces whatever is there.
    Superseded,
}

impl<K, V> Default for Board<K, V> {
    fn default() -> Self {
        Board { one: None, rest: HashTable::new(), landed: 0 }
    }
}

impl<K, V> Board<K, V> {
    #[inline]
    pub(super) fn is_empty(&self) -> bool {
        self.one.is_none() && self.rest.is_empty()
    }

    #[inline]
    pub(super) fn post(&mut self, posted: Posted<K, V>) {
        self.post_with(|| posted);
    }

    /// As [`post`](Self::post) what is made in its place: most of what a miss does there is to move it.
    #[inline(always)]
    pub(super) fn post_with(&mut self, posted: impl FnOnce() -> Posted<K, V>) {
        match self.one {
            None => self.one = Some(posted()),
            Some(_) => self.post_beside(posted()),
        }
    }

    #[inline(never)]
    fn post_beside(&mut self, posted: Posted<K, V>) {
        self.rest.insert_unique(posted.hash, posted, |posted| posted.hash);
    }

    /// What is posted for `ticket`.
    pub(super) fn of(&mut self, hash: u64, ticket: Ticket) -> Option<&mut Posted<K, V>> {
        self.find(hash, |posted| posted.ticket == ticket)
    }

    #[inline]
    pub(super) fn remove(&mut self, hash: u64, ticket: Ticket) -> Option<Posted<K, V>> {
        let one = self.one.take_if(|posted| posted.ticket == ticket);
        if one.is_some() || self.rest.is_empty() {
            return one;
        }
        let found = self.rest.find_entry(hash, |posted| posted.ticket == ticket);
        found.ok().map(|posted| posted.remove().0)
    }

    fn find(&mut self, hash: u64, is: impl Fn(&Posted<K, V>) -> bool) -> Option<&mut Posted<K, V>> {
        match &mut self.one {
            Some(one) if is(one) => Some(one),
            _ => self.rest.find_mut(hash, is),
        }
    }

    pub(super) fn forget_all(&mut self) {
        if planted("unseen invalidation") {
            return;
        }
        self.one.iter_mut().chain(self.rest.iter_mut()).for_each(Posted::forget);
    }

    pub(super) fn forget_reads(&mut self) {
        let posted = self.one.iter_mut().chain(self.rest.iter_mut());
        posted.filter(|posted| posted.basis == Basis::Read).for_each(Posted::forget);
    }
}

impl<K: Key, V: Value> Board<K, V> {
    /// The computation that whoever asks for `key` is to follow.
    pub(super) fn current<Q: KeyRef<K> + ?Sized>(&mut self, hash: u64, key: &Q) -> Option<&mut Posted<K, V>> {
        self.find(hash, |posted| {
            matches!(posted.stage, Stage::Computing | Stage::Storing) && posted.hash == hash && key.is(&posted.key)
        })
    }

    pub(super) fn is_doomed<Q: KeyRef<K> + ?Sized>(&mut self, hash: u64, key: &Q) -> bool {
        self.find(hash, |posted| posted.stage.is_doomed() && posted.hash == hash && key.is(&posted.key)).is_some()
    }

    pub(super) fn is_forgotten<Q: KeyRef<K> + ?Sized>(&mut self, hash: u64, key: &Q) -> bool {
        self.find(hash, |posted| posted.stage == Stage::Forgotten && posted.hash == hash && key.is(&posted.key))
            .is_some()
    }

    /// The value that is computed for `key` will not be kept, and the one that is being written is doomed.
    #[inline]
    pub(super) fn forget<Q: KeyRef<K> + ?Sized>(&mut self, hash: u64, key: &Q) {
        self.supersede(hash, key);
        if self.is_empty() || planted("unseen invalidation") {
            return;
        }
        // Of one key there may be several.
        let is = |posted: &Posted<K, V>| {
            matches!(posted.stage, Stage::Replacing | Stage::Reading) && posted.hash == hash && key.is(&posted.key)
        };
        while let Some(posted) = self.find(hash, is) {
            posted.forget();
        }
    }

    /// As [`forget`](Self::forget), because another value is put in place.
    #[inline]
    pub(super) fn replace<Q: KeyRef<K> + ?Sized>(&mut self, hash: u64, key: &Q) {
        self.forget(hash, key);
        self.mark_superseded(hash, key);
    }

    /// What is doomed of `key` need not replace anything any more.
    #[inline]
    pub(super) fn mark_superseded<Q: KeyRef<K> + ?Sized>(&mut self, hash: u64, key: &Q) {
        if self.is_empty() {
            return;
        }
        let is = |posted: &Posted<K, V>| posted.stage == Stage::Doomed && posted.hash == hash && key.is(&posted.key);
        while let Some(posted) = self.find(hash, is) {
            posted.stage = Stage::Superseded;
        }
    }

    /// As [`forget`](Self::forget), but for what will take the place of the value that comes now.
    #[inline]
    pub(super) fn supersede<Q: KeyRef<K> + ?Sized>(&mut self, hash: u64, key: &Q) {
        if self.is_empty() || planted("unseen invalidation") {
            return;
        }
        if let Some(posted) = self.current(hash, key) {
            posted.forget();
        }
    }
}

impl Stage {
    pub(super) fn is_doomed(self) -> bool {
        matches!(self, Stage::Doomed | Stage::Superseded)
    }
}

impl<K, V> Posted<K, V> {
    pub(super) fn forget(&mut self) {
        self.stage = match self.stage {
            Stage::Computing | Stage::Replacing | Stage::Reading | Stage::Forgotten => Stage::Forgotten,
            Stage::Storing | Stage::Doomed => Stage::Doomed,
            Stage::Superseded => Stage::Superseded,
        };
    }
}

impl<K: Key, V: Value> Posted<K, V> {
    pub(super) fn flight(&mut self) -> Arc<Flight<V>> {
        let ticket = self.ticket;
        Arc::clone(self.flight.get_or_insert_with(|| Flight::by_thread(ticket)))
    }
}
