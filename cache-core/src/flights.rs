//! The board of one cache: which keys are being computed, and what may still be kept of it.

mod board;

use crate::flight::Flight;
use crate::key::{Key, KeyRef, Value};
use crate::lock::Lock;
use crate::stale::Basis;
use crate::sync::{AtomicBool, AtomicU64, planted};
use crate::waits::{Ticket, thread};
use board::{Board, Posted, Stage};
use std::sync::Arc;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// Parts of the board, so that threads that miss on different keys rarely meet.
const PARTS: usize = 16;

/// The computations under way in one cache, at most one per key that can still be kept.
#[derive(Debug)]
pub(crate) struct Flights<K, V> {
    parts: Box<[Part<K, V>; PARTS]>,
    /// Invalidations of every key that are under way. Raised before the parts are gone through: who locks one after
    /// that sees it, and who came before is told by what is done to it.
    sweeps: AtomicU64,
}

/// One cache line at least, which no other part shares.
#[derive(Debug)]
#[repr(align(64))]
struct Part<K, V> {
    board: Lock<Board<K, V>>,
    /// Whether anything is posted there; written under its lock.
    busy: AtomicBool,
}

impl<K, V> Part<K, V> {
    /// To be called with the lock held, after anything was posted or taken off.
    #[inline]
    fn note(&self, board: &Board<K, V>) {
        // Pairs with the Acquire in `is_quiet`.
        self.busy.store(!board.is_empty(), Release);
    }
}

/// Who would compute.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Caller {
    Thread,
    Task,
}

/// What a caller who misses is to do.
#[derive(Debug)]
pub(crate) enum Join<V> {
    /// Compute.
    Lead(Lead<V>),
    /// Wait.
    Follow(Arc<Flight<V>>),
}

/// What was posted for a caller who computes.
#[derive(Debug)]
pub(crate) struct Lead<V> {
    pub(crate) ticket: Ticket,
    /// Of a task alone: a thread's is made when somebody follows.
    pub(crate) flight: Option<Arc<Flight<V>>>,
    /// The backend may hold an invalidated value of this key and must not be asked.
    pub(crate) stale: bool,
    /// Somebody else may have put the value into memory since this thread has looked there.
    pub(crate) late: bool,
}

/// The flight of a computation that is off the board, if there is one: it ends without a value unless it is landed.
#[derive(Debug)]
#[must_use]
pub(crate) struct Landing<V: Value>(Option<Arc<Flight<V>>>);

impl<V: Value> Landing<V> {
    /// Gives the value to those who follow; it is copied only for them.
    #[inline]
    pub(crate) fn land(self, value: &V) {
        if let Some(flight) = self.0.as_ref().filter(|flight| Arc::strong_count(flight) > 1) {
            flight.land(value.clone());
        }
    }
}

impl<V: Value> Drop for Landing<V> {
    #[inline]
    fn drop(&mut self) {
        if let Some(flight) = &self.0 {
            flight.give_up();
        }
    }
}

impl<K, V> Default for Flights<K, V> {
    fn default() -> Self {
        let part = || Part { board: Lock::new(Board::default()), busy: AtomicBool::new(false) };
        Flights { parts: Box::new(std::array::from_fn(|_| part())), sweeps: AtomicU64::new(0) }
    }
}

impl<K, V> Flights<K, V> {
    #[inline]
    fn part(&self, hash: u64) -> &Part<K, V> {
        // Not the bits by which the tables choose a place.
        &self.parts[(hash >> 40) as usize % PARTS]
    }

    #[inline]
    fn board(&self, hash: u64) -> &Lock<Board<K, V>> {
        &self.part(hash).board
    }

    /// Whether nothing is posted that a key of this hash could be, and so nothing that its backend holds of it is stale.
    #[inline]
    pub(crate) fn is_quiet(&self, hash: u64) -> bool {
        // Pairs with the Release in `note`: who was told of an invalidation sees what it has posted or doomed.
        !self.part(hash).busy.load(Acquire) && !self.sweeping()
    }

    fn sweeping(&self) -> bool {
        // Pairs with the Release in `Invalidation::drop`: who asks the backend after that finds nothing stale there.
        self.sweeps.load(Acquire) > 0
    }
}

