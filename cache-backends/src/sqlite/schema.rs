//! The tables, and how files of older versions become files of this one.

use super::connect::failure;
use rusqlite::{Connection, ffi};

/// What `PRAGMA application_id` says of a file of ours: "mlth".
const APPLICATION: i64 = 0x6d6c_7468;

/// Each step takes a file from the version that is its index to the next. Steps are only ever added.
///
/// `entries.id` is a hash of key and space, so that a lookup is one descent by integer and a large value stays in its leaf.
/// `tags` holds tags that were invalidated, `tag_state` their clock; the epoch is lost with the file.
/// `by_score` carries the size, so that counting and choosing who leaves never touch the table.
const STEPS: [&str; 3] = [
    "CREATE TABLE spaces(
        id INTEGER PRIMARY KEY AUTOINCREMENT,
        name TEXT NOT NULL UNIQUE,
        entries INTEGER NOT NULL DEFAULT 0,
        bytes INTEGER NOT NULL DEFAULT 0,
        counted INTEGER NOT NULL DEFAULT 1,
        scale INTEGER NOT NULL DEFAULT 0);
    CREATE TABLE entries(
        id INTEGER PRIMARY KEY,
        space INTEGER NOT NULL,
        score INTEGER NOT NULL,
        expires INTEGER NOT NULL,
        size INTEGER NOT NULL,
        key BLOB NOT NULL,
        value BLOB NOT NULL);
    CREATE INDEX by_score ON entries(space, score, size);
    PRAGMA application_id = 0x6d6c7468;",
    "ALTER TABLE spaces ADD COLUMN generation INTEGER NOT NULL DEFAULT 0;
    ALTER TABLE spaces ADD COLUMN used INTEGER NOT NULL DEFAULT 0;
    UPDATE spaces SET used = unixepoch();
    CREATE INDEX by_expiry ON entries(expires) WHERE expires < 9223372036854775807;",
    "CREATE TABLE tags(tag BLOB PRIMARY KEY, clock INTEGER NOT NULL) WITHOUT ROWID;
    CREATE INDEX tags_by_clock ON tags(clock);
    CREATE TABLE tag_state(
        epoch INTEGER NOT NULL,
        clock INTEGER NOT NULL,
        floor INTEGER NOT NULL,
        listed INTEGER NOT NULL);
    INSERT INTO tag_state VALUES (random() | 1, 0, 0, 0);",
];

/// The version this program reads and writes.
const VERSION: i64 = STEPS.len() as i64;

/// Brings the file to [`VERSION`] in one transaction. A file that is there already is only looked at.
///
/// # Errors
/// Refused with `SQLITE_MISMATCH` when the file is of a newer version, or a database of something else.
pub(super) fn migrate(connection: &Connection) -> rusqlite::Result<()> {
    if version(connection)? == VERSION {
        return prepared(connection);
    }
    connection.execute_batch("BEGIN IMMEDIATE")?;
    match steps(connection) {
        Ok(()) => connection.execute_batch("COMMIT"),
        Err(error) => {
            // The transaction may have ended by itself; the first error is the one to report.
            let _ = connection.execute_batch("ROLLBACK");
            Err(error)
        }
    }
}

fn steps(connection: &Connection) -> rusqlite::Result<()> {
    // Read again: another process may have migrated while this one waited for the lock.
    let from = usize::try_from(version(connection)?).unwrap_or(usize::MAX);
    for step in STEPS.iter().skip(from) {
        connection.execute_batch(step)?;
    }
    connection.pragma_update(None, "user_version", VERSION)
}

/// The version of the file, if it is ours or empty.
fn version(connection: &Connection) -> rusqlite::Result<i64> {
    let number = |sql: &str| connection.query_row(sql, [], |row| row.get::<_, i64>(0));
    let (version, application) = (number("PRAGMA user_version")?, number("PRAGMA application_id")?);
    if application != APPLICATION && (version != 0 || number("SELECT count(*) FROM sqlite_schema")? != 0) {
        let message = "the file is a database of another program, name another path for the cache";
        return Err(failure(ffi::SQLITE_MISMATCH, message));
    }
    if !(0..=VERSION).contains(&version) {
        let message = "the file was written by a newer memolith, upgrade memolith or name another path for the cache";
        return Err(failure(ffi::SQLITE_MISMATCH, message));
    }
    Ok(version)
}

/// Fails where tables or columns are missing: such a file says that it is ours, and is not.
fn prepared(connection: &Connection) -> rusqlite::Result<()> {
    let spaces = "SELECT id, name, entries, bytes, counted, scale, generation, used FROM spaces";
    let entries = "SELECT id, space, score, expires, size, key, value FROM entries INDEXED BY by_score WHERE space = 0";
    let expiring = "SELECT id FROM entries INDEXED BY by_expiry WHERE expires < 9223372036854775807";
    let (tags, state) =
        ("SELECT tag, clock FROM tags INDEXED BY tags_by_clock", "SELECT epoch, clock, floor, listed FROM tag_state");
    for sql in [spaces, entries, expiring, tags, state] {
        if let Err(error) = connection.prepare(sql) {
            // Anything but a plain "no such table" has a cause of its own.
            let plain = error.sqlite_error().is_some_and(|error| error.extended_code == ffi::SQLITE_ERROR);
            return Err(if plain { failure(ffi::SQLITE_CORRUPT, "tables of the cache are missing") } else { error });
        }
    }
    Ok(())
}
