//! The board of one cache: which keys are being computed, and what may still be kept of it.

use crate::flight::Flight;
use crate::key::{Key, KeyRef, Value};
use crate::sync::{Mutex, planted};
use hashbrown::HashTable;
use std::sync::Arc;

/// The computations under way in one cache, at most one per key that can still be kept.
#[derive(Debug)]
pub(crate) struct Flights<K, V> {
    board: Mutex<HashTable<Posted<K, V>>>,
}

#[derive(Debug)]
struct Posted<K, V> {
    hash: u64,
    key: K,
    flight: Arc<Flight<V>>,
    stage: Stage,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    /// The value is being computed.
    Computing,
    /// The value is being written to the backend.
    Storing,
    /// Invalidated while it was being written: what was written is stale until the leader has removed it again.
    Doomed,
}

/// What a caller who misses is to do.
#[derive(Debug)]
pub(crate) enum Join<V> {
    /// Compute. If `stale`, the backend may hold an invalidated value of this key and must not be asked.
    Lead { flight: Arc<Flight<V>>, stale: bool },
    /// Wait.
    Follow(Arc<Flight<V>>),
}

/// What the backend's answer for a key is worth at this moment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Look {
    Fresh,
    /// An invalidated value may be there until its writer has removed it.
    Stale,
}

impl<K, V> Default for Flights<K, V> {
    fn default() -> Self {
        Flights { board: Mutex::new(HashTable::new()) }
    }
}

impl<K: Key, V: Value> Flights<K, V> {
    /// Joins the flight of `key`, or posts the one that `lead` makes.
    pub(crate) fn join<Q: KeyRef<K> + ?Sized>(
        &self,
        hash: u64,
        key: &Q,
        lead: impl FnOnce() -> Arc<Flight<V>>,
    ) -> Join<V> {
        // Made outside of the lock: `to_key` is the user's code.
        let owned = key.to_key();
        let mut board = self.board.lock();
        let of_key = |posted: &Posted<K, V>| posted.hash == hash && key.is(&posted.key);
        if !planted("two leaders")
            && let Some(posted) = board.find(hash, |posted| posted.stage != Stage::Doomed && of_key(posted))
        {
            return Join::Follow(Arc::clone(&posted.flight));
        }
        let stale = board.find(hash, of_key).is_some();
        let flight = lead();
        let posted = Posted { hash, key: owned, flight: Arc::clone(&flight), stage: Stage::Computing };
        board.insert_unique(hash, posted, |posted| posted.hash);
        Join::Lead { flight, stale }
    }

    /// Whether the backend may be believed about `key`, for who does not join.
    pub(crate) fn look<Q: KeyRef<K> + ?Sized>(&self, hash: u64, key: &Q) -> Look {
        let doomed =
            |posted: &Posted<K, V>| posted.stage == Stage::Doomed && posted.hash == hash && key.is(&posted.key);
        if self.board.lock().find(hash, doomed).is_some() { Look::Stale } else { Look::Fresh }
    }

    /// Runs `keep` with the key if `flight` may still be kept, while nobody can invalidate it, and takes it off the board.
    pub(crate) fn take<R>(&self, hash: u64, flight: &Arc<Flight<V>>, keep: impl FnOnce(K) -> R) -> Option<R> {
        let mut board = self.board.lock();
        let posted = board.find_entry(hash, |posted| Arc::ptr_eq(&posted.flight, flight)).ok()?;
        let (posted, _) = posted.remove();
        if posted.stage == Stage::Doomed {
            drop(board);
            return None;
        }
        Some(keep(posted.key))
    }

    /// A copy of the key of `flight`, if it may still be kept.
    pub(crate) fn key(&self, hash: u64, flight: &Arc<Flight<V>>) -> Option<K> {
        self.board.lock().find(hash, |posted| Arc::ptr_eq(&posted.flight, flight)).map(|posted| posted.key.clone())
    }

    /// As [`take`](Self::take), but the flight stays posted while its value is written to the backend.
    pub(crate) fn store<R>(&self, hash: u64, flight: &Arc<Flight<V>>, keep: impl FnOnce(&K) -> R) -> Option<R> {
        let mut board = self.board.lock();
        let posted = board.find_mut(hash, |posted| Arc::ptr_eq(&posted.flight, flight))?;
        posted.stage = Stage::Storing;
        Some(keep(&posted.key))
    }

    /// An invalidation of `key`: what is under way for it must not be kept.
    pub(crate) fn forget<Q: KeyRef<K> + ?Sized>(&self, hash: u64, key: &Q) {
        if planted("unseen invalidation") {
            return;
        }
        let forgotten = {
            let mut board = self.board.lock();
            let found = board
                .find_entry(hash, |posted| posted.stage != Stage::Doomed && posted.hash == hash && key.is(&posted.key));
            match found {
                Ok(mut posted) if posted.get().stage == Stage::Storing => {
                    posted.get_mut().stage = Stage::Doomed;
                    None
                }
                Ok(posted) => Some(posted.remove().0),
                Err(_) => None,
            }
        };
        // Its key is the user's, and so is dropped outside of the lock.
        drop(forgotten);
    }

    /// An invalidation of every key.
    pub(crate) fn forget_all(&self) {
        let mut forgotten = Vec::new();
        let mut board = self.board.lock();
        board
            .iter_mut()
            .filter(|posted| posted.stage == Stage::Storing)
            .for_each(|posted| posted.stage = Stage::Doomed);
        forgotten.extend(board.extract_if(|posted| posted.stage == Stage::Computing));
        drop(board);
        drop(forgotten);
    }
}
