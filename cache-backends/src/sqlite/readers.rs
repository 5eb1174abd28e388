//! Connections that keep their read transaction: most of a lookup's price is beginning and ending one.
//!
//! A transaction is renewed when this process has committed since, so that own writes are seen at once, when another has
//! removed something, so that nobody reads it who has heard of that, and when it is older than [`AGE`], so that foreign
//! puts are seen soon. Idle ones are ended by the tick, and all of them by the
//! writer when the log has grown: a transaction that stays keeps the log from being reset.

use super::PATIENCE;
use super::connect::{Source, failure};
use super::words::Words;
use parking_lot::{Mutex, MutexGuard};
use rusqlite::{Connection, ffi};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::*};
use std::time::{Duration, Instant};

/// How old a foreign commit may be before it is seen.
pub(super) const AGE: Duration = Duration::from_millis(5);

/// Connections at most: more readers than cores do not read more.
const MOST: usize = 8;

/// How long the writer waits for a reader of this process to finish what it reads.
const HELD: Duration = Duration::from_millis(50);

/// A pool with a place for each thread.
#[derive(Debug)]
pub(super) struct Readers {
    source: Arc<Source>,
    slots: Vec<Mutex<Reader>>,
    /// Moves after each commit of this process.
    commits: AtomicU64,
    words: Words,
}

/// A connection, made at its first use.
#[derive(Debug, Default)]
pub(super) struct Reader {
    connection: Option<Connection>,
    /// When the transaction began and what had been committed by then; none when there is no transaction.
    began: Option<(Instant, u64)>,
}

/// The number of this thread, for choosing a place.
pub(super) fn thread_number() -> usize {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    thread_local! { static NUMBER: usize = COUNT.fetch_add(1, Relaxed) }
    // A thread that is ending has no number any more, and shares the first place.
    NUMBER.try_with(|number| *number).unwrap_or(0)
}

impl Readers {
    pub(super) fn new(source: Arc<Source>, words: Words) -> Self {
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        let slots = (0..cores.min(MOST)).map(|_| Mutex::default()).collect();
        Readers { source, slots, commits: AtomicU64::new(0), words }
    }

    pub(super) fn len(&self) -> usize {
        self.slots.len()
    }

    /// Runs `work` in a transaction that is fresh enough at `at`.
    pub(super) fn read<T>(
        &self,
        at: Instant,
        work: impl FnOnce(&Connection) -> rusqlite::Result<T>,
    ) -> rusqlite::Result<T> {
        let slot = &self.slots[thread_number() % self.slots.len()];
        let busy = || failure(ffi::SQLITE_BUSY, "every reader is in use");
        let mut reader = slot.try_lock_for(PATIENCE).ok_or_else(busy)?;
        // Pairs with the release after a commit: what is seen as committed is in a transaction begun from now on.
        let commits = self.commits.load(Acquire).wrapping_add(self.words.removals());
        let fresh = |(began, seen): (Instant, u64)| seen == commits && at.saturating_duration_since(began) < AGE;
        if !reader.began.is_some_and(fresh) {
            // Not asked at each get: it is a call of the system.
            self.source.not_forked()?;
            reader.end();
            reader.begin(&self.source, (at, commits))?;
        }
        let result = match &reader.connection {
            Some(connection) => work(connection),
            None => Err(failure(ffi::SQLITE_MISUSE, "a transaction has a connection")),
        };
        if result.is_err() {
            reader.end();
        }
        result
    }

    /// From now on every reader begins anew.
    pub(super) fn committed(&self) {
        self.commits.fetch_add(1, Release);
    }

    /// Ends transactions older than [`AGE`]. Says whether any is left.
    pub(super) fn end_idle(&self, at: Instant) -> bool {
        let mut left = false;
        for slot in &self.slots {
            match slot.try_lock() {
                Some(mut reader) => match reader.began {
                    Some((began, _)) if at.saturating_duration_since(began) < AGE => left = true,
                    _ => reader.end(),
                },
                None => left = true,
            }
        }
        left
    }

    /// Ends every transaction, and keeps new ones from beginning while the guards live.
    pub(super) fn hold(&self) -> Vec<MutexGuard<'_, Reader>> {
        let mut held: Vec<_> = self.slots.iter().filter_map(|slot| slot.try_lock_for(HELD)).collect();
        held.iter_mut().for_each(|reader| reader.end());
        held
    }
}

impl Reader {
    fn begin(&mut self, source: &Source, began: (Instant, u64)) -> rusqlite::Result<()> {
        let connection = match self.connection.take() {
            Some(connection) => connection,
            None => source.reader()?,
        };
        connection.prepare_cached("BEGIN")?.execute([])?;
        self.connection = Some(connection);
        self.began = Some(began);
        Ok(())
    }

    fn end(&mut self) {
        let (Some(connection), Some(_)) = (&self.connection, self.began.take()) else { return };
        let ended = connection.prepare_cached("COMMIT").and_then(|mut commit| commit.execute([]));
        if ended.is_err() && !connection.is_autocommit() {
            // A connection whose transaction cannot be ended would keep the log for ever.
            self.connection = None;
        }
    }
}
