//! A file for many functions and many processes.
//!
//! From the outside in: [`Store`](store) opens the file and opens it again, [`Database`](database) is an open one,
//! [`readers`] answer gets from transactions they keep, [`queue`] and [`writer`] commit puts and evict in the same step,
//! [`ledger`] knows how full each space is, [`tags`] is what was invalidated by tag, [`log`] keeps the log short, [`scores`] is the order, [`recency`] what hits do to it, [`evict`] who leaves.
//! [`tick`] keeps house, [`words`] and [`watch`] tell of other processes, [`quarantine`] sets damaged files aside,
//! [`schema`] is the tables, [`path`] where the file lies and whose it is.

mod connect;
mod database;
mod evict;
mod hash;
mod ledger;
mod log;
mod path;
mod quarantine;
mod queue;
mod readers;
mod recency;
mod schema;
mod scores;
mod store;
mod tags;
#[cfg(test)]
mod testing;
mod tick;
mod watch;
mod words;
mod writer;

use memolith_core::{Backend, Record, Result, Space, TagState, Timestamp, Visit, Watch};
use parking_lot::Mutex;
use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};
use watch::{REMOVED, TAKEN_BACK, UNTAGGED};

/// How long any lock is waited for.
const PATIENCE: Duration = Duration::from_millis(250);

/// How often the path is looked at, for a file that was deleted or replaced.
const CHECKED: Duration = Duration::from_millis(50);

/// Entries that a scan removes in one step, at most.
const SHOWN: usize = 256;

/// Keeps bytes in a SQLite database that outlives the process and is shared by several.
///
/// Every put is committed when it returns. After a crash of the process nothing committed is lost; after a loss of power
/// the last entries may be, up to the last [`flush`](Backend::flush), and the file is consistent.
/// Bounds and counts are exact under any number of processes.
/// Another process's puts are seen after 5 ms. What it removes or clears, no cache in front of this file serves from
/// memory once its call has returned, on Linux: caches look at a word that all processes share. Elsewhere, and where
/// `NAME.lock` cannot be written or something else than a cache removes, they are told within a tenth of a second.
///
/// The file is opened at the first use. One that is locked, missing, unreadable or full answers errors, each in bounded
/// time, and is tried again every second; one that is damaged is set aside as `NAME.corrupt-<milliseconds since 1970>`
/// and begun anew; one that is deleted or replaced while in use is opened anew within 50 ms.
/// A read-only file is read.
/// SQLite cannot be carried across a `fork`: in the child, a file that was open before answers errors, after 5 ms at
/// most, and stays open until the child ends. Fork first, then open.
///
/// Beside the file lie `NAME-wal` and `NAME-shm` while it is in use, and `NAME.lock`, which stays: whoever opens the file
/// takes its turn by it, and in its 4 KiB are the words. Deleted alone, it leaves those who have it with the tenth of a
/// second.
/// Files are made readable by their owner alone. Network file systems are no place for them.
/// The database itself may be cut or overwritten in place: that is damage like any other. `NAME-shm` and `NAME.lock` may
/// not be cut, because they are mapped into memory, and whoever reads what was cut off ends with a bus error.
#[derive(Clone)]
pub struct Sqlite {
    handle: Arc<Handle>,
}

impl fmt::Debug for Sqlite {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Sqlite").field(&self.handle.store.place()).finish()
    }
}

/// The last handle ends the thread.
#[derive(Debug)]
struct Handle {
    // Dropped first: the thread uses the store.
    tick: Option<tick::Tick>,
    store: Arc<store::Store>,
}

/// The handles of this process: SQLite's locks are those of the process, not of a connection.
static HANDLES: Mutex<Vec<(PathBuf, Weak<Handle>)>> = Mutex::new(vec![]);

impl Sqlite {
    /// The database in the file `path`, or in memory for `:memory:`. Two with the same path share all within a process.
    ///
    /// The directory is made if there is none, readable by its owner alone. The file is opened when it is first used.
    ///
    /// # Errors
    /// [`Config`](memolith_core::ErrorKind::Config) when the path names no file or a symbolic link, the file is another
    /// user's, or its directory cannot be made.
    pub fn open(path: impl AsRef<Path>) -> Result<Sqlite> {
        Ok(Sqlite { handle: Handle::shared(path::Place::named(path.as_ref())?) })
    }

    /// The file `cache.db` in the directory of `app` in the user's cache directory: `$XDG_CACHE_HOME` or `~/.cache`,
    /// `~/Library/Caches` on macOS, `%LOCALAPPDATA%` on Windows.
    ///
    /// # Errors
    /// [`Config`](memolith_core::ErrorKind::Config) when the environment names no such directory.
    pub fn default_place(app: &str) -> Result<PathBuf> {
        path::default_place(app)
    }

    fn with<T>(&self, work: impl FnOnce(&database::Database, Instant) -> rusqlite::Result<T>) -> Result<T> {
        self.handle.store.with(work)
    }

    /// As [`with`](Self::with), for work that leaves a read transaction open.
    fn read<T>(&self, work: impl FnOnce(&database::Database, Instant) -> rusqlite::Result<T>) -> Result<T> {
        let result = self.with(work);
        self.wake();
        result
    }

