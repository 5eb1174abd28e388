//! The log, kept short: SQLite resets it only when no reader is in it, and busy readers always are.

use super::PATIENCE;
use super::readers::Readers;
use super::writer::Writer;
use rusqlite::{Connection, Row, Transaction, TransactionBehavior};
use std::time::Duration;

/// Bytes after which the log is copied into the file and begun anew.
const LOG: u64 = 4 << 20;

/// How long gets of this process stand still for it at most.
const STILL: Duration = Duration::from_millis(50);

/// Up to here it is tried again whenever another [`LOG`] was written; from here on, whenever the log has doubled.
const PRESSED: u64 = 4 * LOG;

/// How long the first try of a reset waits for readers of other processes.
pub(super) const RESET: Duration = Duration::from_millis(10);

/// How much was written since the log was begun.
#[derive(Debug)]
pub(super) struct Log {
    /// What [`Writer::written`] said last.
    total: u64,
    written: u64,
    most: u64,
    patience: Duration,
}

impl Default for Log {
    fn default() -> Self {
        Log { total: 0, written: 0, most: LOG, patience: RESET }
    }
}

impl Log {
    /// Called after each commit, under the writer's lock.
    pub(super) fn grown(&mut self, writer: &Writer, readers: &Readers) {
        let total = writer.written();
        self.written += total.saturating_sub(self.total);
        self.total = total;
        if self.written < self.most {
            return;
        }
        let reset = reset(&writer.connection, readers, self.patience).unwrap_or(false);
        // While others are in it, each try makes a put wait: the next one comes later and waits for longer.
        (self.written, self.most, self.patience) = match reset {
            true => (0, LOG, RESET),
            false if self.most < PRESSED => (self.written, self.most + LOG, PATIENCE.min(self.patience * 4)),
            false => (self.written, self.most.saturating_mul(2), PATIENCE),
        };
    }
}

/// Waits until everything committed is on the disk.
pub(super) fn sync(connection: &Connection) -> rusqlite::Result<()> {
    if copy(connection)? || connection.is_readonly(rusqlite::MAIN_DB)? {
        return Ok(());
    }
    // Readers of other processes keep the rest in the log, which a commit that is waited for brings to the disk.
    connection.pragma_update(None, "synchronous", "FULL")?;
    let committed = commit(connection);
    connection.pragma_update(None, "synchronous", "NORMAL")?;
    committed
}

/// Commits a page as it is.
fn commit(connection: &Connection) -> rusqlite::Result<()> {
    let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
    let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
    connection.pragma_update(None, "user_version", version)?;
    transaction.commit()
}

/// Copies the log into the file, as far as readers allow; says whether that is all of it, which then is on the disk.
fn copy(connection: &Connection) -> rusqlite::Result<bool> {
    let all = |row: &Row<'_>| {
        let (busy, log, copied): (i64, i64, i64) = (row.get(0)?, row.get(1)?, row.get(2)?);
        Ok(busy == 0 && log == copied)
    };
    connection.prepare_cached("PRAGMA wal_checkpoint(PASSIVE)")?.query_row([], all)
}

/// Copies the log and has the next commit begin it anew; false when readers of another process are in it.
fn reset(connection: &Connection, readers: &Readers, patience: Duration) -> rusqlite::Result<bool> {
    // The long part first, beside writers and readers.
    copy(connection)?;
    // Readers that begin again are at the end of the log, where they are in nobody's way but the last step's.
    drop(readers.hold());
    connection.busy_timeout(patience)?;
    let mut reset = checkpoint(connection, "PRAGMA wal_checkpoint(FULL)");
    if matches!(reset, Ok(true)) {
        let held = readers.hold();
        connection.busy_timeout(patience.min(STILL))?;
        reset = checkpoint(connection, "PRAGMA wal_checkpoint(RESTART)");
        drop(held);
    }
    connection.busy_timeout(PATIENCE)?;
    reset
}

/// Whether the checkpoint could do all it was asked for.
fn checkpoint(connection: &Connection, sql: &str) -> rusqlite::Result<bool> {
    connection.prepare_cached(sql)?.query_row([], |row| row.get::<_, i64>(0)).map(|busy| busy == 0)
}
