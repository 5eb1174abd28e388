//! Writing behind: puts are queued, and committed in batches by a thread of their own.

use crate::backend::{Backend, Claim, Record, Space};
use crate::dooms::Dooms;
use crate::error::{Error, ErrorKind, Result};
use crate::fault::{BACKEND, Report, tell, unpanicked};
use crate::stale::{Mark, Stale};
use crate::time::Timestamp;
use parking_lot::{Condvar, Mutex, MutexGuard};
use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

/// When a value is written to the backend.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum Writes {
    /// Before the call that computed it returns.
    #[default]
    Through,
    /// Later, in a batch: the call does not wait for the backend. A process that is killed loses what it computed in
    /// the last few milliseconds (one beat of 2 ms and the time of one batch; longer where the machine gives the writer no
    /// core). What is queued is read like what is written, and is flushed by `Cache::flush`, when the cache is dropped, and
    /// when a thread that wrote ends. If another process removes anything from the space meanwhile, what was queued before
    /// is given up, and what it was to replace is removed: it may be what was removed.
    ///
    /// At the end of the process the queues of all caches are flushed if the main thread has made, or written to, one
    /// with `Behind`, and returns from `main`. Else call `Cache::flush` first: where only other threads that live on have
    /// used such caches, and before `std::process::exit` on another thread or an abort. A batch that the backend refuses
    /// three times is given up, and what it was to replace is removed or not served by this process any more.
    Behind,
}

/// Records queued at most; beyond that a put waits for room.
const QUEUE: usize = 4096;
/// Bytes of keys and records queued; beyond that a put waits for room.
const BYTES: usize = 16 << 20;
/// How long the writer gathers a batch.
const BEAT: Duration = Duration::from_millis(2);
/// How long a put waits for room before it gives its record up.
const PATIENCE: Duration = Duration::from_millis(250);
/// How long the writer lives on without work.
const IDLE: Duration = Duration::from_secs(1);
/// How often a batch is tried before its records are given up.
const TRIES: u32 = 3;

/// The queue before one space.
pub(crate) struct Behind(Arc<Shared>);

struct Shared {
    backend: Arc<dyn Backend>,
    dooms: Arc<Dooms>,
    stale: Arc<Stale>,
    report: Report,
    queue: Mutex<Queue>,
    changed: Condvar,
    /// Held while a batch is written, so that removals come after what was queued before them.
    batch: Mutex<()>,
    /// The process that the writer is a thread of.
    process: u32,
}

struct Queue {
    space: Arc<Space>,
    waiting: HashMap<Vec<u8>, Waiting>,
    /// The bytes of what is waiting.
    bytes: usize,
    writing: Arc<Batch>,
    now: Timestamp,
    /// Whether a writer is alive.
    running: bool,
    /// Whether the cache is gone, and the writer is to end.
    closed: bool,
}

/// A record, and the claim that ends when it is written: not under the lock of the queue, for it is a backend's code.
struct Waiting {
    record: Record,
    /// What others had removed when it was there.
    mark: Mark,
    claim: Option<Claim>,
}

/// What is being written, until nothing of it is to be taken back any more.
#[derive(Default)]
struct Batch {
    /// By key.
    entries: Vec<(Vec<u8>, Record)>,
    /// Those of the entries.
    marks: Vec<Mark>,
    /// Keys whose values others may have removed before they were written: what they were to replace goes.
    outdated: Vec<Vec<u8>>,
}

/// Says whether another value was put in the place of one since, which is queued after that. Asked under the lock of the
/// queue, so that nothing comes between the answer and what it is asked for; it runs nobody's code.
pub(crate) type Superseded<'a> = &'a dyn Fn() -> bool;

/// What the queue has for a key. The backend has nothing newer.
pub(crate) struct Queued {
    /// None if others have removed something since it was there: it may be this.
    pub(crate) record: Option<Record>,
}

impl fmt::Debug for Behind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Behind").field("queued", &self.0.queue.lock().waiting.len()).finish_non_exhaustive()
    }
}

impl Behind {
    pub(crate) fn new(
        backend: Arc<dyn Backend>,
        space: Arc<Space>,
        (dooms, stale): (Arc<Dooms>, Arc<Stale>),
        report: Report,
    ) -> Self {
        let now = Timestamp::from_micros(0);
        let queue = Queue {
            space,
            waiting: HashMap::new(),
            bytes: 0,
            writing: Arc::default(),
            now,
            running: false,
            closed: false,
        };
        let (queue, batch) = (Mutex::new(queue), Mutex::new(()));
        let process = std::process::id();
        let shared = Arc::new(Shared { backend, dooms, stale, report, queue, changed: Condvar::new(), batch, process });
        register(&mut QUEUES.lock(), &shared);
        flush_at_exit(&shared);
        Behind(shared)
    }