impl<K: Key, V: Value> Flights<K, V> {
    /// Joins the computation of `key`, or posts that of the caller.
    pub(crate) fn join<Q: KeyRef<K> + ?Sized>(&self, hash: u64, key: &Q, caller: Caller) -> Join<V> {
        // Made outside of the lock: `to_key` is the user's code.
        let owned = key.to_key();
        let part = self.part(hash);
        let mut board = part.board.lock();
        let mut stale = self.sweeping();
        // Most boards are empty most of the time.
        if !board.is_empty() {
            if !planted("two leaders")
                && let Some(posted) = board.current(hash, key)
            {
                return Join::Follow(posted.flight());
            }
            stale |= board.is_doomed(hash, key);
        }
        let (ticket, flight) = match caller {
            Caller::Thread => (Ticket::by_thread(), None),
            Caller::Task => {
                let flight = Flight::by_task();
                (flight.ticket(), Some(flight))
            }
        };
        // What this thread has put there last it has put there before it looked, and what others did before that.
        let late = !planted("no second look") && board.landed != 0 && board.landed != ticket.thread();
        let (posted, stage, basis) = (flight.clone(), Stage::Computing, Basis::Read);
        board.post_with(|| Posted { hash, key: owned, ticket, flight: posted, stage, basis });
        // As `note` does.
        part.busy.store(true, Release);
        Join::Lead(Lead { ticket, flight, stale, late })
    }

    /// Who computes `key` at this moment, or writes its value.
    pub(crate) fn current<Q: KeyRef<K> + ?Sized>(&self, hash: u64, key: &Q) -> Option<Arc<Flight<V>>> {
        self.board(hash).lock().current(hash, key).map(Posted::flight)
    }

    /// Posts a computation by this caller whose value will take the place of what is there by then.
    pub(crate) fn post_replacing(&self, hash: u64, key: K) -> Lead<V> {
        let flight = Flight::by_task();
        let ticket = flight.ticket();
        let mut board = self.board(hash).lock();
        let (stage, basis) = (Stage::Replacing, Basis::Own);
        board.post(Posted { hash, key, ticket, flight: Some(Arc::clone(&flight)), stage, basis });
        self.part(hash).note(&board);
        Lead { ticket, flight: Some(flight), stale: false, late: false }
    }

    /// What `ticket` has written may be what others have removed meanwhile.
    pub(crate) fn doom(&self, hash: u64, ticket: Ticket) {
        if let Some(posted) = self.board(hash).lock().of(hash, ticket) {
            posted.forget();
        }
    }

    /// From now on the value of `ticket` is to come from there.
    pub(crate) fn rely(&self, hash: u64, ticket: Ticket, basis: Basis) {
        if let Some(posted) = self.board(hash).lock().of(hash, ticket) {
            posted.basis = basis;
        }
    }

    /// Posts that this caller has an old value of `key` at hand, or is about to, and keeps none itself.
    pub(crate) fn post_reading(&self, hash: u64, key: K) -> Ticket {
        let ticket = Ticket::by_task();
        let mut board = self.board(hash).lock();
        let (stage, basis) = (Stage::Reading, Basis::Read);
        board.post(Posted { hash, key, ticket, flight: None, stage, basis });
        self.part(hash).note(&board);
        ticket
    }

    /// Whether nothing was invalidated since `ticket` was posted that its old value may be.
    pub(crate) fn may_serve(&self, hash: u64, ticket: Ticket) -> bool {
        self.board(hash).lock().of(hash, ticket).is_some_and(|posted| posted.stage == Stage::Reading)
    }

    /// Whether the backend may hold an invalidated value of `key`.
    pub(crate) fn is_stale<Q: KeyRef<K> + ?Sized>(&self, hash: u64, key: &Q) -> bool {
        self.board(hash).lock().is_doomed(hash, key) || self.sweeping()
    }

    /// Takes a computation off the board. Runs `keep` with its key if the value may still be kept, while nobody can
    /// invalidate it.
    #[inline]
    pub(crate) fn take(&self, hash: u64, ticket: Ticket, keep: impl FnOnce(K)) -> Landing<V> {
        self.take_off(hash, ticket, |board, key| {
            board.landed = thread();
            keep(key);
        })
    }

