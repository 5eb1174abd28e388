//! fjall: a log-structured merge tree, for one process at a time.

use super::{Shape, Store};
use fjall::{Database, Keyspace, KeyspaceCreateOptions, UserValue};
use memolith::Record;
use std::path::Path;

/// A tree at its defaults. Part of its work is done by threads of its own.
pub struct Fjall {
    // Closed last: the tree writes to its journal.
    tree: Keyspace,
    _database: Database,
}

/// What becomes of a put before it returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Journal {
    /// The system has it, as is the default.
    Written,
    /// It stays in a buffer of the process.
    Buffered,
}

const FITS: &str = "the disk has room";

impl Fjall {
    /// A tree at `place`.
    ///
    /// # Panics
    ///
    /// If fjall fails.
    #[must_use]
    pub fn new(place: &Path, journal: Journal) -> Self {
        let by_hand = journal == Journal::Buffered;
        let database = Database::builder(place).manual_journal_persist(by_hand).open().expect(FITS);
        let options = || KeyspaceCreateOptions::default().manual_journal_persist(by_hand);
        Fjall { tree: database.keyspace("entries", options).expect(FITS), _database: database }
    }

    /// Stores a value and removes another key: what a bound costs a store that has none.
    ///
    /// # Panics
    ///
    /// If fjall fails.
    pub fn swap(&self, key: [u8; 8], record: &Record, gone: [u8; 8]) {
        self.tree.insert(key, record.value.as_slice()).expect(FITS);
        self.tree.remove(gone).expect(FITS);
    }
}

impl std::fmt::Debug for Fjall {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Fjall").finish_non_exhaustive()
    }
}

impl Store for Fjall {
    type Value = UserValue;

    fn open(place: &Path, _: Shape) -> Self {
        Fjall::new(place, Journal::Written)
    }

    #[inline]
    fn get(&self, key: [u8; 8]) -> Option<UserValue> {
        self.tree.get(key).ok()?
    }

    #[inline]
    fn put(&self, key: [u8; 8], record: &Record) -> bool {
        self.tree.insert(key, record.value.as_slice()).is_ok()
    }
}