    /// Whether this process is a fork of the one whose queue it is: what is queued is the other's to write, and nobody
    /// here gives back the locks that its threads held.
    pub(crate) fn is_forked(&self) -> bool {
        self.0.is_forked()
    }

    pub(crate) fn set_space(&self, space: Arc<Space>) {
        self.0.queue.lock().space = space;
    }

    /// What is queued or being written for `key`.
    pub(crate) fn get(&self, key: &[u8]) -> Option<Queued> {
        let queue = self.0.queue.lock();
        let waiting = queue.waiting.get(key).map(|waiting| (&waiting.record, waiting.mark));
        match waiting.or_else(|| queue.writing.of(key)) {
            Some((record, mark)) => {
                let is_current = !self.0.stale.is_past(mark);
                Some(Queued { record: is_current.then(|| record.clone()) })
            }
            None => queue.writing.is_outdated(key).then_some(Queued { record: None }),
        }
    }

    /// Queues a record, unless it is superseded.
    pub(crate) fn put(
        &self,
        key: &[u8],
        (record, mark, claim): (Record, Mark, &mut Option<Claim>),
        (superseded, now): (Superseded<'_>, Timestamp),
    ) -> Result<()> {
        let shared = &self.0;
        flush_at_exit(shared);
        // Dropped after the lock.
        let _replaced;
        let mut queue = shared.queue.lock();
        let size = key.len() + record.value.len();
        let full = |queue: &mut Queue| !queue.has_room(key, size);
        if full(&mut queue) && shared.changed.wait_while_for(&mut queue, full, PATIENCE).timed_out() {
            return Err(Error::new(ErrorKind::Busy, "the write-behind queue is full; the value was not stored"));
        }
        if superseded() {
            return Ok(());
        }
        let was_full = queue.is_full();
        _replaced = queue.take(key);
        queue.waiting.insert(key.to_vec(), Waiting { record, mark, claim: claim.take() });
        queue.bytes += size;
        queue.now = now;
        if queue.running {
            // The writer waits for the first of a batch, and goes ahead of its time with the last.
            if queue.waiting.len() == 1 || (queue.is_full() && !was_full) {
                shared.changed.notify_all();
            }
            return Ok(());
        }
        let writer = Arc::downgrade(shared);
        let thread = std::thread::Builder::new().name("memolith-writer".into());
        queue.running = thread.spawn(move || write(&writer)).is_ok();
        if queue.running {
            return Ok(());
        }
        drop(queue);
        self.flush()
    }

    /// Whether so many more records, of `bytes` with their keys, would be put without waiting.
    pub(crate) fn has_room(&self, records: usize, bytes: usize) -> bool {
        let queue = self.0.queue.lock();
        queue.waiting.len() + records <= QUEUE && queue.bytes + bytes <= BYTES
    }

    /// Takes `key` out of the queue, and runs `remove` when nothing queued before can be written after it.
    pub(crate) fn remove(&self, key: &[u8], remove: impl FnOnce() -> Result<bool>) -> Result<bool> {
        let _batch = self.0.batch.lock();
        let queued = {
            let mut queue = self.0.queue.lock();
            queue.take(key)
        };
        Ok(remove()? || queued.is_some())
    }

    /// As `remove` for a value that was queued and invalidated since, unless it is superseded.
    pub(crate) fn take_back(
        &self,
        key: &[u8],
        superseded: Superseded<'_>,
        take: impl FnOnce() -> Result<bool>,
    ) -> Result<bool> {
        let _batch = self.0.batch.lock();
        let queued = {
            let mut queue = self.0.queue.lock();
            if superseded() {
                return Ok(false);
            }
            queue.take(key)
        };
        Ok(take()? || queued.is_some())
    }

    /// As `remove` for everything.
    pub(crate) fn clear(&self, clear: impl FnOnce() -> Result<()>) -> Result<()> {
        let _batch = self.0.batch.lock();
        let queued = self.0.queue.lock().take_all();
        drop(queued);
        clear()
    }

    /// Writes what is queued, and returns how much is still queued because a slow batch is in the way.
    pub(crate) fn settle(&self) -> Result<u64> {
        if let Some(batch) = self.0.batch.try_lock_for(PATIENCE) {
            return self.0.drain(batch).map(|()| 0);
        }
        let queue = self.0.queue.lock();
        let new = queue.writing.entries.iter().filter(|(key, _)| !queue.waiting.contains_key(key)).count();
        Ok((queue.waiting.len() + new) as u64)
    }

    /// Writes what is queued.
    pub(crate) fn flush(&self) -> Result<()> {
        self.0.drain(self.0.batch.lock())
    }
}

impl Queue {
    fn is_full(&self) -> bool {
        self.waiting.len() >= QUEUE || self.bytes >= BYTES
    }

