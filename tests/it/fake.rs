//! A backend that does as a test tells it: fails, panics, stands still, and lets the test act in the middle of an operation.

#![expect(clippy::unwrap_used, reason = "tests")]

use memolith::backends::Memory;
use memolith::{
    AsyncBackend, Backend, BoxFuture, Claim, Error, ErrorKind, Record, Result, Space, Timestamp, Visit, Watch,
};
use std::collections::HashMap;
use std::fmt;
use std::future::poll_fn;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, Mutex, Weak};
use std::task::Poll;
use std::time::{Duration, Instant};

/// A moment within an operation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Moment {
    Open,
    Get,
    /// The record was read and not returned yet.
    Got,
    Put,
    /// The record is in place, and `put` has not returned.
    Stored,
    Remove,
    Removed,
    Clear,
    Cleared,
    Claim,
}

type Hook = Arc<dyn Fn(Moment) + Send + Sync>;

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Fault {
    #[default]
    None,
    Fails,
    Panics,
}

#[derive(Default)]
pub(crate) struct Fake {
    entries: Mutex<HashMap<Vec<u8>, Record>>,
    last: Mutex<Option<(Vec<u8>, Record)>>,
    fault: Mutex<Fault>,
    /// As the last `open` that succeeded says.
    maxsize: Mutex<Option<u64>>,
    hook: Mutex<Option<Hook>>,
    watch: Mutex<Option<Weak<dyn Watch>>>,
    native: bool,
    /// Turns of the executor that its asynchronous side takes more, before what it does and after that.
    turns: usize,
    claims: Option<Memory>,
    pub(crate) gets: AtomicU64,
    pub(crate) puts: AtomicU64,
    /// Batches of these.
    pub(crate) batches_got: AtomicU64,
    pub(crate) batches_put: AtomicU64,
    /// Claims asked for, and those among them that may wait.
    pub(crate) claims_asked: AtomicU64,
    pub(crate) claims_awaited: AtomicU64,
}

impl Fake {
    pub(crate) fn new() -> Arc<Self> {
        Arc::new(Fake::default())
    }

    /// With an asynchronous side.
    pub(crate) fn native() -> Arc<Self> {
        Arc::new(Fake { native: true, ..Fake::default() })
    }

    /// With an asynchronous side that takes so many turns of the executor more before what it does, and after that.
    pub(crate) fn slow(turns: usize) -> Arc<Self> {
        Arc::new(Fake { native: true, turns, ..Fake::default() })
    }

    /// One that keeps claims.
    pub(crate) fn claiming() -> Arc<Self> {
        Arc::new(Fake { claims: Some(Memory::new()), ..Fake::default() })
    }

    /// One that keeps claims, with an asynchronous side that does so too.
    pub(crate) fn native_claiming() -> Arc<Self> {
        Arc::new(Fake { native: true, claims: Some(Memory::new()), ..Fake::default() })
    }

    pub(crate) fn fault(&self, fault: Fault) {
        *self.fault.lock().unwrap() = fault;
    }

    /// Runs `hook` at every moment, outside of the fake's own locks.
    pub(crate) fn at(&self, hook: impl Fn(Moment) + Send + Sync + 'static) {
        *self.hook.lock().unwrap() = Some(Arc::new(hook));
    }

    /// Another process has invalidated something.
    pub(crate) fn invalidated(&self) {
        let watch = self.watch.lock().unwrap().clone();
        watch.and_then(|watch| watch.upgrade()).unwrap().invalidated();
    }

    /// Another process has taken back something.
    pub(crate) fn taken_back(&self) {
        let watch = self.watch.lock().unwrap().clone();
        watch.and_then(|watch| watch.upgrade()).unwrap().taken_back();
    }

    /// From now on removals are told by `word`.
    pub(crate) fn follow(&self, word: &'static AtomicU64) {
        let watch = self.watch.lock().unwrap().clone();
        watch.and_then(|watch| watch.upgrade()).unwrap().follow(word);
    }