    /// Takes a computation off the board whose value is kept nowhere.
    pub(crate) fn discard(&self, hash: u64, ticket: Ticket) -> Landing<V> {
        let mut _key = None;
        // Nothing lands: who has looked for another key before one did is to look again.
        self.take_off(hash, ticket, |_, key| _key = Some(key))
    }

    #[inline]
    fn take_off(&self, hash: u64, ticket: Ticket, keep: impl FnOnce(&mut Board<K, V>, K)) -> Landing<V> {
        // Both live longer than the lock, also when `keep` panics.
        let mut landing = Landing(None);
        let mut _unkept = None;
        let mut board = self.board(hash).lock();
        let Some(Posted { key, flight, stage, .. }) = board.remove(hash, ticket) else { return landing };
        self.part(hash).note(&board);
        landing.0 = flight;
        match stage {
            Stage::Computing | Stage::Storing => keep(&mut board, key),
            Stage::Replacing => {
                board.supersede(hash, &key);
                keep(&mut board, key);
            }
            Stage::Reading | Stage::Forgotten | Stage::Doomed | Stage::Superseded => _unkept = Some(key),
        }
        drop(board);
        landing
    }

    /// The value of `ticket` is written. Takes it off the board, unless it was invalidated meanwhile: then it stays, so
    /// that nobody asks the backend, until it is [taken](Self::take) because the value was removed again.
    pub(crate) fn settle(&self, hash: u64, ticket: Ticket) -> bool {
        let mut board = self.board(hash).lock();
        if board.of(hash, ticket).is_some_and(|posted| posted.stage.is_doomed()) {
            return false;
        }
        let settled = board.remove(hash, ticket);
        self.part(hash).note(&board);
        drop(board);
        drop(settled);
        true
    }

    /// Whether the value of `ticket` is being written, and was not invalidated meanwhile.
    pub(crate) fn is_storing(&self, hash: u64, ticket: Ticket) -> bool {
        self.board(hash).lock().of(hash, ticket).is_some_and(|posted| posted.stage == Stage::Storing)
    }

    /// Whether another value was put in place since that of `ticket` was.
    pub(crate) fn is_superseded(&self, hash: u64, ticket: Ticket) -> bool {
        self.board(hash).lock().of(hash, ticket).is_some_and(|posted| posted.stage == Stage::Superseded)
    }

    /// Whether a value of `key` is being computed or written.
    pub(crate) fn is_posted<Q: KeyRef<K> + ?Sized>(&self, hash: u64, key: &Q) -> bool {
        self.board(hash).lock().current(hash, key).is_some()
    }

    /// A copy of the key of `ticket`, if its value may still be kept.
    pub(crate) fn key(&self, hash: u64, ticket: Ticket) -> Option<K> {
        let mut board = self.board(hash).lock();
        let posted = board.of(hash, ticket);
        let kept = posted.filter(|posted| matches!(posted.stage, Stage::Computing | Stage::Replacing));
        kept.map(|posted| posted.key.clone())
    }

    /// Runs `keep`, which puts an old value of the key of `ticket` in place, unless that was invalidated meanwhile.
    pub(crate) fn keep(&self, hash: u64, ticket: Ticket, keep: impl FnOnce()) {
        let mut board = self.board(hash).lock();
        if board.of(hash, ticket).is_some_and(|posted| posted.stage == Stage::Computing) {
            board.landed = thread();
            keep();
        }
    }

    /// Whether the key of `ticket` was invalidated while it was computed, by `ticket` or by one before that goes on.
    pub(crate) fn is_forgotten(&self, hash: u64, ticket: Ticket) -> bool {
        // Outlives the lock.
        let key;
        let mut board = self.board(hash).lock();
        // One that is off the board was taken over, which says nothing about its key.
        let Some(posted) = board.of(hash, ticket) else { return false };
        key = posted.key.clone();
        board.is_forgotten(hash, &key)
    }

    /// The flight of `ticket`, for a leader that needs one before anybody follows.
    pub(crate) fn flight(&self, hash: u64, ticket: Ticket) -> Option<Arc<Flight<V>>> {
        self.board(hash).lock().of(hash, ticket).map(Posted::flight)
    }