    /// Whether `size` bytes under `key` may come in. A record larger than the queue goes alone.
    fn has_room(&self, key: &[u8], size: usize) -> bool {
        let old = self.waiting.get(key).map(|waiting| key.len() + waiting.record.value.len());
        let (others, bytes) = (self.waiting.len() - usize::from(old.is_some()), self.bytes - old.unwrap_or(0));
        others == 0 || (others < QUEUE && bytes + size <= BYTES)
    }

    fn take(&mut self, key: &[u8]) -> Option<Waiting> {
        let waiting = self.waiting.remove(key)?;
        self.bytes -= key.len() + waiting.record.value.len();
        Some(waiting)
    }

    fn take_all(&mut self) -> HashMap<Vec<u8>, Waiting> {
        self.bytes = 0;
        std::mem::take(&mut self.waiting)
    }
}

impl Batch {
    fn new(waiting: Vec<(Vec<u8>, Record, Mark)>, stale: &Stale) -> Self {
        let mut batch = Batch::default();
        for (key, record, mark) in waiting {
            // What others have removed since may be this. It is not written, and what it was to replace goes.
            if stale.is_past(mark) {
                batch.outdated.push(key);
            } else {
                batch.entries.push((key, record));
                batch.marks.push(mark);
            }
        }
        batch
    }

    /// What is written for `key`.
    fn of(&self, key: &[u8]) -> Option<(&Record, Mark)> {
        let at = self.entries.binary_search_by(|(written, _)| written.as_slice().cmp(key)).ok()?;
        Some((&self.entries[at].1, self.marks[at]))
    }

    fn is_outdated(&self, key: &[u8]) -> bool {
        self.outdated.binary_search_by(|outdated| outdated.as_slice().cmp(key)).is_ok()
    }
}

impl Drop for Behind {
    fn drop(&mut self) {
        if self.is_forked() {
            return;
        }
        self.0.queue.lock().closed = true;
        self.0.changed.notify_all();
        // Bounded, because a writer may be stuck in a backend that does not answer.
        if let Some(batch) = self.0.batch.try_lock_for(PATIENCE * 4)
            && let Err(error) = self.0.drain(batch)
        {
            self.0.tell(&error);
        }
    }
}

impl Shared {
    fn is_forked(&self) -> bool {
        self.process != std::process::id()
    }

    fn drain(&self, _batch: MutexGuard<'_, ()>) -> Result<()> {
        // They end with this call, whatever becomes of the batch.
        let mut claims = Vec::new();
        let (space, batch, now) = {
            let mut queue = self.queue.lock();
            if queue.waiting.is_empty() {
                return Ok(());
            }
            let mut waiting = Vec::new();
            for (key, Waiting { record, mark, claim }) in queue.take_all() {
                claims.extend(claim);
                waiting.push((key, record, mark));
            }
            waiting.sort_unstable_by(|(one, ..), (other, ..)| one.cmp(other));
            queue.writing = Arc::new(Batch::new(waiting, &self.stale));
            (Arc::clone(&queue.space), Arc::clone(&queue.writing), queue.now)
        };
        self.changed.notify_all();
        let before = self.dooms.before();
        let mut result = Ok(());
        for _ in 0..TRIES {
            result = unpanicked(BACKEND, || self.backend.put_many(&space, &batch.entries, now));
            let again = |error: &Error| matches!(error.kind(), ErrorKind::Busy | ErrorKind::Unavailable);
            if !result.as_ref().is_err_and(again) {
                break;
            }
        }
        let keys = || batch.entries.iter().map(|(key, _)| key.as_slice());
        match &result {
            Ok(()) => keys().for_each(|key| self.dooms.lift(key, before)),
            // What the backend holds for these keys is older.
            Err(_) => keys().for_each(|key| self.dooms.doom(key)),
        }
        if result.as_ref().is_err_and(|error| error.kind() != ErrorKind::Busy) {
            self.write_singly(&space, &batch.entries, now);
        }
        if result.is_err() {
            self.remove(&space, keys().filter(|key| self.dooms.of(key).is_some()));
        }
        batch.outdated.iter().for_each(|key| self.take_back(&space, key, None));
        let written = batch.entries.iter().zip(&batch.marks).filter(|(_, mark)| self.stale.is_past(**mark));
        written.for_each(|((key, record), _)| self.take_back(&space, key, Some(record)));
        // Not before that: nobody here is to read what goes, and keep it.
        self.queue.lock().writing = Arc::default();
        result
    }

