//! How full each space is: exact, for one process and for several.
//!
//! The sums of a space live in its row, or, while one process writes alone, in that process's memory: a row written at
//! each commit costs a page. Whoever finds a foreign commit (`PRAGMA data_version` has moved) forgets what it holds and
//! reads the row; a row that says it is not kept up is counted anew, once, and is kept up from then on.

use super::hash::Hashed;
use memolith_core::Space;
use rusqlite::{Connection, OptionalExtension, params};
use std::collections::HashMap;

/// Commits in a row without a foreign one, after which sums move from the row to memory.
const ALONE: u32 = 256;

/// After so many commits the rows are written for a while again: they also say when a space was last used.
const ROUND: u32 = 1 << 16;

/// The sums this process knows.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    accounts: HashMap<String, Account, Hashed>,
    /// `PRAGMA data_version` when the accounts were right.
    version: i64,
    commits: u32,
    /// The earliest expiry of any entry, when known.
    earliest: Option<i64>,
}

/// The sums of one space.
#[derive(Clone, Debug)]
pub(super) struct Account {
    pub(super) id: i64,
    pub(super) entries: i64,
    pub(super) bytes: i64,
    /// Whether the row says so too at each commit.
    counted: bool,
    changed: bool,
}

impl Account {
    /// Adds `entries`, which may be negative, and their bytes.
    pub(super) fn add(&mut self, entries: i64, bytes: i64) {
        self.entries += entries;
        self.bytes += bytes;
        self.changed = true;
    }

    /// Whether the bounds of `space` hold.
    pub(super) fn fits(&self, space: &Space) -> bool {
        let within = |most: Option<u64>, now: i64| most.is_none_or(|most| u64::try_from(now).unwrap_or(0) <= most);
        within(space.maxsize, self.entries) && within(space.max_bytes, self.bytes)
    }
}

impl Ledger {
    /// Drops what a foreign commit may have changed. Says whether there was one.
    pub(super) fn refresh(&mut self, connection: &Connection) -> rusqlite::Result<bool> {
        let version = data_version(connection)?;
        let foreign = version != self.version;
        if foreign {
            self.forget();
            self.version = version;
        }
        Ok(foreign)
    }

    /// Drops everything, as after a transaction that failed.
    pub(super) fn forget(&mut self) {
        *self = Ledger::default();
    }

    /// The account of the space called `name`, made if there is none. Inside a transaction that writes.
    pub(super) fn account(&mut self, connection: &Connection, name: &str) -> rusqlite::Result<&mut Account> {
        if !self.accounts.contains_key(name) {
            let found = match read(connection, name)? {
                Some(found) => found,
                None => {
                    let insert = "INSERT INTO spaces(name, used) VALUES (?1, unixepoch())";
                    connection.prepare_cached(insert)?.execute([name])?;
                    read(connection, name)?.ok_or(rusqlite::Error::QueryReturnedNoRows)?
                }
            };
            // Somebody else writes here, or did: from now on the row is kept up.
            let account = Account { changed: !found.counted, counted: true, ..found };
            self.accounts.insert(name.into(), account);
        }
        Ok(self.accounts.get_mut(name).expect("inserted above"))
    }

    /// As [`account`](Self::account), for a space known by the number in its rows; none when no space has it.
    pub(super) fn account_of(&mut self, connection: &Connection, id: i64) -> rusqlite::Result<Option<&mut Account>> {
        let known = self.accounts.iter().find(|(_, account)| account.id == id).map(|(name, _)| name.clone());
        let name = match known {
            Some(name) => Some(name),
            None => {
                let mut select = connection.prepare_cached("SELECT name FROM spaces WHERE id = ?1")?;
                select.query_row([id], |row| row.get::<_, String>(0)).optional()?
            }
        };
        name.map(|name| self.account(connection, &name)).transpose()
    }

