//! The board of one cache: which keys are being computed, and what may still be kept of it.

use crate::flight::Flight;
use crate::key::{Key, KeyRef, Value};
use crate::sync::{Mutex, planted};
use hashbrown::HashTable;
use std::sync::Arc;

/// The computations under way in one cache, at most one per key that can still be kept.
#[derive(Debug)]
pub(crate) struct Flights<K, V> {
    board: Mutex<Board<K, V>>,
}

#[derive(Debug)]
struct Board<K, V> {
    posted: HashTable<Posted<K, V>>,
    /// Invalidations of every key that are under way.
    sweeps: usize,
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
    /// What the backend holds is stale: until the leader whose value was invalidated while it was being written has
    /// removed it again, or until an invalidation has reached the backend.
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

impl<K, V> Default for Flights<K, V> {
    fn default() -> Self {
        Flights { board: Mutex::new(Board { posted: HashTable::new(), sweeps: 0 }) }
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
            && let Some(posted) = board.posted.find(hash, |posted| posted.stage != Stage::Doomed && of_key(posted))
        {
            return Join::Follow(Arc::clone(&posted.flight));
        }
        let stale = board.is_stale(hash, key);
        let flight = lead();
        board.post(Posted { hash, key: owned, flight: Arc::clone(&flight), stage: Stage::Computing });
        Join::Lead { flight, stale }
    }

    /// Whether the backend may hold an invalidated value of `key`.
    pub(crate) fn is_stale<Q: KeyRef<K> + ?Sized>(&self, hash: u64, key: &Q) -> bool {
        self.board.lock().is_stale(hash, key)
    }

    /// Runs `keep` with the key if `flight` may still be kept, while nobody can invalidate it, and takes it off the board.
    pub(crate) fn take<R>(&self, hash: u64, flight: &Arc<Flight<V>>, keep: impl FnOnce(K) -> R) -> Option<R> {
        let mut board = self.board.lock();
        let posted = board.posted.find_entry(hash, |posted| Arc::ptr_eq(&posted.flight, flight)).ok()?;
        let (posted, _) = posted.remove();
        if posted.stage == Stage::Doomed {
            drop(board);
            return None;
        }
        Some(keep(posted.key))
    }

    /// The value of `flight` is written. Takes it off the board, unless it was invalidated meanwhile: then it stays, so
    /// that nobody asks the backend, until it is [taken](Self::take) because the value was removed again.
    pub(crate) fn settle(&self, hash: u64, flight: &Arc<Flight<V>>) -> bool {
        let settled = {
            let mut board = self.board.lock();
            let current = |posted: &Posted<K, V>| Arc::ptr_eq(&posted.flight, flight);
            match board.posted.find_entry(hash, current) {
                Ok(posted) if posted.get().stage == Stage::Doomed => return false,
                Ok(posted) => Some(posted.remove().0),
                Err(_) => None,
            }
        };
        drop(settled);
        true
    }

    /// A copy of the key of `flight`, if it may still be kept.
    pub(crate) fn key(&self, hash: u64, flight: &Arc<Flight<V>>) -> Option<K> {
        let board = self.board.lock();
        board.posted.find(hash, |posted| Arc::ptr_eq(&posted.flight, flight)).map(|posted| posted.key.clone())
    }

    /// As [`take`](Self::take), but the flight stays posted while its value is written to the backend.
    pub(crate) fn store<R>(&self, hash: u64, flight: &Arc<Flight<V>>, keep: impl FnOnce(&K) -> R) -> Option<R> {
        let mut board = self.board.lock();
        let posted = board.posted.find_mut(hash, |posted| Arc::ptr_eq(&posted.flight, flight))?;
        posted.stage = Stage::Storing;
        Some(keep(&posted.key))
    }

    /// Runs `keep`, which puts a value in place: what is under way for `key` must not be kept. If the value is to be
    /// written to the backend, `storing`, which has landed, is posted until that has ended.
    pub(crate) fn replace<R>(
        &self,
        hash: u64,
        key: K,
        storing: Option<&Arc<Flight<V>>>,
        keep: impl FnOnce(K) -> R,
    ) -> R {
        let posted = storing.map(|flight| {
            let (key, flight) = (key.clone(), Arc::clone(flight));
            Posted { hash, key, flight, stage: Stage::Storing }
        });
        let (kept, forgotten) = {
            let mut board = self.board.lock();
            let forgotten = board.forget(hash, &key);
            let kept = keep(key);
            posted.into_iter().for_each(|posted| board.post(posted));
            (kept, forgotten)
        };
        drop(forgotten);
        kept
    }

