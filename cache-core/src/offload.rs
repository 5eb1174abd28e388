//! Blocking work off the executor: a few threads for the whole process, alive only while there is work.

use parking_lot::{Condvar, Mutex};
use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

/// Threads at most: backends answer in microseconds, or wait for a disk or a lock.
const THREADS: usize = 8;
/// How long a thread without work lives on.
const IDLE: Duration = Duration::from_secs(5);

type Work = Box<dyn FnOnce() + Send>;

struct Pool {
    queue: VecDeque<Work>,
    threads: usize,
    idle: usize,
}

static POOL: Mutex<Pool> = Mutex::new(Pool { queue: VecDeque::new(), threads: 0, idle: 0 });
static QUEUED: Condvar = Condvar::new();

/// Runs `work` on a thread of the pool; `None` if it panicked. The work is done even if nobody waits for it any more.
pub(crate) fn offload<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Away<T> {
    let away = Arc::new(Mutex::new(Progress::Begun(None)));
    let there = Arc::clone(&away);
    queue(Box::new(move || {
        let result = catch_unwind(AssertUnwindSafe(work)).ok();
        let before = std::mem::replace(&mut *there.lock(), Progress::Ended(result));
        if let Progress::Begun(Some(waker)) = before {
            waker.wake();
        }
    }));
    Away(away)
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
        match &mut *self.0.lock() {
            Progress::Ended(result) => Poll::Ready(result.take()),
            Progress::Begun(waker) => {
                *waker = Some(context.waker().clone());
                Poll::Pending
            }
        }
    }
}

fn queue(work: Work) {
    let mut pool = POOL.lock();
    pool.queue.push_back(work);
    if pool.idle > 0 {
        QUEUED.notify_one();
        return;
    }
    if pool.threads < THREADS {
        let started = std::thread::Builder::new().name("memolith-blocking".into()).spawn(run);
        pool.threads += usize::from(started.is_ok());
    }
    if pool.threads == 0 {
        // The system gives us no thread: the executor's has to do.
        let work = pool.queue.pop_back();
        drop(pool);
        work.into_iter().for_each(|work| work());
    }
}

fn run() {
    let mut pool = POOL.lock();
    loop {
        while let Some(work) = pool.queue.pop_front() {
            parking_lot::MutexGuard::unlocked(&mut pool, work);
        }
        pool.idle += 1;
        let waited = QUEUED.wait_for(&mut pool, IDLE);
        pool.idle -= 1;
        if waited.timed_out() && pool.queue.is_empty() {
            pool.threads -= 1;
            return;
        }
    }
}
