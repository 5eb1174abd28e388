//! An open file: readers, the writer, and what this process knows of its spaces.

use super::PATIENCE;
use super::connect::{Source, failure};
use super::hash::Hashed;
use super::log::{self, Log};
use super::path::Place;
use super::queue::{Queue, again, is_busy, one_by_one};
use super::readers::{Readers, thread_number};
use super::recency::{Hit, Hits};
use super::words::Words;
use super::writer::{Made, Put, Writer, row_id};
use super::{schema, scores, tags};
use memolith_core::{Record, Space, TagState, Timestamp};
use parking_lot::{Mutex, MutexGuard, RwLock};
use rusqlite::{Connection, ErrorCode, OptionalExtension, ffi};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Instant;

/// The connections to one file, as long as it is the one under its path.
#[derive(Debug)]
pub(super) struct Database {
    source: Arc<Source>,
    words: Words,
    /// None for a database in memory, which only its one connection can see.
    readers: Option<Readers>,
    writer: Mutex<Writer>,
    queue: Queue,
    spaces: RwLock<HashMap<String, Area, Hashed>>,
    hits: Arc<Hits>,
    log: Mutex<Log>,
}

/// What a lookup has to know of its space.
#[derive(Clone, Copy, Debug)]
struct Area {
    id: i64,
    /// Microseconds between the last use of an entry and its eviction; zero before the first.
    turnover: u64,
}

impl Database {
    pub(super) fn open((place, words): (&Place, Words)) -> rusqlite::Result<Database> {
        Database::at((place, words), Source::of(place))
    }

    fn at((place, words): (&Place, Words), source: Source) -> rusqlite::Result<Database> {
        let source = Arc::new(source);
        let connection = source.writer()?;
        schema::migrate(&connection)?;
        let readers = (*place != Place::Memory).then(|| Readers::new(source.clone(), words));
        let hits = Arc::new(Hits::new(readers.as_ref().map_or(1, Readers::len)));
        Ok(Database {
            source,
            words,
            readers,
            writer: Mutex::new(Writer::new(connection, hits.clone())),
            hits,
            queue: Queue::default(),
            spaces: RwLock::default(),
            log: Mutex::default(),
        })
    }

    /// As if the parent of this process had opened it.
    #[cfg(test)]
    pub(super) fn inherited(place: &Place) -> rusqlite::Result<Database> {
        Database::at((place, Words::default()), Source::inherited(place))
    }

    /// The file as it was opened.
    pub(super) fn source(&self) -> &Source {
        &self.source
    }

    /// What tells other processes of removals.
    pub(super) fn words(&self) -> &Words {
        &self.words
    }