    fn wake(&self) {
        if let Some(tick) = &self.handle.tick {
            tick.wake();
        }
    }

    fn invalidate<T>(
        &self,
        (space, by): (&Space, i64),
        work: impl FnOnce(&mut writer::Writer) -> rusqlite::Result<T>,
    ) -> Result<T> {
        let watchers = &self.handle.store.watchers;
        let mut others = vec![];
        let result = self.with(|database, _| {
            database.write_then(work, || {
                database.words().removed();
                others = watchers.own(&space.name, by);
            })
        });
        others.iter().for_each(|watch| if by == TAKEN_BACK { watch.taken_back() } else { watch.invalidated() });
        result
    }
}

impl Handle {
    fn shared(place: path::Place) -> Arc<Handle> {
        let path::Place::File(path) = place.clone() else {
            // In memory there are no idle readers and no other processes to look after.
            return Arc::new(Handle { tick: None, store: Arc::new(store::Store::new(place)) });
        };
        let mut handles = HANDLES.lock();
        handles.retain(|(_, handle)| handle.strong_count() > 0);
        let open = handles.iter().find(|(other, _)| *other == path).and_then(|(_, handle)| handle.upgrade());
        open.unwrap_or_else(|| {
            let store = Arc::new(store::Store::new(place));
            let handle = Arc::new(Handle { tick: Some(tick::Tick::start(&store)), store });
            handles.push((path, Arc::downgrade(&handle)));
            handle
        })
    }
}

impl Backend for Sqlite {
    fn open(&self, space: &Space) -> Result<()> {
        self.read(|database, _| database.open_space(space))
    }

    fn get(&self, space: &Space, key: &[u8], now: Timestamp) -> Result<Option<Record>> {
        self.read(|database, at| database.get(space, key, (now, at)))
    }

    fn put(&self, space: &Space, key: &[u8], record: &Record, now: Timestamp) -> Result<()> {
        self.with(|database, _| database.put(writer::Put { space, entries: &[(key, record)], now }))
    }

    fn put_many(&self, space: &Space, entries: &[(Vec<u8>, Record)], now: Timestamp) -> Result<()> {
        let entries: Vec<(&[u8], &Record)> = entries.iter().map(|(key, record)| (key.as_slice(), record)).collect();
        self.with(|database, _| database.put(writer::Put { space, entries: &entries, now }))
    }

    fn remove(&self, space: &Space, key: &[u8]) -> Result<bool> {
        self.invalidate((space, REMOVED), |writer| writer.remove(space, key))
    }

    fn take_back(&self, space: &Space, key: &[u8], record: Option<&Record>) -> Result<bool> {
        self.invalidate((space, TAKEN_BACK), |writer| writer.take_back(space, key, record))
    }

    fn clear(&self, space: &Space) -> Result<()> {
        self.invalidate((space, REMOVED), |writer| writer.clear(space))
    }

    fn len(&self, space: &Space) -> Result<u64> {
        self.with(|database, _| database.len(space))
    }

    fn scan(&self, space: &Space, now: Timestamp, visit: &mut dyn FnMut(&[u8], &Record) -> Visit) -> Result<()> {
        let rows = self.read(|database, _| database.rows(space))?;
        let mut removed = vec![];
        for row in rows {
            // One at a time, and no lock while it is visited.
            let Some((key, record)) = self.read(|database, _| database.row(space, row, now))? else { continue };
            match visit(&key, &record) {
                Visit::Keep => {}
                Visit::Remove => removed.push((row, record)),
                Visit::Stop => break,
            }
            if removed.len() >= SHOWN {
                self.invalidate((space, REMOVED), |writer| writer.remove_shown(space, &removed))?;
                removed.clear();
            }
        }
        if removed.is_empty() {
            return Ok(());
        }
        self.invalidate((space, REMOVED), |writer| writer.remove_shown(space, &removed))
    }

    fn flush(&self) -> Result<()> {
        self.with(|database, _| {
            database.write_hits(&database.hits().take(usize::MAX))?;
            database.sync()
        })
    }

    fn tags(&self, tags: &[&[u8]]) -> Result<TagState> {
        self.read(|database, _| database.tags(tags))
    }

    fn invalidate_tags(&self, tags: &[&[u8]]) -> Result<TagState> {
        self.invalidate((&Space::of_tags(), UNTAGGED), |writer| writer.invalidate_tags(tags))
    }

    fn identity(&self) -> usize {
        Arc::as_ptr(&self.handle).addr()
    }

    /// The word tells before a removal returns; what it does not tell is told at most a tenth of a second late.
    fn watch(&self, space: &Space, watch: Weak<dyn Watch>) {
        let watchers = &self.handle.store.watchers;
        // Added under the writer's lock, so that no invalidation falls between the look and the list.
        let added = self.with(|database, _| {
            let writer = database.writer()?;
            watchers.add((&space.name, Some(writer.generation(&space.name)?)), watch.clone());
            database.renew_readers();
            Ok(())
        });
        if added.is_err() {
            watchers.add((&space.name, None), watch);
        }
        if let Some(database) = self.handle.store.open_now() {
            watchers.follow(database.words());
        }
        self.wake();
    }
}
