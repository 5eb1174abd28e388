//! The one connection that writes: each operation a transaction that keeps the bounds, or part of one.

use super::ledger::{Ledger, data_version};
use super::recency::Hits;
use super::watch::{REMOVED, TAKEN_BACK, UNTAGGED};
use super::{scores, tags};
use memolith_core::{Record, Space, TagState, Timestamp};
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::HashSet;
use std::sync::Arc;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Expired entries reclaimed by a transaction that puts, at most: each put adds one and takes several, so none pile up.
const SWEPT: i64 = 8;

/// A space that was not used for so many seconds is reclaimed: ninety days.
const UNUSED: i64 = 90 * 24 * 60 * 60;

/// No space was used before this format was: the year 2024, in seconds since 1970. A clock that is not set yet says so.
const EARLIEST: i64 = 1_704_067_200;

/// Entries of unused spaces that are reclaimed whenever a space is opened, at most.
const RETIRED: i64 = 1_000;

/// Bytes that a changed row adds to the log besides its value: a page of the table and one of an index.
const ROW: u64 = 8 << 10;

/// The connection and what it knows.
#[derive(Debug)]
pub(super) struct Writer {
    pub(super) connection: Connection,
    pub(super) ledger: Ledger,
    pub(super) hits: Arc<Hits>,
    random: u64,
    /// `PRAGMA data_version` when somebody last looked for foreign commits.
    watched: i64,
    /// Bytes of keys and values put so far.
    put: u64,
}

/// One put, or a batch of them that is written in one step.
#[derive(Clone, Copy, Debug)]
pub(super) struct Put<'a> {
    pub(super) space: &'a Space,
    pub(super) entries: &'a [(&'a [u8], &'a Record)],
    pub(super) now: Timestamp,
}

/// What a put made of its space.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Made {
    /// The number of the space in the file.
    pub(super) space: i64,
    /// The score of the last one that had to leave.
    pub(super) left: Option<i64>,
}

/// The name of a key's row. Two keys with one name overwrite each other: a get compares the key, so one is a miss.
pub(super) fn row_id(space: i64, key: &[u8]) -> i64 {
    xxh3_64_with_seed(key, (space as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15)) as i64
}

impl Writer {
    pub(super) fn new(connection: Connection, hits: Arc<Hits>) -> Self {
        // Any start will do, as long as two processes differ.
        let random = u64::from(std::process::id());
        Writer { connection, hits, ledger: Ledger::default(), random, watched: 0, put: 0 }
    }

    /// Runs `work` as one transaction, with the lock of the file from its start: it never waits half done.
    pub(super) fn transact<T>(&mut self, work: impl FnOnce(&mut Self) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        self.connection.prepare_cached("BEGIN IMMEDIATE")?.execute([])?;
        let result = self.refreshed(work);
        if result.is_err() {
            // What was known of the file includes what has just been undone.
            self.ledger.forget();
            if !self.connection.is_autocommit() {
                // The first error is the one to report.
                let _ = self.connection.execute_batch("ROLLBACK");
            }
        }
        result
    }

    fn refreshed<T>(&mut self, work: impl FnOnce(&mut Self) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        self.ledger.refresh(&self.connection)?;
        let result = work(self)?;
        self.ledger.save(&self.connection)?;
        self.connection.prepare_cached("COMMIT")?.execute([])?;
        Ok(result)
    }

    /// Prepares a space: its row, its bounds, its scale of scores. Returns its number.
    pub(super) fn open(&mut self, space: &Space) -> rusqlite::Result<i64> {
        let id = self.ledger.account(&self.connection, &space.name)?.id;
        let scale: i64 = self.connection.query_row("SELECT scale FROM spaces WHERE id = ?1", [id], |row| row.get(0))?;
        let wanted = scores::scale(space.policy);
        if scale != wanted {
            let sql = format!("UPDATE entries SET score = {} WHERE space = ?1", scores::rescaled(scale, wanted));
            self.connection.execute(&sql, [id])?;
        }
        let update = "UPDATE spaces SET scale = ?2, used = unixepoch() WHERE id = ?1";
        self.connection.prepare_cached(update)?.execute([id, wanted])?;
        self.retire()?;
        self.evict(space, &HashSet::new())?;
        Ok(id)
    }

    /// Writes, and evicts in the same step. What one put writes leaves only if it alone exceeds the bounds.
    pub(super) fn put(&mut self, put: Put<'_>) -> rusqlite::Result<Made> {
        let space = self.ledger.account(&self.connection, &put.space.name)?.id;
        let (kept, unkept) = fitting(space, put);
        for id in unkept {
            self.delete(id)?;
        }
        for (id, (key, record)) in &kept {
            self.insert((space, *id), (key, record), put)?;
        }
        let own = kept.iter().map(|(id, _)| *id).collect();
        Ok(Made { space, left: self.evict(put.space, &own)? })
    }

