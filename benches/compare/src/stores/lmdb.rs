//! LMDB, through heed.

#![expect(unsafe_code, reason = "heed cannot know that nobody else writes to the file")]

use super::{Shape, Store};
use heed::types::Bytes;
use heed::{CommitOrAbort, Database, Env, EnvFlags, EnvOpenOptions};
use memolith::Record;
use std::fs;
use std::path::Path;

/// An environment that is never told to sync, as a cache needs no more; each get has a read transaction of its own, as
/// each must see what was put before it.
#[derive(Debug)]
pub struct Lmdb {
    // A database borrows its environment, so this is never given back; a race ends with its process.
    env: &'static Env,
    entries: Database<'static, Bytes, Bytes>,
}

const GROWS: &str = "the map is larger than what it is given";

impl Lmdb {
    /// Stores a value and removes another key in one transaction: what a bound costs a store that has none.
    ///
    /// # Panics
    ///
    /// If LMDB fails.
    pub fn swap(&self, key: [u8; 8], record: &Record, gone: [u8; 8]) {
        let mut transaction = self.env.write_txn().expect(GROWS);
        self.entries.put(&mut transaction, &key, &record.value).expect(GROWS);
        self.entries.delete(&mut transaction, &gone).expect(GROWS);
        transaction.commit().expect(GROWS);
    }
}

impl Store for Lmdb {
    type Value = Vec<u8>;

    fn open(place: &Path, shape: Shape) -> Self {
        fs::create_dir_all(place).expect("a path in our own directory is fine");
        let mut options = EnvOpenOptions::new();
        // Room for two copies of each page, as pages are copied when they are written to.
        options.map_size((shape.entries * (shape.bytes + 512) * 4).next_multiple_of(1 << 20).max(64 << 20));
        // SAFETY: nobody but LMDB writes to the files, and what a crash of the system would leave is not read.
        let env = unsafe { options.flags(EnvFlags::NO_SYNC | EnvFlags::NO_META_SYNC).open(place) };
        let env: &Env = Box::leak(Box::new(env.expect("a fresh directory opens")));
        let created = env.create_databases_and_commit(env.write_txn().expect(GROWS), |opener, transaction| {
            opener.create_database(transaction, None).map(CommitOrAbort::<_, ()>::Commit)
        });
        Lmdb { env, entries: created.expect(GROWS).unwrap_commit() }
    }

    #[inline]
    fn get(&self, key: [u8; 8]) -> Option<Vec<u8>> {
        let transaction = self.env.read_txn().ok()?;
        Some(self.entries.get(&transaction, &key).ok()??.to_vec())
    }

    #[inline]
    fn put(&self, key: [u8; 8], record: &Record) -> bool {
        let Ok(mut transaction) = self.env.write_txn() else { return false };
        self.entries.put(&mut transaction, &key, &record.value).is_ok() && transaction.commit().is_ok()
    }

    fn fill(&self, shape: Shape) {
        let mut transaction = self.env.write_txn().expect(GROWS);
        for key in 0..shape.entries as u64 {
            self.entries.put(&mut transaction, &key.to_le_bytes(), &shape.record(key).value).expect(GROWS);
        }
        transaction.commit().expect(GROWS);
    }
}
