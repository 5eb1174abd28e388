//! The byte half of the byte tier: a backend, a space in it, and the queue before it. It knows no types.

mod away;
mod many;

use crate::backend::{AsyncBackend, Backend, Claim, Record, Space, Visit};
use crate::behind::{Behind, Queued, Superseded, Writes};
use crate::dooms::{Before, Doom, Dooms};
use crate::error::{Error, ErrorKind, Result};
use crate::fault::{BACKEND, Report, panicked, unpanicked, unpanicked_async};
use crate::offload::{offload, offload_wait};
use crate::stale::{Basis, Mark, Removal, Stale};
use crate::stop::{Stop, attend};
use crate::tags::{Carried, Hears, Ledger, Verdict};
use crate::time::Timestamp;
use parking_lot::RwLock;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

/// How long a claim is waited for at a time. In between the backend is asked for what others have put there without a
/// claim, and the board for an invalidation; and whatever is blocked on behalf of a cancelled task is free again.
const PIECE: Duration = Duration::from_millis(250);
/// The same for backends with claims for tasks: they tell who waits when it is over, and to ask them costs others something.
const TOLD: Duration = Duration::from_secs(5);

/// One space of a backend.
pub(crate) struct Store {
    backend: Arc<dyn Backend>,
    space: RwLock<Arc<Space>>,
    /// The space as it was at first, and whether it is another by now: most never are, and a lock costs as much as a hit.
    first: Arc<Space>,
    changed: AtomicBool,
    near: bool,
    behind: Option<Behind>,
    stale: Arc<Stale>,
    dooms: Arc<Dooms>,
    /// Where errors are told that no caller is there to see.
    report: Report,
    /// What is known of the backend's tags, from when an entry carries one.
    tags: OnceLock<Arc<Ledger>>,
    /// Whether the space could not be opened, and so may keep bounds of before.
    unopened: AtomicBool,
}