    /// As [`take`](Self::take), but the computation stays posted while its value is written to the backend; its flight
    /// is to be landed. None if the value may not be kept any more.
    pub(crate) fn store<R>(
        &self,
        hash: u64,
        ticket: Ticket,
        keep: impl FnOnce(&K) -> R,
    ) -> Option<(R, Arc<Flight<V>>)> {
        // Outlives the lock.
        let key;
        let mut board = self.board(hash).lock();
        match board.of(hash, ticket)? {
            Posted { stage: Stage::Computing, .. } => {}
            posted @ Posted { stage: Stage::Replacing, .. } => {
                key = posted.key.clone();
                board.supersede(hash, &key);
                board.mark_superseded(hash, &key);
            }
            _ => return None,
        }
        board.landed = thread();
        let posted = board.of(hash, ticket)?;
        posted.stage = Stage::Storing;
        let flight = posted.flight();
        Some((keep(&posted.key), flight))
    }

    /// Runs `keep`, which puts a value in place: what is under way for `key` must not be kept. If the value is to be
    /// written to the backend, `storing`, which has landed, is posted until that has ended.
    pub(crate) fn replace(&self, hash: u64, key: K, storing: Option<&Arc<Flight<V>>>, keep: impl FnOnce(K)) {
        let posted = storing.map(|flight| {
            let (key, ticket, flight) = (key.clone(), flight.ticket(), Some(Arc::clone(flight)));
            Posted { hash, key, ticket, flight, stage: Stage::Storing, basis: Basis::Own }
        });
        let mut board = self.board(hash).lock();
        board.replace(hash, &key);
        board.landed = thread();
        keep(key);
        posted.into_iter().for_each(|posted| board.post(posted));
        self.part(hash).note(&board);
    }

    /// An invalidation of `key`: what is under way for it must not be kept.
    pub(crate) fn forget<Q: KeyRef<K> + ?Sized>(&self, hash: u64, key: &Q) {
        self.board(hash).lock().forget(hash, key);
    }

    /// As [`forget`](Self::forget), and until the result is dropped the backend is not asked for `key`:
    /// who reads there before the invalidation has arrived would keep what it is about to remove.
    pub(crate) fn invalidate<Q: KeyRef<K> + ?Sized>(self: &Arc<Self>, hash: u64, key: &Q) -> Invalidation<K, V> {
        let mark = Ticket::by_task();
        let (stage, basis) = (Stage::Doomed, Basis::Own);
        let posted = Posted { hash, key: key.to_key(), ticket: mark, flight: None, stage, basis };
        let mut board = self.board(hash).lock();
        board.forget(hash, key);
        board.post(posted);
        self.part(hash).note(&board);
        drop(board);
        Invalidation { flights: Arc::clone(self), mark: Some((hash, mark)) }
    }

    /// An invalidation of every key.
    pub(crate) fn forget_all(&self) {
        self.parts.iter().for_each(|part| part.board.lock().forget_all());
    }

    /// As [`forget_all`](Self::forget_all) for what was read, because others have taken something back. Who was just
    /// putting it in place has done so when this returns, and who comes after that finds it forgotten.
    pub(crate) fn forget_reads(&self) {
        self.parts.iter().for_each(|part| part.board.lock().forget_reads());
    }

    /// As [`invalidate`](Self::invalidate) for every key.
    pub(crate) fn invalidate_all(self: &Arc<Self>) -> Invalidation<K, V> {
        // The locks that follow order it.
        self.sweeps.fetch_add(1, Relaxed);
        let invalidation = Invalidation { flights: Arc::clone(self), mark: None };
        self.forget_all();
        invalidation
    }
}

/// An invalidation on its way to the backend, which may go on when the call that began it was cancelled.
#[derive(Debug)]
#[must_use]
pub(crate) struct Invalidation<K: Key, V: Value> {
    flights: Arc<Flights<K, V>>,
    /// What is posted for its key; none if it is of every key.
    mark: Option<(u64, Ticket)>,
}

impl<K: Key, V: Value> Drop for Invalidation<K, V> {
    fn drop(&mut self) {
        match self.mark {
            Some((hash, mark)) => drop(self.flights.discard(hash, mark)),
            None => _ = self.flights.sweeps.fetch_sub(1, Release),
        }
    }
}
