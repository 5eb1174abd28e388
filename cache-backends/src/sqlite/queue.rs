//! Group commit: whoever finds no one committing commits for all who came meanwhile.

use super::connect::failure;
use super::writer::{Made, Put};
use memolith_core::{Record, Space, Timestamp};
use parking_lot::{Condvar, Mutex};
use rusqlite::{ErrorCode, ffi};
use std::collections::HashMap;

/// Puts that wait for the commit under way.
#[derive(Debug, Default)]
pub(super) struct Queue {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: Vec<(u64, Copied)>,
    done: HashMap<u64, rusqlite::Result<Made>>,
    tickets: u64,
    leading: bool,
    /// How many the last commit was for.
    crowd: usize,
}

/// A put that waits, and so cannot borrow.
#[derive(Debug)]
struct Copied {
    space: Space,
    entries: Vec<(Vec<u8>, Record)>,
    now: Timestamp,
}

impl Queue {
    /// Returns when `put` is committed, by this thread through `commit` or by another one.
    pub(super) fn put(
        &self,
        put: Put<'_>,
        commit: impl Fn(&[Put<'_>]) -> Vec<rusqlite::Result<Made>>,
    ) -> rusqlite::Result<Made> {
        let mut state = self.state.lock();
        if !state.leading && state.waiting.is_empty() && state.crowd <= 1 {
            // Alone: nothing is copied.
            state.leading = true;
            drop(state);
            let leader = Leader { queue: self, crowd: 1 };
            let result = commit(&[put]).pop();
            drop(leader);
            return result.unwrap_or_else(lost);
        }
        state.tickets += 1;
        let ticket = state.tickets;
        state.waiting.push((ticket, Copied::from(put)));
        loop {
            if let Some(result) = state.done.remove(&ticket) {
                return result;
            }
            if state.leading {
                self.changed.wait(&mut state);
                continue;
            }
            if !state.waiting.iter().any(|(waiting, _)| *waiting == ticket) {
                // Whoever took it ended without a result.
                return lost();
            }
            state.leading = true;
            drop(state);
            // Others were here a moment ago: this lets them queue.
            std::thread::yield_now();
            let batch = std::mem::take(&mut self.state.lock().waiting);
            let leader = Leader { queue: self, crowd: batch.len() };
            let entries: Vec<Vec<(&[u8], &Record)>> = batch.iter().map(|(_, copied)| copied.entries()).collect();
            let puts = batch.iter().zip(&entries).map(|((_, copied), entries)| copied.put(entries));
            let results = commit(&puts.collect::<Vec<_>>());
            self.state.lock().done.extend(batch.iter().map(|(ticket, _)| *ticket).zip(results));
            drop(leader);
            state = self.state.lock();
        }
    }
}

/// Leading ends also when committing panics: nobody is left waiting.
struct Leader<'a> {
    queue: &'a Queue,
    crowd: usize,
}

impl Drop for Leader<'_> {
    fn drop(&mut self) {
        let mut state = self.queue.state.lock();
        state.leading = false;
        state.crowd = self.crowd;
        if self.crowd > 1 || !state.waiting.is_empty() {
            self.queue.changed.notify_all();
        }
    }
}

impl Copied {
    fn from(put: Put<'_>) -> Self {
        let entries = put.entries.iter().map(|(key, record)| (key.to_vec(), (*record).clone())).collect();
        Copied { space: put.space.clone(), entries, now: put.now }
    }

    fn entries(&self) -> Vec<(&[u8], &Record)> {
        self.entries.iter().map(|(key, record)| (key.as_slice(), record)).collect()
    }

    fn put<'a>(&'a self, entries: &'a [(&'a [u8], &'a Record)]) -> Put<'a> {
        Put { space: &self.space, entries, now: self.now }
    }
}

/// Commits puts that cannot be committed together; whoever comes after one that found the file held gets its answer.
pub(super) fn one_by_one(
    puts: &[Put<'_>],
    mut commit: impl FnMut(Put<'_>) -> rusqlite::Result<Made>,
) -> Vec<rusqlite::Result<Made>> {
    let mut results: Vec<rusqlite::Result<Made>> = vec![];
    for put in puts {
        let result = match results.last() {
            Some(Err(error)) if is_busy(error) => Err(again(error)),
            _ => commit(*put),
        };
        results.push(result);
    }
    results
}

/// Whether somebody else holds the file.
pub(super) fn is_busy(error: &rusqlite::Error) -> bool {
    error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy)
}

/// The same error for another one who waited.
pub(super) fn again(error: &rusqlite::Error) -> rusqlite::Error {
    match error {
        rusqlite::Error::SqliteFailure(error, message) => rusqlite::Error::SqliteFailure(*error, message.clone()),
        other => failure(ffi::SQLITE_ERROR, &other.to_string()),
    }
}

/// Every put has a result.
fn lost() -> rusqlite::Result<Made> {
    Err(failure(ffi::SQLITE_INTERNAL, "a put was not committed"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::cell::Cell;

    /// Each waits for a lock as long as a caller should wait at all: the others get the answer of the first.
    #[test]
    fn a_held_file_is_waited_for_once() {
        let space = Space::new("one");
        let puts = [Put { space: &space, entries: &[], now: Timestamp::NEVER }; 4];
        let asked = Cell::new(0);
        let answers = [ffi::SQLITE_OK, ffi::SQLITE_TOOBIG, ffi::SQLITE_BUSY, ffi::SQLITE_OK];
        let results = one_by_one(&puts, |_| match answers[asked.replace(asked.get() + 1)] {
            ffi::SQLITE_OK => Ok(Made::default()),
            code => Err(failure(code, "as told")),
        });
        assert_eq!(asked.get(), 3, "puts that were tried");
        let codes = results.iter().map(|result| result.as_ref().err().and_then(rusqlite::Error::sqlite_error_code));
        let busy = Some(ErrorCode::DatabaseBusy);
        assert_eq!(codes.collect::<Vec<_>>(), [None, Some(ErrorCode::TooBig), busy, busy]);
    }
}