impl fmt::Debug for Store {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut debug = f.debug_struct("Store");
        debug.field("backend", &self.backend).field("space", &self.space).finish_non_exhaustive()
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
        // Nothing is in memory yet.
        stale.news().into_iter().for_each(|news| stale.heed(news));
        let dooms = Arc::new(Dooms::default());
        let invalid = || (Arc::clone(&dooms), Arc::clone(&stale));
        let queue = || Behind::new(Arc::clone(&backend), Arc::clone(&space), invalid(), Arc::clone(report));
        let behind = (writes == Writes::Behind).then(queue);
        let (first, near) = (Arc::clone(&space), backend.is_near());
        Store {
            backend,
            space: RwLock::new(space),
            first,
            changed: AtomicBool::new(false),
            near,
            behind,
            stale,
            dooms,
            report: Arc::clone(report),
            tags: OnceLock::new(),
            unopened: AtomicBool::new(false),
        }
    }

    /// What others have removed and nobody has heeded yet.
    #[inline]
    pub(crate) fn news(&self) -> Option<u64> {
        self.stale.news()
    }

    /// What others have removed, as a mark that changes with it.
    pub(crate) fn mark(&self, basis: Basis) -> Mark {
        self.stale.mark(basis)
    }

    /// Whether others may have removed a value since its `mark` was made.
    pub(crate) fn is_past(&self, mark: Mark) -> bool {
        self.stale.is_past(mark)
    }

    /// Whether `news` is of removals, and not of values alone that others have taken back.
    pub(crate) fn tells_of_removals(&self, news: u64) -> bool {
        self.stale.tells_of_removals(news)
    }

    /// The memory tier was dropped because of `news`.
    pub(crate) fn heed(&self, news: u64) {
        self.stale.heed(news);
    }

    pub(crate) fn space(&self) -> Arc<Space> {
        Arc::clone(&self.space.read())
    }

    /// Prepares the space. If the backend is busy or away, the operations that follow try again.
    pub(crate) fn open(&self) -> Result<()> {
        loop {
            let space = self.space();
            let opened = unpanicked(BACKEND, || self.backend.open(&space));
            let current = self.space.read();
            // Of two bounds at once the backend may have been told the later one first.
            if !Arc::ptr_eq(&current, &space) {
                continue;
            }
            let passing = |error: &Error| matches!(error.kind(), ErrorKind::Busy | ErrorKind::Unavailable);
            self.unopened.store(opened.as_ref().is_err_and(passing), Ordering::Release);
            return opened;
        }
    }

    /// Opens what could not be opened; the operation that follows tells the error.
    fn open_at_last(&self) {
        if self.unopened.load(Ordering::Acquire) {
            let _ = self.open();
        }
    }

    /// Gives the space another bound. It is read while no other can be given, so that the last one read stays.
    pub(crate) fn set_maxsize(&self, maxsize: impl FnOnce() -> Option<u64>) -> Result<()> {
        {
            let mut current = self.space.write();
            let mut space = Space::clone(&current);
            space.maxsize = maxsize();
            *current = Arc::new(space);
            self.changed.store(true, Ordering::Release);
            if let Some(behind) = self.behind() {
                behind.set_space(Arc::clone(&current));
            }
        }
        self.open()
    }

    /// Whether the backend is to be asked before other callers are.
    pub(crate) fn is_near(&self) -> bool {
        self.near
    }

    /// As [`get`](Self::get), where all is as it should be; else nothing is shown. The caller catches what panics.
    pub(crate) fn get_with(&self, key: &[u8], now: Timestamp, show: &mut dyn FnMut(&[u8])) -> Result<()> {
        let quiet = self.behind.is_none() && !self.unopened.load(Ordering::Acquire) && self.dooms.of(key).is_none();
        if !quiet {
            return Ok(());
        }
        let changed = self.changed.load(Ordering::Acquire).then(|| self.space());
        let space = changed.as_ref().unwrap_or(&self.first);
        self.backend.get_with(space, key, now, &mut |value, _| show(value))
    }

    pub(crate) fn get(&self, key: &[u8], now: Timestamp) -> Result<Option<Record>> {
        if let Some(queued) = self.queued(key) {
            return Ok(queued.record);
        }
        self.open_at_last();
        // What could not be removed when it was invalidated is removed now, or is no answer.
        match self.dooms.of(key) {
            Some(Doom::Key) => return self.remove(key).map(|_| None),
            Some(Doom::Space) => return self.clear().map(|()| None),
            None => {}
        }
        let record = unpanicked(BACKEND, || self.backend.get(&self.space(), key, now))?;
        if record.is_none() && self.is_unsure() {
            let _ = self.tags().look();
        }
        Ok(record)
    }

    pub(crate) async fn get_async(self: &Arc<Self>, key: &[u8], now: Timestamp) -> Result<Option<Record>> {
        if let Some(queued) = self.queued(key) {
            return Ok(queued.record);
        }
        let ready = !self.unopened.load(Ordering::Acquire) && self.dooms.of(key).is_none() && !self.is_unsure();
        match self.backend.as_async().filter(|_| ready) {
            Some(native) => unpanicked_async(async { native.get(&self.space(), key, now).await }).await,
            None => {
                let (store, key) = (Arc::clone(self), key.to_vec());
                offload(move || store.get(&key, now)).await.unwrap_or_else(|| Err(panicked(BACKEND)))
            }
        }
    }

    /// The backend's tags. A cache that has asked for none of its own drops its memory tier when one is invalidated.
    pub(crate) fn tags(&self) -> &Arc<Ledger> {
        self.tags.get_or_init(|| Ledger::of(&self.backend, &self.stale, Hears::That).0)
    }

    /// From now on entries carry tags, and the cache knows which.
    pub(crate) fn keep_tags(&self) -> Result<()> {
        let (ledger, begun) = Ledger::of(&self.backend, &self.stale, Hears::Which);
        let _ = self.tags.set(ledger);
        // Nothing is in memory yet.
        self.stale.news().into_iter().for_each(|news| self.stale.heed(news));
        begun
    }

    /// Asks how far the backend's tags have come, for a value that nobody has looked for there: entries that say less than
    /// that may be invalid already.
    pub(crate) fn ask_of_tags(&self) -> Result<()> {
        if self.is_unsure() { self.tags().look() } else { Ok(()) }
    }

    /// As [`ask_of_tags`](Self::ask_of_tags), off the executor.
    pub(crate) async fn ask_of_tags_async(self: &Arc<Self>) -> Result<()> {
        if self.is_unsure() { self.away(Store::ask_of_tags).await } else { Ok(()) }
    }

    /// Whether a computation that begins now would not know how far the backend's tags have come.
    fn is_unsure(&self) -> bool {
        self.tags.get().is_some_and(|tags| !tags.is_ready())
    }

    /// Whether none of an entry's tags was invalidated since its computation began.
    pub(crate) fn is_good(&self, carried: &Carried) -> Result<bool> {
        self.tags().is_good(carried)
    }

    /// As [`is_good`](Self::is_good), off the executor where the backend has to be asked.
    pub(crate) async fn is_good_async(self: &Arc<Self>, carried: &Arc<Carried>) -> Result<bool> {
        if let Some(known) = self.tags.get().map(|tags| tags.verdict(carried))
            && known != Verdict::Unknown
        {
            return Ok(known == Verdict::Good);
        }
        let (store, carried) = (Arc::clone(self), Arc::clone(carried));
        offload(move || store.is_good(&carried)).await.unwrap_or_else(|| Err(panicked(BACKEND)))
    }

    /// Puts. If the record only goes to the queue, that has it and the claim from then on, unless it is superseded.
    pub(crate) fn put(
        &self,
        key: &[u8],
        (held, mark, claim): (&mut Option<Record>, Mark, &mut Option<Claim>),
        (superseded, now): (Superseded<'_>, Timestamp),
    ) -> Result<()> {
        self.open_at_last();
        let Some(record) = held.take() else { return Ok(()) };
        match self.behind() {
            Some(behind) => behind.put(key, (record, mark, claim), (superseded, now)),
            None => {
                let before = self.dooms.before();
                let record = held.insert(record);
                unpanicked(BACKEND, || self.backend.put(&self.space(), key, record, now))?;
                self.dooms.lift(key, before);
                Ok(())
            }
        }
    }

    /// As [`put`](Self::put) through `native`.
    pub(crate) async fn put_async(
        &self,
        native: &dyn AsyncBackend,
        key: &[u8],
        record: &Record,
        now: Timestamp,
    ) -> Result<()> {
        let before = self.dooms.before();
        unpanicked_async(async { native.put(&self.space(), key, record, now).await }).await?;
        self.dooms.lift(key, before);
        Ok(())
    }

    /// Announces that `key` is computed here; none if it still is elsewhere after a part of `wait`.
    pub(crate) fn claim<S: Stop>(
        &self,
        key: &[u8],
        wait: Duration,
        stop: &S,
    ) -> std::result::Result<Result<Option<Claim>>, S::Left> {
        if !wait.is_zero() {
            match attend(self.claim_native(key, wait), stop)? {
                Ok(None) => {}
                claimed => return Ok(claimed.map(Option::flatten)),
            }
        }
        let piece = stop.piece(wait.min(PIECE));
        Ok(unpanicked(BACKEND, || self.backend.claim(&self.space(), key, piece)))
    }

    pub(crate) async fn claim_async(self: &Arc<Self>, key: &[u8], wait: Duration) -> Result<Option<Claim>> {
        if let Some(claimed) = self.claim_native(key, wait).await? {
            return Ok(claimed);
        }
        let (store, key, piece) = (Arc::clone(self), key.to_vec(), wait.min(PIECE));
        let claim = move || unpanicked(BACKEND, || store.backend.claim(&store.space(), &key, piece));
        let away = if wait.is_zero() { offload(claim) } else { offload_wait(claim) };
        let nowhere = || Error::new(ErrorKind::Unavailable, "no thread could be started to wait for a claim");
        away.await.unwrap_or_else(|| Err(nowhere()))
    }

    /// By the backend's own asynchronous side; none where it has none for claims.
    async fn claim_native(&self, key: &[u8], wait: Duration) -> Result<Option<Option<Claim>>> {
        let space = self.space();
        let native = self.backend.as_async();
        unpanicked_async(async {
            match native.and_then(|native| native.claim(&space, key, wait.min(TOLD))) {
                Some(claiming) => claiming.await.map(Some),
                None => Ok(None),
            }
        })
        .await
    }

    /// The backend's own asynchronous side, unless puts go to the queue anyway.
    pub(crate) fn native(&self) -> Option<&dyn AsyncBackend> {
        self.backend.as_async().filter(|_| self.behind().is_none())
    }

    /// Whether a put only goes to the queue.
    pub(crate) fn is_behind(&self) -> bool {
        self.behind().is_some()
    }

    /// Whether so many records go to the queue without waiting.
    pub(crate) fn has_room(&self, records: usize, bytes: usize) -> bool {
        let is_open = !self.unopened.load(Ordering::Acquire);
        is_open && self.behind().is_some_and(|behind| behind.has_room(records, bytes))
    }

    /// Removes. If that fails, the backend is not believed about `key` until it has been removed or written again.
    pub(crate) fn remove(&self, key: &[u8]) -> Result<bool> {
        let began = (self.dooms.before(), self.removal(key));
        let remove = || unpanicked(BACKEND, || self.backend.remove(&self.space(), key));
        let removed = match self.behind() {
            Some(behind) => behind.remove(key, remove),
            None => remove(),
        };
        self.removed(key, began, removed)
    }

    /// Removes what was written while somebody removed something, perhaps this: `record`, or whatever is there, unless what
    /// has gone to the queue is superseded. Others drop their copies.
    pub(crate) fn take_back(&self, key: &[u8], record: Option<&Record>, superseded: Superseded<'_>) -> Result<bool> {
        let began = (self.dooms.before(), self.stale.taking_back());
        let take = || unpanicked(BACKEND, || self.backend.take_back(&self.space(), key, record));
        let taken = match self.behind() {
            Some(behind) => behind.take_back(key, superseded, take),
            None => take(),
        };
        self.taken(key, began, taken)
    }

    /// As [`take_back`](Self::take_back) through `native`.
    pub(crate) async fn take_back_async(
        &self,
        native: &dyn AsyncBackend,
        key: &[u8],
        record: Option<&Record>,
    ) -> Result<bool> {
        let began = (self.dooms.before(), self.stale.taking_back());
        let taken = unpanicked_async(async { native.take_back(&self.space(), key, record).await }).await;
        self.taken(key, began, taken)
    }

    /// Nothing is said of what others may have put there if nothing was removed.
    fn taken(&self, key: &[u8], began: (Before, Removal<'_>), taken: Result<bool>) -> Result<bool> {
        if let Ok(false) = taken { taken } else { self.removed(key, began, taken) }
    }

    /// As [`remove`](Self::remove) through `native`.
    pub(crate) async fn remove_async(&self, native: &dyn AsyncBackend, key: &[u8]) -> Result<bool> {
        let began = (self.dooms.before(), self.removal(key));
        let removed = unpanicked_async(async { native.remove(&self.space(), key).await }).await;
        self.removed(key, began, removed)
    }

    /// What tells others of the removal of `key`: they know already if it has failed before.
    fn removal(&self, key: &[u8]) -> Removal<'_> {
        if self.dooms.of(key).is_some() { self.stale.removal_again() } else { self.stale.removal() }
    }

    fn removed(&self, key: &[u8], (before, removal): (Before, Removal<'_>), removed: Result<bool>) -> Result<bool> {
        match &removed {
            Ok(_) => self.dooms.lift(key, before),
            Err(_) => {
                if self.dooms.of(key).is_some() {
                    removal.fail_again();
                }
                self.dooms.doom(key);
            }
        }
        removed
    }

    /// As [`remove`](Self::remove) for every key.
    pub(crate) fn clear(&self) -> Result<()> {
        let (before, removal) = (self.dooms.before(), self.removal(&[]));
        let clear = || unpanicked(BACKEND, || self.backend.clear(&self.space()));
        let cleared = match self.behind() {
            Some(behind) => behind.clear(clear),
            None => clear(),
        };
        match &cleared {
            Ok(()) => self.dooms.lift_all(before),
            Err(_) => {
                if self.dooms.of(&[]) == Some(Doom::Space) {
                    removal.fail_again();
                }
                self.dooms.doom_all();
            }
        }
        cleared
    }

    /// Entries held, those in the queue too: it is written out, or counted if a slow batch is in the way.
    pub(crate) fn len(&self) -> Result<u64> {
        self.open_at_last();
        let queued = self.behind().map_or(Ok(0), Behind::settle)?;
        let held = unpanicked(BACKEND, || self.backend.len(&self.space()))?;
        let most = self.space().maxsize.unwrap_or(u64::MAX);
        Ok(if queued == 0 { held } else { held.max((held + queued).min(most)) })
    }

    /// Shows every record to `visit`, which may remove it; others drop their copies in memory whether it does or not,
    /// because what has left the backend is not shown.
    pub(crate) fn scan(&self, now: Timestamp, visit: &mut dyn FnMut(&[u8], &Record) -> Visit) -> Result<()> {
        let _removal = self.stale.removal();
        self.list(now, visit)
    }

    /// As [`scan`](Self::scan) for a `visit` that removes nothing: nobody has to drop anything.
    pub(crate) fn list(&self, now: Timestamp, visit: &mut dyn FnMut(&[u8], &Record) -> Visit) -> Result<()> {
        self.flush()?;
        // What runs inside `visit` is the user's: its panics are the user's to see.
        self.backend.scan(&self.space(), now, visit)
    }

    /// Writes out what is queued.
    pub(crate) fn flush(&self) -> Result<()> {
        if let Some(behind) = self.behind() {
            behind.flush()?;
        }
        unpanicked(BACKEND, || self.backend.flush())
    }

    fn queued(&self, key: &[u8]) -> Option<Queued> {
        self.behind()?.get(key)
    }

    /// The queue before the backend. A forked process has none, and writes through.
    fn behind(&self) -> Option<&Behind> {
        self.behind.as_ref().filter(|behind| !behind.is_forked())
    }
}