    /// One that cannot be written must not take the others with it.
    fn write_singly(&self, space: &Space, batch: &[(Vec<u8>, Record)], now: Timestamp) {
        let mut failures = 0;
        for (key, record) in batch {
            let before = self.dooms.before();
            // The error of the batch says enough.
            if unpanicked(BACKEND, || self.backend.put(space, key, record, now)).is_ok() {
                self.dooms.lift(key, before);
                continue;
            }
            failures += 1;
            if failures >= TRIES {
                return;
            }
        }
    }

    /// Removes what was to be replaced, for other processes and later ones, as far as that goes in a short time.
    fn remove<'k>(&self, space: &Space, keys: impl Iterator<Item = &'k [u8]>) {
        let (start, _removal) = (Instant::now(), self.stale.removal());
        for key in keys.take_while(|_| start.elapsed() < PATIENCE) {
            let before = self.dooms.before();
            if unpanicked(BACKEND, || self.backend.remove(space, key)).is_err() {
                return;
            }
            self.dooms.lift(key, before);
        }
    }

    /// As [`Store::take_back`](crate::store::Store::take_back).
    fn take_back(&self, space: &Space, key: &[u8], record: Option<&Record>) {
        let (before, _telling) = (self.dooms.before(), self.stale.taking_back());
        match unpanicked(BACKEND, || self.backend.take_back(space, key, record)) {
            Ok(true) => self.dooms.lift(key, before),
            Ok(false) => {}
            Err(_) => self.dooms.doom(key),
        }
    }

    fn tell(&self, error: &Error) {
        tell(&self.report, error);
    }
}

/// The writer's thread. It keeps neither the queue nor the backend alive for longer than one batch.
fn write(shared: &Weak<Shared>) {
    loop {
        let Some(shared) = shared.upgrade() else { return };
        {
            let mut queue = shared.queue.lock();
            let idle = |queue: &mut Queue| queue.waiting.is_empty() && !queue.closed;
            shared.changed.wait_while_for(&mut queue, idle, IDLE);
            if queue.waiting.is_empty() {
                queue.running = false;
                return;
            }
            let gathering = |queue: &mut Queue| !queue.is_full() && !queue.closed;
            shared.changed.wait_while_for(&mut queue, gathering, BEAT);
        }
        if let Err(error) = shared.drain(shared.batch.lock()) {
            shared.tell(&error);
        }
    }
}

/// Every queue of the process.
static QUEUES: Mutex<Vec<Weak<Shared>>> = Mutex::new(Vec::new());

/// Flushes, when its thread ends, the queues that the thread has made or written to, and those of other threads that
/// nobody is writing: the thread may be the main one, and then the others get no turn any more.
struct AtExit(Vec<Weak<Shared>>);

thread_local! {
    static AT_EXIT: RefCell<AtExit> = const { RefCell::new(AtExit(Vec::new())) };
}

impl Drop for AtExit {
    fn drop(&mut self) {
        // At the end of the process a writer may have been stopped in the middle of a batch.
        flush_all(&self.0, |shared| shared.batch.try_lock_for(PATIENCE));
        let all = QUEUES.try_lock().map(|queues| queues.clone()).unwrap_or_default();
        flush_all(&all, |shared| shared.batch.try_lock());
    }
}

fn flush_all(queues: &[Weak<Shared>], lock: fn(&Shared) -> Option<MutexGuard<'_, ()>>) {
    for shared in queues.iter().filter_map(Weak::upgrade).filter(|shared| !shared.is_forked()) {
        let Some(batch) = lock(&shared) else { continue };
        if let Err(error) = shared.drain(batch) {
            shared.tell(&error);
        }
    }
}

fn flush_at_exit(shared: &Arc<Shared>) {
    let _ = AT_EXIT.try_with(|at_exit| {
        register(&mut at_exit.borrow_mut().0, shared);
    });
}

fn register(known: &mut Vec<Weak<Shared>>, shared: &Arc<Shared>) {
    if !known.iter().any(|other| std::ptr::eq(other.as_ptr(), Arc::as_ptr(shared))) {
        known.retain(|other| other.strong_count() > 0);
        known.push(Arc::downgrade(shared));
    }
}
