//! The log, kept short: SQLite resets it only when no reader is in it, and busy readers always are.

use super::PATIENCE;
use super::readers::Readers;
use rusqlite::Connection;
use std::time::Duration;

/// Bytes after which the log is copied into the file and begun anew.
const LOG: u64 = 4 << 20;

/// Bytes that a changed row adds to the log: a page of the table and one of an index.
const ROW: u64 = 8 << 10;

/// How long the first try of a reset waits for readers of other processes.
pub(super) const RESET: Duration = Duration::from_millis(10);

/// How long any try does.
const LONGEST: Duration = Duration::from_millis(80);

/// How much was written since the log was begun.
#[derive(Debug)]
pub(super) struct Log {
    /// What [`Connection::total_changes`] said last.
    changes: u64,
    written: u64,
    most: u64,
    patience: Duration,
}

impl Default for Log {
    fn default() -> Self {
        Log { changes: 0, written: 0, most: LOG, patience: RESET }
    }
}

impl Log {
    /// Called after each commit, under the writer's lock: `connection` is the writer's.
    pub(super) fn grown(&mut self, connection: &Connection, readers: &Readers) {
        let changes = connection.total_changes();
        self.written += changes.saturating_sub(self.changes) * ROW;
        self.changes = changes;
        if self.written < self.most {
            return;
        }
        let reset = reset(connection, readers, self.patience).unwrap_or(false);
        // While others are in it, it may become twice as long before the next try, which waits twice as long for them:
        // each try makes a put wait.
        (self.written, self.most, self.patience) = match reset {
            true => (0, LOG, RESET),
            false => (self.written, self.written.saturating_mul(2), LONGEST.min(self.patience * 2)),
        };
    }
}

/// Copies the log into the file, and waits until both are on the disk.
pub(super) fn copy(connection: &Connection) -> rusqlite::Result<()> {
    checkpoint(connection, "PRAGMA wal_checkpoint(PASSIVE)").map(drop)
}

/// Copies the log and has the next commit begin it anew; false when readers of another process are in it.
fn reset(connection: &Connection, readers: &Readers, patience: Duration) -> rusqlite::Result<bool> {
    // The long part first, beside the readers.
    copy(connection)?;
    let held = readers.hold();
    connection.busy_timeout(patience)?;
    let reset = checkpoint(connection, "PRAGMA wal_checkpoint(RESTART)");
    connection.busy_timeout(PATIENCE)?;
    drop(held);
    reset
}

/// Whether the checkpoint could do all it was asked for.
fn checkpoint(connection: &Connection, sql: &str) -> rusqlite::Result<bool> {
    connection.prepare_cached(sql)?.query_row([], |row| row.get::<_, i64>(0)).map(|busy| busy == 0)
}
