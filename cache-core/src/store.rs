//! The byte half of the byte tier: a backend, a space in it, and the queue before it. It knows no types.

use crate::backend::{AsyncBackend, Backend, Record, Space, Visit, Watch};
use crate::behind::{Behind, Writes};
use crate::error::Result;
use crate::fault::{BACKEND, Report, panicked, unpanicked, unpanicked_async};
use crate::offload::offload;
use crate::time::Timestamp;
use parking_lot::RwLock;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Weak};

/// One space of a backend.
#[derive(Debug)]
pub(crate) struct Store {
    backend: Arc<dyn Backend>,
    space: RwLock<Arc<Space>>,
    behind: Option<Behind>,
    stale: Arc<Stale>,
}

/// Invalidations by other processes, counted: after each the memory tier is to be dropped.
#[derive(Debug, Default)]
pub(crate) struct Stale {
    told: AtomicU64,
    /// How many of them the memory tier has been dropped for. Until then every caller drops it, so that nobody reads
    /// what another is about to drop.
    heeded: AtomicU64,
}

impl Watch for Stale {
    fn invalidated(&self) {
        // Pairs with the Acquire in `news`: who drops its copies afterwards reads what the other process left.
        self.told.fetch_add(1, Ordering::Release);
    }
}

impl Store {
    pub(crate) fn new(backend: Arc<dyn Backend>, space: Space, writes: Writes, report: &Report) -> Self {
        let space = Arc::new(space);
        let stale = Arc::new(Stale::default());
        let watch: Weak<Stale> = Arc::downgrade(&stale);
        // A backend that cannot watch is one that is not heard of.
        let _ = unpanicked(BACKEND, || {
            backend.watch(&space, watch);
            Ok(())
        });
        let behind = match writes {
            Writes::Through => None,
            Writes::Behind => Some(Behind::new(Arc::clone(&backend), Arc::clone(&space), Arc::clone(report))),
        };
        Store { backend, space: RwLock::new(space), behind, stale }
    }

    /// What other processes have invalidated and nobody has heeded yet.
    #[inline]
    pub(crate) fn news(&self) -> Option<u64> {
        // Pairs with the Release in `heed`: who sees it sees memory without what was dropped.
        let heeded = self.stale.heeded.load(Ordering::Acquire);
        let told = self.stale.told.load(Ordering::Acquire);
        (told != heeded).then_some(told)
    }

    /// The memory tier was dropped because of `news`.
    pub(crate) fn heed(&self, news: u64) {
        self.stale.heeded.fetch_max(news, Ordering::Release);
    }

    pub(crate) fn space(&self) -> Arc<Space> {
        Arc::clone(&self.space.read())
    }

    pub(crate) fn open(&self) -> Result<()> {
        unpanicked(BACKEND, || self.backend.open(&self.space()))
    }

    /// Gives the space another bound.
    pub(crate) fn set_maxsize(&self, maxsize: Option<u64>) -> Result<()> {
        let mut space = Space::clone(&self.space());
        space.maxsize = maxsize;
        let space = Arc::new(space);
        if let Some(behind) = self.behind() {
            behind.set_space(Arc::clone(&space));
        }
        *self.space.write() = space;
        self.open()
    }

    pub(crate) fn get(&self, key: &[u8], now: Timestamp) -> Result<Option<Record>> {
        if let Some(record) = self.queued(key) {
            return Ok(Some(record));
        }
        unpanicked(BACKEND, || self.backend.get(&self.space(), key, now))
    }

    pub(crate) async fn get_async(&self, key: &[u8], now: Timestamp) -> Result<Option<Record>> {
        if let Some(record) = self.queued(key) {
            return Ok(Some(record));
        }
        let (backend, space) = (Arc::clone(&self.backend), self.space());
        match backend.as_async() {
            Some(native) => unpanicked_async(async { native.get(&space, key, now).await }).await,
            None => {
                let (backend, key) = (Arc::clone(&backend), key.to_vec());
                offloaded(move || backend.get(&space, &key, now)).await
            }
        }
    }

    pub(crate) fn put(&self, key: &[u8], record: Record, now: Timestamp) -> Result<()> {
        match self.behind() {
            Some(behind) => behind.put(key, record, now),
            None => unpanicked(BACKEND, || self.backend.put(&self.space(), key, &record, now)),
        }
    }

    /// The backend's own asynchronous side, unless puts go to the queue anyway.
    pub(crate) fn native(&self) -> Option<&dyn AsyncBackend> {
        self.backend.as_async().filter(|_| self.behind().is_none())
    }

    /// Whether a put only goes to the queue.
    pub(crate) fn is_behind(&self) -> bool {
        self.behind().is_some()
    }

    pub(crate) fn remove(&self, key: &[u8]) -> Result<bool> {
        let remove = || unpanicked(BACKEND, || self.backend.remove(&self.space(), key));
        match self.behind() {
            Some(behind) => behind.remove(key, remove),
            None => remove(),
        }
    }

    pub(crate) fn clear(&self) -> Result<()> {
        let clear = || unpanicked(BACKEND, || self.backend.clear(&self.space()));
        match self.behind() {
            Some(behind) => behind.clear(clear),
            None => clear(),
        }
    }

    pub(crate) fn len(&self) -> Result<u64> {
        unpanicked(BACKEND, || self.backend.len(&self.space()))
    }

    pub(crate) fn scan(&self, now: Timestamp, visit: &mut dyn FnMut(&[u8], &Record) -> Visit) -> Result<()> {
        self.flush()?;
        // The predicate inside `visit` is the user's: its panics are the user's to see.
        self.backend.scan(&self.space(), now, visit)
    }

    /// Writes out what is queued.
    pub(crate) fn flush(&self) -> Result<()> {
        if let Some(behind) = self.behind() {
            behind.flush()?;
        }
        unpanicked(BACKEND, || self.backend.flush())
    }

    fn queued(&self, key: &[u8]) -> Option<Record> {
        self.behind()?.get(key)
    }

    /// The queue before the backend. A forked process has none, and writes through.
    fn behind(&self) -> Option<&Behind> {
        self.behind.as_ref().filter(|behind| !behind.is_forked())
    }
}

async fn offloaded<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    offload(work).await.unwrap_or_else(|| Err(panicked(BACKEND)))
}