    /// The file's own lock is inside; this one is for the threads of this process.
    pub(super) fn writer(&self) -> rusqlite::Result<MutexGuard<'_, Writer>> {
        self.source.not_forked()?;
        let busy = || failure(ffi::SQLITE_BUSY, "another thread is writing");
        self.writer.try_lock_for(PATIENCE).ok_or_else(busy)
    }

    pub(super) fn get(
        &self,
        space: &Space,
        key: &[u8],
        (now, at): (Timestamp, Instant),
    ) -> rusqlite::Result<Option<Record>> {
        let found = self.read(at, |connection| {
            let Some(area) = self.area(connection, &space.name)? else { return Ok(None) };
            let row = row_id(area.id, key);
            let mut select =
                connection.prepare_cached("SELECT space, score, expires, key, value FROM entries WHERE id = ?1")?;
            let mut rows = select.query([row])?;
            let Some(found) = rows.next()? else { return Ok(None) };
            // Another key with the same hash, or a row that was damaged: absent.
            let same = found.get_ref(3)?.as_blob().is_ok_and(|stored| stored == key)
                && found.get_ref(0)?.as_i64() == Ok(area.id);
            let (Ok(score), Ok(expires), Ok(value)) =
                (found.get_ref(1)?.as_i64(), found.get_ref(2)?.as_i64(), found.get_ref(4)?.as_blob())
            else {
                return Ok(None);
            };
            let expires = scores::moment(expires);
            if !same || expires <= now {
                return Ok(None);
            }
            let hit = Hit::noted(space, (area.id, area.turnover), (row, score), now);
            Ok(Some((Record { value: value.to_vec(), expires }, hit)))
        })?;
        let Some((record, hit)) = found else { return Ok(None) };
        if let Some(hit) = hit {
            self.hits.note(thread_number(), hit);
        }
        Ok(Some(record))
    }

    pub(super) fn put(&self, put: Put<'_>) -> rusqlite::Result<()> {
        let made = self.queue.put(put, |puts| self.commit(puts))?;
        let turnover = made.left.map(|score| scores::moment(score).until(put.now).as_micros() as u64);
        self.learn(&put.space.name, made.space, turnover);
        Ok(())
    }

    /// Commits all of `puts` in one transaction, or those that can be in one each.
    fn commit(&self, puts: &[Put<'_>]) -> Vec<rusqlite::Result<Made>> {
        let mut writer = match self.writer() {
            Ok(writer) => writer,
            Err(error) => return puts.iter().map(|_| Err(again(&error))).collect(),
        };
        let together = writer.transact(|writer| {
            if let Some(now) = puts.iter().map(|put| put.now).max() {
                writer.sweep(now)?;
            }
            puts.iter().map(|put| writer.put(*put)).collect::<rusqlite::Result<Vec<_>>>()
        });
        let results = match together {
            Ok(made) => made.into_iter().map(Ok).collect(),
            Err(error) if puts.len() == 1 => vec![Err(error)],
            Err(error) if is_busy(&error) => puts.iter().map(|_| Err(again(&error))).collect(),
            // One that cannot be written must not take the others with it.
            Err(_) => one_by_one(puts, |put| writer.transact(|writer| writer.put(put))),
        };
        self.committed(&writer);
        results
    }

    /// Runs a transaction other than a put.
    pub(super) fn write<T>(&self, work: impl FnOnce(&mut Writer) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        self.write_then(work, || ())
    }

    /// As [`write`](Self::write); `committed` runs under the writer's lock once the transaction has been committed.
    pub(super) fn write_then<T>(
        &self,
        work: impl FnOnce(&mut Writer) -> rusqlite::Result<T>,
        committed: impl FnOnce(),
    ) -> rusqlite::Result<T> {
        let mut writer = self.writer()?;
        let result = writer.transact(work)?;
        committed();
        self.committed(&writer);
        Ok(result)
    }

    pub(super) fn open_space(&self, space: &Space) -> rusqlite::Result<()> {
        let existing = self.read(Instant::now(), |connection| self.area(connection, &space.name))?;
        match self.write(|writer| writer.open(space)) {
            Ok(id) => {
                self.learn(&space.name, id, None);
            }
            // What is there can still be read.
            Err(error) if error.sqlite_error_code() == Some(ErrorCode::ReadOnly) && existing.is_some() => {}
            Err(error) => return Err(error),
        }
        Ok(())
    }

    pub(super) fn len(&self, space: &Space) -> rusqlite::Result<u64> {
        self.writer()?.len(&space.name)
    }

    /// How far the tags have come.
    pub(super) fn tags(&self, tags: &[&[u8]]) -> rusqlite::Result<TagState> {
        self.read(Instant::now(), |connection| tags::state(connection, tags))
    }

    /// The rows of `space` that are there now.
    pub(super) fn rows(&self, space: &Space) -> rusqlite::Result<Vec<i64>> {
        self.read(Instant::now(), |connection| {
            let Some(area) = self.area(connection, &space.name)? else { return Ok(vec![]) };
            let mut select =
                connection.prepare_cached("SELECT id FROM entries INDEXED BY by_score WHERE space = ?1")?;
            select.query_map([area.id], |row| row.get(0))?.collect()
        })
    }

    /// One of the rows, by its number, if it is still of `space` and live.
    pub(super) fn row(&self, space: &Space, row: i64, now: Timestamp) -> rusqlite::Result<Option<(Vec<u8>, Record)>> {
        self.read(Instant::now(), |connection| {
            let Some(area) = self.area(connection, &space.name)? else { return Ok(None) };
            let sql = "SELECT key, value, expires FROM entries WHERE id = ?1 AND space = ?2";
            // A row that was damaged is absent, as it is for a get.
            let record = |row: &rusqlite::Row<'_>| {
                let (Ok(key), Ok(value), Ok(expires)) = (row.get(0), row.get(1), row.get(2)) else { return Ok(None) };
                Ok(Some((key, Record { value, expires: scores::moment(expires) })))
            };
            let found = connection.prepare_cached(sql)?.query_row([row, area.id], record);
            Ok(found.optional()?.flatten().filter(|(_, record): &(_, Record)| now < record.expires))
        })
    }

    /// Writes hits into the order.
    pub(super) fn write_hits(&self, hits: &[Hit]) -> rusqlite::Result<()> {
        if hits.is_empty() { Ok(()) } else { self.write(|writer| writer.touch(hits)) }
    }

    pub(super) fn hits(&self) -> &Hits {
        &self.hits
    }

    /// Ends idle read transactions. Says whether any is left.
    pub(super) fn end_idle(&self) -> bool {
        self.readers.as_ref().is_some_and(|readers| readers.end_idle(Instant::now()))
    }

    /// What is read from now on includes all that the writer has seen, also of other processes.
    pub(super) fn renew_readers(&self) {
        if let Some(readers) = &self.readers {
            readers.committed();
        }
    }

    /// Everything committed is on the disk when this returns.
    pub(super) fn sync(&self) -> rusqlite::Result<()> {
        let writer = self.writer()?;
        log::sync(&writer.connection)
    }

    fn read<T>(&self, at: Instant, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> rusqlite::Result<T> {
        match &self.readers {
            Some(readers) => readers.read(at, work),
            None => work(&self.writer()?.connection),
        }
    }

    /// The space called `name`, if it is in the file.
    fn area(&self, connection: &Connection, name: &str) -> rusqlite::Result<Option<Area>> {
        if let Some(area) = self.spaces.read().get(name) {
            return Ok(Some(*area));
        }
        let mut select = connection.prepare_cached("SELECT id FROM spaces WHERE name = ?1")?;
        let id: Option<i64> = select.query_row([name], |row| row.get(0)).optional()?;
        Ok(id.map(|id| self.learn(name, id, None)))
    }

    fn learn(&self, name: &str, id: i64, turnover: Option<u64>) -> Area {
        let known = self.spaces.read().get(name).copied().filter(|known| known.id == id);
        let area = Area { id, turnover: turnover.or(known.map(|known| known.turnover)).unwrap_or(0) };
        if known.is_some_and(|known| known.turnover == area.turnover) {
            return area;
        }
        let mut spaces = self.spaces.write();
        match spaces.get_mut(name) {
            Some(known) => *known = area,
            None => drop(spaces.insert(name.into(), area)),
        }
        area
    }

    fn committed(&self, writer: &Writer) {
        let Some(readers) = &self.readers else { return };
        self.renew_readers();
        self.log.lock().grown(writer, readers);
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        // Neither into another file nor, in a forked child, through what was inherited.
        if self.source.not_forked().is_err() || !self.source.is_in_place() {
            return;
        }
        let hits = self.hits.take(usize::MAX);
        let mut writer = self.writer.lock();
        // Recency is all that is lost.
        let _ = writer.connection.busy_timeout(log::RESET);
        if !hits.is_empty() {
            let _ = writer.transact(|writer| writer.touch(&hits));
        }
        writer.close();
    }
}