    /// An invalidation of `key`: what is under way for it must not be kept.
    pub(crate) fn forget<Q: KeyRef<K> + ?Sized>(&self, hash: u64, key: &Q) {
        let forgotten = self.board.lock().forget(hash, key);
        // Its key is the user's, and so is dropped outside of the lock.
        drop(forgotten);
    }

    /// As [`forget`](Self::forget), and until the result is dropped the backend is not asked for `key`:
    /// who reads there before the invalidation has arrived would keep what it is about to remove.
    pub(crate) fn invalidate<Q: KeyRef<K> + ?Sized>(&self, hash: u64, key: &Q) -> Invalidation<'_, K, V> {
        let mark = Flight::by_task();
        let posted = Posted { hash, key: key.to_key(), flight: Arc::clone(&mark), stage: Stage::Doomed };
        let forgotten = {
            let mut board = self.board.lock();
            let forgotten = board.forget(hash, key);
            board.post(posted);
            forgotten
        };
        drop(forgotten);
        Invalidation { flights: self, mark: Some((hash, mark)) }
    }

    /// An invalidation of every key.
    pub(crate) fn forget_all(&self) {
        let forgotten = self.board.lock().forget_all();
        drop(forgotten);
    }

    /// As [`invalidate`](Self::invalidate) for every key.
    pub(crate) fn invalidate_all(&self) -> Invalidation<'_, K, V> {
        let forgotten = {
            let mut board = self.board.lock();
            board.sweeps += 1;
            board.forget_all()
        };
        drop(forgotten);
        Invalidation { flights: self, mark: None }
    }
}

/// An invalidation on its way to the backend.
#[derive(Debug)]
#[must_use]
pub(crate) struct Invalidation<'a, K: Key, V: Value> {
    flights: &'a Flights<K, V>,
    /// What is posted for its key; none if it is of every key.
    mark: Option<(u64, Arc<Flight<V>>)>,
}

impl<K: Key, V: Value> Drop for Invalidation<'_, K, V> {
    fn drop(&mut self) {
        match &self.mark {
            Some((hash, mark)) => _ = self.flights.take(*hash, mark, |_| ()),
            None => self.flights.board.lock().sweeps -= 1,
        }
    }
}

impl<K: Key, V: Value> Board<K, V> {
    fn post(&mut self, posted: Posted<K, V>) {
        self.posted.insert_unique(posted.hash, posted, |posted| posted.hash);
    }

    fn is_stale<Q: KeyRef<K> + ?Sized>(&self, hash: u64, key: &Q) -> bool {
        let doomed =
            |posted: &Posted<K, V>| posted.stage == Stage::Doomed && posted.hash == hash && key.is(&posted.key);
        self.sweeps > 0 || self.posted.find(hash, doomed).is_some()
    }

    /// Takes the computation of `key` off the board, or dooms the writing of its value.
    fn forget<Q: KeyRef<K> + ?Sized>(&mut self, hash: u64, key: &Q) -> Option<Posted<K, V>> {
        if planted("unseen invalidation") {
            return None;
        }
        let current =
            |posted: &Posted<K, V>| posted.stage != Stage::Doomed && posted.hash == hash && key.is(&posted.key);
        let mut posted = self.posted.find_entry(hash, current).ok()?;
        if posted.get().stage == Stage::Storing {
            posted.get_mut().stage = Stage::Doomed;
            return None;
        }
        Some(posted.remove().0)
    }

    fn forget_all(&mut self) -> Vec<Posted<K, V>> {
        if planted("unseen invalidation") {
            return Vec::new();
        }
        let storing = self.posted.iter_mut().filter(|posted| posted.stage == Stage::Storing);
        storing.for_each(|posted| posted.stage = Stage::Doomed);
        self.posted.extract_if(|posted| posted.stage == Stage::Computing).collect()
    }
}