    /// The space is gone.
    pub(super) fn close_account(&mut self, id: i64) {
        self.accounts.retain(|_, account| account.id != id);
    }

    /// The entries of a space, without a transaction.
    pub(super) fn entries(&mut self, connection: &Connection, name: &str) -> rusqlite::Result<i64> {
        self.refresh(connection)?;
        match self.accounts.get(name) {
            Some(account) => Ok(account.entries),
            None => Ok(read(connection, name)?.map_or(0, |account| account.entries)),
        }
    }

    /// Writes the rows that are kept up. The last thing before a commit.
    pub(super) fn save(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        self.commits = self.commits.wrapping_add(1);
        let counted = self.commits % ROUND < ALONE;
        let unsaved = |account: &&mut Account| account.changed && (account.counted || counted);
        for account in self.accounts.values_mut().filter(unsaved) {
            write(connection, account, counted)?;
            account.counted = counted;
            account.changed = false;
        }
        Ok(())
    }

    /// Writes every row, for the next process to find. Inside a transaction.
    pub(super) fn close(&mut self, connection: &Connection) -> rusqlite::Result<()> {
        if self.refresh(connection)? {
            return Ok(());
        }
        self.accounts
            .values()
            .filter(|account| !account.counted)
            .try_for_each(|account| write(connection, account, true))
    }

    /// Whether sums are known that no row has.
    pub(super) fn is_ahead(&self) -> bool {
        self.accounts.values().any(|account| !account.counted)
    }

    /// Notes that an entry expires then.
    pub(super) fn expiring(&mut self, expires: i64) {
        self.earliest = self.earliest.map(|earliest| earliest.min(expires));
    }

    /// Whether some entry may have expired at `now`. Inside a transaction.
    pub(super) fn is_due(&mut self, connection: &Connection, now: i64) -> rusqlite::Result<bool> {
        if self.earliest.is_none() {
            let sql = "SELECT min(expires) FROM entries INDEXED BY by_expiry WHERE expires < 9223372036854775807";
            let earliest: Option<i64> = connection.prepare_cached(sql)?.query_row([], |row| row.get(0))?;
            self.earliest = Some(earliest.unwrap_or(i64::MAX));
        }
        Ok(self.earliest.is_some_and(|earliest| earliest <= now))
    }

    /// After a sweep the earliest expiry is another one.
    pub(super) fn swept(&mut self) {
        self.earliest = None;
    }
}

/// Moves whenever another connection has committed.
pub(super) fn data_version(connection: &Connection) -> rusqlite::Result<i64> {
    connection.prepare_cached("PRAGMA data_version")?.query_row([], |row| row.get(0))
}

fn write(connection: &Connection, account: &Account, counted: bool) -> rusqlite::Result<()> {
    let sql = "UPDATE spaces SET entries = ?2, bytes = ?3, counted = ?4, used = unixepoch() WHERE id = ?1";
    let values = params![account.id, account.entries, account.bytes, counted];
    connection.prepare_cached(sql)?.execute(values).map(drop)
}

/// What the row of a space says, counted anew if it is not kept up.
fn read(connection: &Connection, name: &str) -> rusqlite::Result<Option<Account>> {
    let mut select = connection.prepare_cached("SELECT id, entries, bytes, counted FROM spaces WHERE name = ?1")?;
    let row = select.query_row([name], |row| {
        Ok(Account { id: row.get(0)?, entries: row.get(1)?, bytes: row.get(2)?, counted: row.get(3)?, changed: false })
    });
    let Some(mut account) = row.optional()? else { return Ok(None) };
    if !account.counted {
        let sql = "SELECT count(*), coalesce(sum(size), 0) FROM entries INDEXED BY by_score WHERE space = ?1";
        let count = |row: &rusqlite::Row<'_>| Ok((row.get(0)?, row.get(1)?));
        (account.entries, account.bytes) = connection.prepare_cached(sql)?.query_row([account.id], count)?;
    }
    Ok(Some(account))
}