    fn insert(
        &mut self,
        (space, id): (i64, i64),
        (key, record): (&[u8], &Record),
        put: Put<'_>,
    ) -> rusqlite::Result<()> {
        let random = self.draw();
        let score = scores::fresh(put.space.policy, put.now, random);
        let expires = scores::micros(record.expires);
        let size = size(key, record) as i64;
        self.put += size as u64;
        let values = params![id, space, score, expires, size, key, record.value];
        // This way round the common case, a new key, is one statement.
        let insert = "INSERT OR IGNORE INTO entries(id, space, score, expires, size, key, value)
            VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
        if self.connection.prepare_cached(insert)?.execute(values)? == 0 {
            let select = "SELECT space, size FROM entries WHERE id = ?1";
            let (space, size): (i64, i64) =
                self.connection.prepare_cached(select)?.query_row([id], |row| Ok((row.get(0)?, row.get(1)?)))?;
            if let Some(account) = self.ledger.account_of(&self.connection, space)? {
                account.add(-1, -size);
            }
            let update = "UPDATE entries SET space = ?2, score = ?3, expires = ?4, size = ?5, key = ?6, value = ?7
                WHERE id = ?1";
            self.connection.prepare_cached(update)?.execute(values)?;
        }
        self.ledger.account(&self.connection, &put.space.name)?.add(1, size);
        self.ledger.expiring(expires);
        Ok(())
    }

    /// Removes a key, and tells other processes even if it was absent: their memory may still have it.
    pub(super) fn remove(&mut self, space: &Space, key: &[u8]) -> rusqlite::Result<bool> {
        let id = self.ledger.account(&self.connection, &space.name)?.id;
        let row = row_id(id, key);
        let select = "SELECT 1 FROM entries WHERE id = ?1 AND space = ?2 AND key = ?3";
        let found = self.connection.prepare_cached(select)?.exists(params![row, id, key])?;
        if found {
            self.delete(row)?;
        }
        self.announce(id, REMOVED)?;
        Ok(found)
    }

    /// Removes a key if it still has `record`, or whatever it has, and tells other processes that may have read it.
    pub(super) fn take_back(&mut self, space: &Space, key: &[u8], record: Option<&Record>) -> rusqlite::Result<bool> {
        let id = self.ledger.account(&self.connection, &space.name)?.id;
        let row = row_id(id, key);
        let select = "SELECT 1 FROM entries WHERE id = ?1 AND space = ?2 AND key = ?3
            AND (?4 IS NULL OR (expires = ?4 AND value = ?5))";
        let expires = record.map(|record| scores::micros(record.expires));
        let values = params![row, id, key, expires, record.map(|record| &record.value)];
        let found = self.connection.prepare_cached(select)?.exists(values)?;
        if found {
            self.delete(row)?;
        }
        self.announce(id, TAKEN_BACK)?;
        Ok(found)
    }

    /// Removes what a scan was told to remove, unless it has been replaced meanwhile.
    pub(super) fn remove_shown(&mut self, space: &Space, shown: &[(i64, Record)]) -> rusqlite::Result<()> {
        let id = self.ledger.account(&self.connection, &space.name)?.id;
        for (row, record) in shown {
            let select = "SELECT 1 FROM entries WHERE id = ?1 AND space = ?2 AND expires = ?3 AND value = ?4";
            let values = params![row, id, scores::micros(record.expires), record.value];
            if self.connection.prepare_cached(select)?.exists(values)? {
                self.delete(*row)?;
            }
        }
        self.announce(id, REMOVED)
    }

    /// Removes every entry of `space`.
    pub(super) fn clear(&mut self, space: &Space) -> rusqlite::Result<()> {
        let account = self.ledger.account(&self.connection, &space.name)?;
        let id = account.id;
        account.add(-account.entries, -account.bytes);
        self.connection.prepare_cached("DELETE FROM entries WHERE space = ?1")?.execute([id])?;
        self.announce(id, REMOVED)
    }

    /// Invalidates tags, and tells other processes.
    pub(super) fn invalidate_tags(&mut self, tags: &[&[u8]]) -> rusqlite::Result<TagState> {
        tags::invalidate(&self.connection, tags)?;
        let id = self.ledger.account(&self.connection, &Space::of_tags().name)?.id;
        self.announce(id, UNTAGGED)?;
        tags::state(&self.connection, tags)
    }

    /// Other processes look at this number to learn that something was invalidated.
    fn announce(&self, space: i64, by: i64) -> rusqlite::Result<()> {
        let sql = "UPDATE spaces SET generation = generation + ?2 WHERE id = ?1";
        self.connection.prepare_cached(sql)?.execute([space, by]).map(drop)
    }

    /// Takes a row away and its share of the sums of whatever space it is in.
    fn delete(&mut self, row: i64) -> rusqlite::Result<()> {
        let mut delete = self.connection.prepare_cached("DELETE FROM entries WHERE id = ?1 RETURNING space, size")?;
        let found: Option<(i64, i64)> = delete.query_row([row], |row| Ok((row.get(0)?, row.get(1)?))).optional()?;
        drop(delete);
        let Some((space, size)) = found else { return Ok(()) };
        if let Some(account) = self.ledger.account_of(&self.connection, space)? {
            account.add(-1, -size);
        }
        Ok(())
    }

