//! A file that is no database, or contradicts itself, is set aside and never deleted: a fresh one takes its place.

use super::PATIENCE;
use super::connect::failure;
use super::path::{Identity, Place, beside, fresh, private};
use super::words::Words;
use rusqlite::ffi;
use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Held while files are made, opened or set aside, so that two processes do not do it at once.
///
/// It is a lock on a file beside the database: opening the database itself a second time, and closing it, would let go
/// of SQLite's own locks. The file stays, since deleting it would let two processes hold two locks.
#[derive(Debug)]
pub(super) struct Turn {
    // Held for its lock; none where no file can be made, and so none can be set aside.
    file: Option<File>,
}

impl Turn {
    /// Waits for the turn, in bounded time.
    pub(super) fn wait(path: &Path) -> rusqlite::Result<Turn> {
        let Ok(file) = private(&beside(path, ".lock")) else { return Ok(Turn { file: None }) };
        let end = Instant::now() + PATIENCE;
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Turn { file: Some(file) }),
                Err(TryLockError::WouldBlock) if Instant::now() < end => std::thread::sleep(Duration::from_millis(2)),
                Err(TryLockError::WouldBlock) => {
                    return Err(failure(ffi::SQLITE_BUSY, "another process is opening the database"));
                }
                // A file system without locks.
                Err(TryLockError::Error(_)) => return Ok(Turn { file: None }),
            }
        }
    }

    /// The words in the file beside the database.
    pub(super) fn words(&self, path: &Path) -> Words {
        // Opened once more: what is mapped keeps its lock.
        let opened = self.file.as_ref().and_then(|_| private(&beside(path, ".lock")).ok());
        opened.as_ref().map(Words::of).unwrap_or_default()
    }

    /// Makes the file if there is none, readable by its owner alone.
    ///
    /// A log without its database is what is left of one that was deleted: it must not be taken for the new one's.
    pub(super) fn make(&self, path: &Path) -> io::Result<()> {
        if path.exists() {
            return Ok(());
        }
        for end in ["-wal", "-shm"] {
            match fs::remove_file(beside(path, end)) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        fresh(path)
    }

    /// Sets the file aside with its log; none when it is not the one that was found damaged any more.
    pub(super) fn set_aside(&self, path: &Path, damaged: Option<Identity>) -> io::Result<Option<PathBuf>> {
        if Place::File(path.into()).identity() != damaged {
            return Ok(None);
        }
        let millis = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis();
        let free = |number: &u128| !beside(path, &format!(".corrupt-{number}")).exists();
        let number = (millis..).find(free).unwrap_or(millis);
        let aside = beside(path, &format!(".corrupt-{number}"));
        fs::rename(path, &aside)?;
        // Either may be missing. What stays is removed before a new file is made.
        let _ = fs::rename(beside(path, "-wal"), beside(&aside, "-wal"));
        let _ = fs::remove_file(beside(path, "-shm"));
        Ok(Some(aside))
    }
}