    pub(crate) fn maxsize(&self) -> Option<u64> {
        *self.maxsize.lock().unwrap()
    }

    pub(crate) fn held(&self) -> usize {
        self.entries.lock().unwrap().len()
    }

    /// As another process would.
    pub(crate) fn wipe(&self) {
        self.entries.lock().unwrap().clear();
    }

    /// Puts once more what was put last, as a write does that was under way for long.
    pub(crate) fn restore(&self) {
        self.entries.lock().unwrap().extend(self.last.lock().unwrap().clone());
    }

    async fn breath(&self) {
        for _ in 0..=self.turns {
            breath().await;
        }
    }

    fn moment(&self, moment: Moment) -> Result<()> {
        let hook = self.hook.lock().unwrap().clone();
        hook.into_iter().for_each(|hook| hook(moment));
        let fault = *self.fault.lock().unwrap();
        match fault {
            Fault::None => Ok(()),
            Fault::Fails => Err(Error::new(ErrorKind::Unavailable, "the fake fails")),
            Fault::Panics => panic!("the fake panics"),
        }
    }
}

impl fmt::Debug for Fake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Fake")
    }
}

impl Backend for Fake {
    fn open(&self, space: &Space) -> Result<()> {
        self.moment(Moment::Open)?;
        *self.maxsize.lock().unwrap() = space.maxsize;
        let most = space.maxsize.map_or(usize::MAX, |most| usize::try_from(most).unwrap());
        let mut entries = self.entries.lock().unwrap();
        while entries.len() > most {
            let key = entries.keys().next().unwrap().clone();
            entries.remove(&key);
        }
        Ok(())
    }

    fn get(&self, _: &Space, key: &[u8], now: Timestamp) -> Result<Option<Record>> {
        self.gets.fetch_add(1, Relaxed);
        self.moment(Moment::Get)?;
        let found = self.entries.lock().unwrap().get(key).filter(|record| record.expires > now).cloned();
        self.moment(Moment::Got)?;
        Ok(found)
    }

    fn put(&self, _: &Space, key: &[u8], record: &Record, _: Timestamp) -> Result<()> {
        self.puts.fetch_add(1, Relaxed);
        self.moment(Moment::Put)?;
        self.entries.lock().unwrap().insert(key.to_vec(), record.clone());
        *self.last.lock().unwrap() = Some((key.to_vec(), record.clone()));
        self.moment(Moment::Stored)
    }

    fn get_many(&self, space: &Space, keys: &[&[u8]], now: Timestamp) -> Result<Vec<Option<Record>>> {
        self.batches_got.fetch_add(1, Relaxed);
        keys.iter().map(|key| Backend::get(self, space, key, now)).collect()
    }

    fn put_many(&self, space: &Space, entries: &[(Vec<u8>, Record)], now: Timestamp) -> Result<()> {
        self.batches_put.fetch_add(1, Relaxed);
        entries.iter().try_for_each(|(key, record)| Backend::put(self, space, key, record, now))
    }

    fn remove(&self, _: &Space, key: &[u8]) -> Result<bool> {
        self.moment(Moment::Remove)?;
        let removed = self.entries.lock().unwrap().remove(key);
        self.moment(Moment::Removed)?;
        Ok(removed.is_some())
    }

    fn take_back(&self, space: &Space, key: &[u8], record: Option<&Record>) -> Result<bool> {
        let is_there = |record: &Record| self.entries.lock().unwrap().get(key) == Some(record);
        if record.is_none_or(is_there) { Backend::remove(self, space, key) } else { Ok(false) }
    }

    fn clear(&self, _: &Space) -> Result<()> {
        self.moment(Moment::Clear)?;
        self.entries.lock().unwrap().clear();
        self.moment(Moment::Cleared)
    }

    fn len(&self, _: &Space) -> Result<u64> {
        Ok(self.entries.lock().unwrap().len() as u64)
    }