    /// Reclaims a few expired entries of any space.
    pub(super) fn sweep(&mut self, now: Timestamp) -> rusqlite::Result<()> {
        let now = scores::micros(now);
        if !self.ledger.is_due(&self.connection, now)? {
            return Ok(());
        }
        let sql = "SELECT id FROM entries INDEXED BY by_expiry
            WHERE expires < 9223372036854775807 AND expires <= ?1 ORDER BY expires LIMIT ?2";
        let mut select = self.connection.prepare_cached(sql)?;
        let rows = select.query_map(params![now, SWEPT], |row| row.get(0))?.collect::<rusqlite::Result<Vec<i64>>>()?;
        drop(select);
        for row in rows {
            self.delete(row)?;
        }
        self.ledger.swept();
        Ok(())
    }

    /// Reclaims spaces that nobody has opened for [`UNUSED`] seconds: of changed functions, of programs long gone.
    /// In steps, so that no single call pays for all.
    fn retire(&mut self) -> rusqlite::Result<()> {
        self.connection.execute("UPDATE spaces SET used = unixepoch() WHERE used < ?1", [EARLIEST])?;
        let select = "SELECT id FROM spaces WHERE used < unixepoch() - ?1 LIMIT 1";
        let unused: Option<i64> = self.connection.query_row(select, [UNUSED], |row| row.get(0)).optional()?;
        let Some(space) = unused else { return Ok(()) };
        // Not counted one by one: that would write the row, which says that the space is used.
        self.ledger.close_account(space);
        self.connection.execute("UPDATE spaces SET counted = 0 WHERE id = ?1", [space])?;
        let delete = "DELETE FROM entries WHERE id IN
            (SELECT id FROM entries INDEXED BY by_score WHERE space = ?1 LIMIT ?2)";
        if self.connection.execute(delete, [space, RETIRED])? == 0 {
            self.connection.execute("DELETE FROM spaces WHERE id = ?1", [space])?;
        }
        Ok(())
    }

    /// Bytes that were added to the log so far, roughly.
    pub(super) fn written(&self) -> u64 {
        self.put + self.connection.total_changes() * ROW
    }

    /// How often entries of a space were invalidated.
    pub(super) fn generation(&self, name: &str) -> rusqlite::Result<i64> {
        let mut select = self.connection.prepare_cached("SELECT generation FROM spaces WHERE name = ?1")?;
        Ok(select.query_row([name], |row| row.get(0)).optional()?.unwrap_or(0))
    }

    /// Moves whenever another process has committed.
    pub(super) fn version(&self) -> rusqlite::Result<i64> {
        data_version(&self.connection)
    }

    /// Whether another process has committed since somebody looked.
    pub(super) fn is_foreign(&self, version: i64) -> bool {
        self.watched != version
    }

    /// All that was committed at `version` has been looked at.
    pub(super) fn looked(&mut self, version: i64) {
        self.watched = version;
    }

    /// The entries of a space.
    pub(super) fn len(&mut self, name: &str) -> rusqlite::Result<u64> {
        let entries = self.ledger.entries(&self.connection, name)?;
        Ok(u64::try_from(entries).unwrap_or(0))
    }

    /// Leaves the sums in the file for whoever opens it next, as far as that is possible now.
    pub(super) fn close(&mut self) {
        if self.ledger.is_ahead() {
            // Without it the next process counts anew.
            let _ = self.connection.execute_batch("BEGIN IMMEDIATE").and_then(|()| self.ledger.close(&self.connection));
            let _ = self.connection.execute_batch("COMMIT");
        }
    }

    /// SplitMix64.
    fn draw(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.random ^ (self.random >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

type Fitting<'a> = (Vec<(i64, (&'a [u8], &'a Record))>, Vec<i64>);

/// What of a put can be in its space at once: the last write of each key, from the last on, while the bounds hold.
/// The rows of the rest are listed too: their old values are out of date.
fn fitting<'a>(space: i64, put: Put<'a>) -> Fitting<'a> {
    let (mut kept, mut unkept, mut seen, mut bytes) = (vec![], vec![], HashSet::new(), 0u64);
    for (key, record) in put.entries.iter().rev() {
        let row = row_id(space, key);
        if put.entries.len() > 1 && !seen.insert(row) {
            continue;
        }
        let more = bytes.saturating_add(size(key, record));
        let room = put.space.maxsize.is_none_or(|most| (kept.len() as u64) < most);
        if room && put.space.max_bytes.is_none_or(|most| more <= most) {
            kept.push((row, (*key, *record)));
            bytes = more;
        } else {
            unkept.push(row);
        }
    }
    // A batch goes through the table from one end to the other, and meets each page once.
    kept.sort_unstable_by_key(|(row, _)| *row);
    (kept, unkept)
}

fn size(key: &[u8], record: &Record) -> u64 {
    (key.len() + record.value.len()) as u64
}
