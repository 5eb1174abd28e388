//! A connection as every part of the backend wants it, and what its errors mean.

use super::PATIENCE;
use super::path::{Identity, Place};
use memolith_core::{Error, ErrorKind};
use rusqlite::config::DbConfig;
use rusqlite::{Connection, ErrorCode, OpenFlags, ffi};
use std::io;
use std::path::Path;

/// Pages a reader keeps, in KiB: as fast as a mapped file while what is read fits.
const READER_CACHE: i64 = 32 << 10;

/// A log that became longer than this is cut when it is reset, in bytes.
const LOG_KEPT: i64 = 16 << 20;

/// Pages the writer keeps, in KiB. More is slower: SQLite walks all of them after a commit that split a page.
const WRITER_CACHE: i64 = 4 << 10;

/// What connections are made to: a file as it was when it was opened, and the process that opened it.
#[derive(Debug)]
pub(super) struct Source {
    place: Place,
    identity: Option<Identity>,
    process: u32,
}

impl Source {
    pub(super) fn of(place: &Place) -> Self {
        Source { place: place.clone(), identity: place.identity(), process: std::process::id() }
    }

    /// As if the parent of this process had made it.
    #[cfg(test)]
    pub(super) fn inherited(place: &Place) -> Self {
        Source { process: std::process::id() ^ 1, ..Source::of(place) }
    }

    pub(super) fn identity(&self) -> Option<Identity> {
        self.identity
    }

    /// Whether the file is still the one under its path.
    pub(super) fn is_in_place(&self) -> bool {
        self.place.identity() == self.identity
    }

    /// A fork inherits locks and open files that it must not use.
    pub(super) fn not_forked(&self) -> rusqlite::Result<()> {
        if self.process == std::process::id() {
            return Ok(());
        }
        let message = "the database was opened before this process was forked, open it only after the fork";
        Err(failure(ffi::SQLITE_MISUSE, message))
    }

    /// The connection that writes. A read-only file gives one whose writes fail.
    pub(super) fn writer(&self) -> rusqlite::Result<Connection> {
        let connection = self.reader()?;
        connection.pragma_update(None, "cache_size", -WRITER_CACHE)?;
        // The log is reset by the writer itself, which ends its own readers for it.
        connection.pragma_update(None, "wal_autocheckpoint", 0)?;
        connection.pragma_update(None, "journal_size_limit", LOG_KEPT)?;
        Ok(connection)
    }

    /// A connection that only reads.
    pub(super) fn reader(&self) -> rusqlite::Result<Connection> {
        let connection = connect(&self.place)?;
        if !self.is_in_place() {
            return Err(failure(ffi::SQLITE_CANTOPEN, "the file was replaced while it was opened, try again"));
        }
        Ok(connection)
    }
}

fn connect(place: &Place) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let connection = match place {
        Place::Memory => Connection::open_in_memory_with_flags(flags | OpenFlags::SQLITE_OPEN_CREATE)?,
        Place::File(path) => {
            match settled(Connection::open_with_flags(path, flags | OpenFlags::SQLITE_OPEN_NOFOLLOW)) {
                Err(error) if is_shut(&error) && is_sealed(path) && !has_log(path) => {
                    unchanging(path).map_err(|_| error)?
                }
                settled => settled?,
            }
        }
    };
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    // Load-bearing: a mapped file that somebody else cuts or overwrites in place kills the process with SIGBUS.
    connection.pragma_update(None, "mmap_size", 0)?;
    connection.pragma_update(None, "cache_size", -READER_CACHE)?;
    // Load-bearing: without it a statement that could use a partial index is compiled anew for each new parameter.
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)?;
    connection.set_prepared_statement_cache_capacity(32);
    Ok(connection)
}

/// A connection that has looked at its file: opening alone touches nothing.
fn settled(opened: rusqlite::Result<Connection>) -> rusqlite::Result<Connection> {
    let connection = opened?;
    connection.busy_timeout(PATIENCE)?;
    connection.query_row("PRAGMA schema_version", [], |row| row.get::<_, i64>(0))?;
    if !connection.is_readonly(rusqlite::MAIN_DB)? {
        let mode: String = connection.query_row("PRAGMA journal_mode = WAL", [], |row| row.get(0))?;
        if mode != "wal" {
            return Err(failure(
                ffi::SQLITE_CANTOPEN,
                "the file system cannot share a log, name a path on a local one",
            ));
        }
    }
    Ok(connection)
}

/// Whether the file, or the directory where its log should be made, cannot be written.
fn is_shut(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::PermissionDenied))
}

/// Whether nothing can be made beside the file.
fn is_sealed(path: &Path) -> bool {
    let made = super::path::private(&super::path::beside(path, ".lock"));
    made.is_err_and(|error| matches!(error.kind(), io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem))
}

fn has_log(path: &Path) -> bool {
    std::fs::metadata(super::path::beside(path, "-wal")).is_ok_and(|log| log.len() > 0)
}

/// Reads a file in a directory where no log can be made. Only sound without a log: what is in one would be overlooked.
fn unchanging(path: &Path) -> rusqlite::Result<Connection> {
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_encoded_bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'/' | b'.' | b'-' | b'_' | b':' => uri.push(char::from(*byte)),
            _ => uri.push_str(&format!("%{byte:02x}")),
        }
    }
    uri.push_str("?immutable=1");
    let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_URI | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    settled(Connection::open_with_flags(uri, flags))
}

/// An error of ours in the terms of SQLite, so that the parts below the store know one kind of error.
pub(super) fn failure(code: i32, message: &str) -> rusqlite::Error {
    rusqlite::Error::SqliteFailure(ffi::Error::new(code), Some(message.into()))
}

/// The file says it is no database, or contradicts itself.
pub(super) fn is_damage(error: &rusqlite::Error) -> bool {
    matches!(error.sqlite_error_code(), Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt))
}

/// What a caller can make of it.
pub(super) fn explain(error: rusqlite::Error) -> Error {
    let (kind, message) = match error.sqlite_error_code() {
        Some(ErrorCode::DatabaseBusy | ErrorCode::DatabaseLocked) => {
            (ErrorKind::Busy, "the database is held by somebody else, try again")
        }
        Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => {
            (ErrorKind::Damaged, "the database is damaged, delete the file if it is not set aside")
        }
        Some(ErrorCode::TypeMismatch) => (ErrorKind::Config, "the database cannot be used"),
        Some(ErrorCode::DiskFull) => (ErrorKind::Unavailable, "the disk is full, free some space"),
        Some(ErrorCode::ReadOnly) => {
            (ErrorKind::Unavailable, "the database cannot be written, check the permissions of its file and directory")
        }
        _ => (ErrorKind::Unavailable, "the database could not be used"),
    };
    Error::new(kind, message).with_source(error)
}