    fn scan(&self, _: &Space, _: Timestamp, visit: &mut dyn FnMut(&[u8], &Record) -> Visit) -> Result<()> {
        self.moment(Moment::Get)?;
        let entries: Vec<_> = self.entries.lock().unwrap().clone().into_iter().collect();
        for (key, record) in entries {
            match visit(&key, &record) {
                Visit::Keep => {}
                Visit::Remove => _ = self.entries.lock().unwrap().remove(&key),
                _ => break,
            }
        }
        self.moment(Moment::Removed)
    }

    fn claim(&self, space: &Space, key: &[u8], wait: Duration) -> Result<Option<Claim>> {
        self.claims_asked.fetch_add(1, Relaxed);
        self.claims_awaited.fetch_add(u64::from(!wait.is_zero()), Relaxed);
        self.moment(Moment::Claim)?;
        self.claims.as_ref().map_or_else(|| Ok(Some(Claim::default())), |claims| claims.claim(space, key, wait))
    }

    fn watch(&self, _: &Space, watch: Weak<dyn Watch>) {
        *self.watch.lock().unwrap() = Some(watch);
    }

    fn as_async(&self) -> Option<&dyn AsyncBackend> {
        self.native.then_some(self as &dyn AsyncBackend)
    }
}

impl AsyncBackend for Fake {
    fn get<'a>(&'a self, space: &'a Space, key: &'a [u8], now: Timestamp) -> BoxFuture<'a, Result<Option<Record>>> {
        Box::pin(async move {
            self.breath().await;
            let found = Backend::get(self, space, key, now);
            self.breath().await;
            found
        })
    }

    fn put<'a>(
        &'a self,
        space: &'a Space,
        key: &'a [u8],
        record: &'a Record,
        now: Timestamp,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            self.breath().await;
            let put = Backend::put(self, space, key, record, now);
            self.breath().await;
            put
        })
    }

    fn get_many<'a>(
        &'a self,
        space: &'a Space,
        keys: &'a [&'a [u8]],
        now: Timestamp,
    ) -> BoxFuture<'a, Result<Vec<Option<Record>>>> {
        Box::pin(async move {
            self.breath().await;
            let found = Backend::get_many(self, space, keys, now);
            self.breath().await;
            found
        })
    }

    fn put_many<'a>(
        &'a self,
        space: &'a Space,
        entries: &'a [(Vec<u8>, Record)],
        now: Timestamp,
    ) -> BoxFuture<'a, Result<()>> {
        Box::pin(async move {
            self.breath().await;
            let put = Backend::put_many(self, space, entries, now);
            self.breath().await;
            put
        })
    }

    fn remove<'a>(&'a self, space: &'a Space, key: &'a [u8]) -> BoxFuture<'a, Result<bool>> {
        Box::pin(async move {
            self.breath().await;
            let removed = Backend::remove(self, space, key);
            self.breath().await;
            removed
        })
    }

    fn claim<'a>(
        &'a self,
        space: &'a Space,
        key: &'a [u8],
        wait: Duration,
    ) -> Option<BoxFuture<'a, Result<Option<Claim>>>> {
        let claims = self.claims.as_ref()?;
        self.claims_asked.fetch_add(1, Relaxed);
        self.claims_awaited.fetch_add(u64::from(!wait.is_zero()), Relaxed);
        Some(Box::pin(async move {
            self.moment(Moment::Claim)?;
            let start = Instant::now();
            loop {
                let claim = claims.claim(space, key, Duration::ZERO)?;
                if claim.is_some() || start.elapsed() >= wait {
                    return Ok(claim);
                }
                breath().await;
            }
        }))
    }
}

/// One turn of the executor.
pub(crate) async fn breath() {
    let mut taken = false;
    poll_fn(|context| {
        if std::mem::replace(&mut taken, true) {
            return Poll::Ready(());
        }
        context.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}
