//! The database of a place as it comes and goes: opened when first used, opened again when it was missing, locked,
//! damaged, deleted or replaced.

use super::connect::{explain, is_damage};
use super::database::Database;
use super::path::{Identity, Place};
use super::quarantine::Turn;
use super::watch::Watchers;
use super::words::Words;
use super::{CHECKED, PATIENCE};
use memolith_core::{Error, ErrorKind, Result};
use parking_lot::RwLock;
use rusqlite::ErrorCode;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// After a failure the file is opened again no sooner.
const BACKOFF: Duration = Duration::from_secs(1);

/// What all handles on one place share.
#[derive(Debug)]
pub(super) struct Store {
    place: Place,
    state: RwLock<State>,
    origin: Instant,
    /// When the path was last looked at, in microseconds since the origin.
    checked: AtomicU64,
    pub(super) watchers: Watchers,
}

#[derive(Debug, Default)]
struct State {
    database: Option<Kept>,
    /// Why there is no database, and when it was last tried.
    failure: Option<(ErrorKind, String)>,
    tried: Option<Instant>,
}

/// A database that is open. One inherited by a forked process stays so for good: closing it would undo what the parent
/// has under way, or wait for locks of threads that were not inherited.
#[derive(Debug)]
struct Kept(Arc<Database>);

impl Drop for Kept {
    fn drop(&mut self) {
        if self.0.source().not_forked().is_err() {
            std::mem::forget(self.0.clone());
        }
    }
}

impl State {
    fn open(&self) -> Option<&Arc<Database>> {
        self.database.as_ref().map(|kept| &kept.0)
    }
}

impl Store {
    pub(super) fn place(&self) -> &Place {
        &self.place
    }

    pub(super) fn new(place: Place) -> Self {
        Store {
            place,
            state: RwLock::default(),
            origin: Instant::now(),
            checked: AtomicU64::new(0),
            watchers: Watchers::default(),
        }
    }

    /// Runs `work` on the database, opened if need be; says what its failure means, and does what it demands.
    pub(super) fn with<T>(&self, work: impl FnOnce(&Database, Instant) -> rusqlite::Result<T>) -> Result<T> {
        let at = Instant::now();
        let database = self.database(at)?;
        work(&database, at).map_err(|error| self.failed(&database, error))
    }

    /// The database if it is open now.
    pub(super) fn open_now(&self) -> Option<Arc<Database>> {
        self.state.try_read_for(PATIENCE)?.open().cloned()
    }

    /// The database, opened if it is not, or no longer, there.
    pub(super) fn database(&self, at: Instant) -> Result<Arc<Database>> {
        let busy = || Error::new(ErrorKind::Busy, "another thread is opening the database, try again");
        let open = self.state.try_read_for(PATIENCE).ok_or_else(busy)?.open().cloned();
        if let Some(database) = open
            && (!self.is_check_due(at) || database.source().is_in_place())
        {
            return Ok(database);
        }
        let mut state = self.state.try_write_for(PATIENCE).ok_or_else(busy)?;
        if let Some(database) = state.open() {
            if database.source().is_in_place() {
                return Ok(database.clone());
            }
            // Whoever deleted or replaced the file wanted its entries gone.
            self.watchers.forget();
            state.database = None;
            state.tried = None;
        }
        let opened = self.reopen(&mut state, at)?;
        // They are foreign code.
        drop(state);
        self.watchers.follow(opened.words());
        Ok(opened)
    }

    fn reopen(&self, state: &mut State, at: Instant) -> Result<Arc<Database>> {
        if let (Some(tried), Some((kind, message))) = (state.tried, &state.failure)
            && at.saturating_duration_since(tried) < BACKOFF
        {
            return Err(Error::new(*kind, message.clone()));
        }
        state.tried = Some(at);
        let before = self.place.identity();
        match self.open() {
            Ok(database) => {
                let database = Arc::new(database);
                state.database = Some(Kept(database.clone()));
                state.failure = None;
                Ok(database)
            }
            Err(error) => {
                if error.kind() == ErrorKind::Damaged && self.place.identity() != before {
                    // Set aside: the next call makes a new file.
                    state.tried = None;
                }
                state.failure = Some((error.kind(), error.to_string()));
                Err(error)
            }
        }
    }

