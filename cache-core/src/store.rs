//! The byte half of the byte tier: a backend, a space in it, and the queue before it. It knows no types.

use crate::backend::{AsyncBackend, Backend, Record, Space, Visit, Watch};
use crate::behind::{Behind, Writes};
use crate::error::Result;
use crate::fault::{BACKEND, Report, panicked, unpanicked};
use crate::offload::offload;
use crate::time::Timestamp;
use parking_lot::RwLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};

/// One space of a backend.
#[derive(Debug)]
pub(crate) struct Store {
    backend: Arc<dyn Backend>,
    space: RwLock<Arc<Space>>,
    behind: Option<Behind>,
    stale: Arc<Stale>,
}

/// Set when another process has invalidated something: the memory tier is to be dropped.
#[derive(Debug, Default)]
pub(crate) struct Stale(AtomicBool);

impl Watch for Stale {
    fn invalidated(&self) {
        // Pairs with the Acquire in `take`: who drops its copies afterwards reads what the other process left.
        self.0.store(true, Ordering::Release);
    }
}

impl Stale {
    #[inline]
    fn take(&self) -> bool {
        self.0.load(Ordering::Relaxed) && self.0.swap(false, Ordering::Acquire)
    }
}

impl Store {
    pub(crate) fn new(backend: Arc<dyn Backend>, space: Space, writes: Writes, report: &Report) -> Self {
        let space = Arc::new(space);
        let stale = Arc::new(Stale::default());
        let watch: Weak<Stale> = Arc::downgrade(&stale);
        backend.watch(&space, watch);
        let behind = match writes {
            Writes::Through => None,
            Writes::Behind => Some(Behind::new(Arc::clone(&backend), Arc::clone(&space), Arc::clone(report))),
        };
        Store { backend, space: RwLock::new(space), behind, stale }
    }

    /// Whether another process has invalidated something since the last time this was asked.
    #[inline]
    pub(crate) fn went_stale(&self) -> bool {
        self.stale.take()
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
        if let Some(behind) = &self.behind {
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
            Some(native) => native.get(&space, key, now).await,
            None => {
                let (backend, key) = (Arc::clone(&backend), key.to_vec());
                offloaded(move || backend.get(&space, &key, now)).await
            }
        }
    }

    pub(crate) fn put(&self, key: &[u8], record: Record, now: Timestamp) -> Result<()> {
        match &self.behind {
            Some(behind) => behind.put(key, record, now),
            None => unpanicked(BACKEND, || self.backend.put(&self.space(), key, &record, now)),
        }
    }

    /// The backend's own asynchronous side, unless puts go to the queue anyway.
    pub(crate) fn native(&self) -> Option<&dyn AsyncBackend> {
        self.backend.as_async().filter(|_| self.behind.is_none())
    }

    /// Whether a put only goes to the queue.
    pub(crate) fn is_behind(&self) -> bool {
        self.behind.is_some()
    }

    pub(crate) fn remove(&self, key: &[u8]) -> Result<bool> {
        let remove = || unpanicked(BACKEND, || self.backend.remove(&self.space(), key));
        match &self.behind {
            Some(behind) => behind.remove(key, remove),
            None => remove(),
        }
    }

    pub(crate) fn clear(&self) -> Result<()> {
        let clear = || unpanicked(BACKEND, || self.backend.clear(&self.space()));
        match &self.behind {
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
        if let Some(behind) = &self.behind {
            behind.flush()?;
        }
        unpanicked(BACKEND, || self.backend.flush())
    }

    fn queued(&self, key: &[u8]) -> Option<Record> {
        self.behind.as_ref()?.get(key)
    }
}

async fn offloaded<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    offload(work).await.unwrap_or_else(|| Err(panicked(BACKEND)))
}
