//! Blocking work off the executor: a few threads for the whole process, alive only while there is work.
//!
//! Who waits for others has threads apart, or those who wait would keep the ones they wait for from working.

use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// Threads at most: backends answer in microseconds, or wait for a disk or a lock.
const THREADS: usize = 8;
/// The same for work that is waiting: more wait at once only in turns.
const WAITERS: usize = 64;
/// How long a thread without work lives on.
const IDLE: Duration = Duration::from_secs(5);

type Work = Box<dyn FnOnce() + Send>;

/// A pool, and the process whose threads are in it.
type Place = Mutex<Option<(u32, Arc<Pool>)>>;

struct Pool {
    crew: Mutex<Crew>,
    queued: Condvar,
    /// Threads at most.
    most: usize,
}

#[derive(Default)]
struct Crew {
    queue: VecDeque<Work>,
    threads: usize,
    idle: usize,
}

static WORK: Place = Mutex::new(None);
static WAIT: Place = Mutex::new(None);

/// Runs `work` on a thread of the pool; `None` if it panicked. The work is done even if nobody waits for it any more.
pub(crate) fn offload<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Away<T> {
    let away = Arc::new(Mutex::new(Progress::Begun(None)));
    let work = ending(&away, work);
    if let Some(work) = pool(&WORK, THREADS).queue(work) {
        // The system gives us no thread: the executor's has to do.
        work();
    }
    Away(away)
}

/// As [`offload`] for work that waits for others; `None` also if there is no thread, as it must not hold up an
/// executor.
pub(crate) fn offload_wait<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Away<T> {
    let away = Arc::new(Mutex::new(Progress::Begun(None)));
    let work = ending(&away, work);
    if pool(&WAIT, WAITERS).queue(work).is_some() {
        *away.lock() = Progress::Ended(None);
    }
    Away(away)
}

/// Work that ends `away` with its result.
fn ending<T: Send + 'static>(away: &Arc<Mutex<Progress<T>>>, work: impl FnOnce() -> T + Send + 'static) -> Work {
    let away = Arc::clone(away);
    Box::new(move || {
        let result = catch_unwind(AssertUnwindSafe(work)).ok();
        let before = std::mem::replace(&mut *away.lock(), Progress::Ended(result));
        if let Progress::Begun(Some(waker)) = before {
            waker.wake();
        }
    })
}

/// The result of work that is done elsewhere.
pub(crate) struct Away<T>(Arc<Mutex<Progress<T>>>);

enum Progress<T> {
    Begun(Option<Waker>),
    Ended(Option<T>),
}

impl<T> Future for Away<T> {
    type Output = Option<T>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<T>> {
        // Wakers are the executor's code: copied before the lock is taken, and dropped after it.
        let waker = context.waker().clone();
        let _before = match &mut *self.0.lock() {
            Progress::Ended(result) => return Poll::Ready(result.take()),
            Progress::Begun(current) => current.replace(waker),
        };
        Poll::Pending
    }
}

/// The pool of this process.
fn pool(place: &Place, most: usize) -> Arc<Pool> {
    pool_of(std::process::id(), place, most)
}

/// The pool of `process`. A fork inherits no threads, and locks that they will never give back: it gets a new one.
fn pool_of(process: u32, place: &Place, most: usize) -> Arc<Pool> {
    let mut current = place.lock();
    if let Some((_, pool)) = current.as_ref().filter(|(whose, _)| *whose == process) {
        return Arc::clone(pool);
    }
    let pool = Arc::new(Pool { crew: Mutex::default(), queued: Condvar::new(), most });
    *current = Some((process, Arc::clone(&pool)));
    pool
}

impl Pool {
    /// Has a thread do `work`; returns it if there is none to be had.
    fn queue(self: Arc<Self>, work: Work) -> Option<Work> {
        let mut crew = self.crew.lock();
        crew.queue.push_back(work);
        // One that was woken and has not come yet counts as idle, and has its share of the queue.
        if crew.queue.len() <= crew.idle {
            self.queued.notify_one();
            return None;
        }
        if crew.threads < self.most {
            let pool = Arc::clone(&self);
            let started = std::thread::Builder::new().name("memolith-blocking".into()).spawn(move || run(&pool));
            crew.threads += usize::from(started.is_ok());
        }
        if crew.threads == 0 { crew.queue.pop_back() } else { None }
    }
}

fn run(pool: &Pool) {
    let mut crew = pool.crew.lock();
    loop {
        while let Some(work) = crew.queue.pop_front() {
            parking_lot::MutexGuard::unlocked(&mut crew, work);
        }
        crew.idle += 1;
        let waited = pool.queued.wait_for(&mut crew, IDLE);
        crew.idle -= 1;
        if waited.timed_out() && crew.queue.is_empty() {
            crew.threads -= 1;
            return;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{Place, offload, offload_wait, pool_of};
    use parking_lot::Mutex;
    use std::sync::mpsc::channel;
    use std::sync::{Arc, Barrier};
    use std::time::Duration;

    #[test]
    fn a_fork_starts_threads_of_its_own() {
        static HERE: Place = Mutex::new(None);
        let pool = |process| pool_of(process, &HERE, 1);
        let parent = pool(u32::MAX);
        assert!(Arc::ptr_eq(&parent, &pool(u32::MAX)));
        assert!(!Arc::ptr_eq(&parent, &pool(u32::MAX - 1)));
    }

    #[test]
    fn those_who_wait_leave_a_thread_to_those_who_work() {
        let end = Arc::new(Barrier::new(11));
        for _ in 0..10 {
            let end = Arc::clone(&end);
            drop(offload_wait(move || end.wait()));
        }
        let (done, is_done) = channel();
        drop(offload(move || done.send(())));
        assert!(is_done.recv_timeout(Duration::from_secs(20)).is_ok());
        end.wait();
    }
}