    fn open(&self) -> Result<Database> {
        self.place.check()?;
        let Place::File(path) = &self.place else {
            return Database::open((&self.place, Words::default())).map_err(explain);
        };
        let turn = Turn::wait(path).map_err(explain)?;
        turn.make(path).map_err(|error| {
            Error::new(ErrorKind::Unavailable, "the database cannot be made, check its directory").with_source(error)
        })?;
        let identity = self.place.identity();
        Database::open((&self.place, turn.words(path))).map_err(|error| {
            if is_damage(&error) { self.set_aside((path, identity), &turn, error) } else { explain(error) }
        })
    }

    fn failed(&self, database: &Arc<Database>, error: rusqlite::Error) -> Error {
        // A fork reads without the locks it takes for its own: what it meets says nothing about the file.
        if let Err(forked) = database.source().not_forked() {
            return explain(forked);
        }
        if is_damage(&error) {
            self.close(database, Duration::ZERO);
            let Place::File(path) = &self.place else { return explain(error) };
            return match Turn::wait(path) {
                Ok(turn) => self.set_aside((path, database.source().identity()), &turn, error),
                Err(busy) => explain(busy),
            };
        }
        // A connection that found the file read-only stays so, and one that met an I/O error may stay broken.
        let lasting = matches!(
            error.sqlite_error_code(),
            Some(ErrorCode::ReadOnly | ErrorCode::SystemIoFailure | ErrorCode::CannotOpen)
        );
        if lasting && self.place != Place::Memory {
            self.close(database, BACKOFF);
        }
        explain(error)
    }

    fn set_aside(&self, (path, damaged): (&Path, Option<Identity>), turn: &Turn, error: rusqlite::Error) -> Error {
        let aside = turn.set_aside(path, damaged);
        // What was in it is gone for everybody; whatever takes its place counts its generations anew.
        self.watchers.forget();
        warned(path, aside, error)
    }

    /// Lets go of `database`, unless another took its place or it is not open for as long as `least`.
    fn close(&self, database: &Arc<Database>, least: Duration) {
        let Some(mut state) = self.state.try_write_for(PATIENCE) else { return };
        let ours = state.open().is_some_and(|open| Arc::ptr_eq(open, database));
        if ours && state.tried.is_none_or(|tried| tried.elapsed() >= least) {
            state.database = None;
            state.failure = None;
        }
    }

    fn is_check_due(&self, at: Instant) -> bool {
        let micros = at.saturating_duration_since(self.origin).as_micros() as u64;
        let checked = self.checked.load(Relaxed);
        // One of those who find it due does it.
        micros.saturating_sub(checked) >= CHECKED.as_micros() as u64
            && self.checked.compare_exchange(checked, micros, Relaxed, Relaxed).is_ok()
    }
}

/// The one warning: what was damaged and where it is now.
fn warned(path: &Path, aside: std::io::Result<Option<PathBuf>>, error: rusqlite::Error) -> Error {
    let message = match aside {
        Ok(Some(aside)) => {
            format!("the database was damaged and set aside as {}, a new one takes its place", aside.display())
        }
        Ok(None) => "the database was damaged and has been set aside by another process".into(),
        Err(error) => {
            format!("the database {} is damaged and cannot be set aside ({error}), delete it", path.display())
        }
    };
    #[cfg(feature = "tracing")]
    tracing::warn!(error = %error, "{message}");
    Error::new(ErrorKind::Damaged, message).with_source(error)
}

#[cfg(test)]
mod tests;
