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

#[derive(Default)]
struct Pool {
    crew: Mutex<Crew>,
    queued: Condvar,
}

#[derive(Default)]
struct Crew {
    queue: VecDeque<Work>,
    threads: usize,
    idle: usize,
}

/// The pool, and the process whose threads are in it.
static POOL: Mutex<Option<(u32, Arc<Pool>)>> = Mutex::new(None);

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
        // Wakers are the executor's code: copied before the lock is taken, and dropped after it.
        let waker = context.waker().clone();
        let _before = match &mut *self.0.lock() {
            Progress::Ended(result) => return Poll::Ready(result.take()),
            Progress::Begun(current) => current.replace(waker),
        };
        Poll::Pending
    }
}

/// The pool of `process`. A fork inherits no threads, and locks that they will never give back: it gets a new one.
fn pool(process: u32) -> Arc<Pool> {
    let mut current = POOL.lock();
    if let Some((_, pool)) = current.as_ref().filter(|(whose, _)| *whose == process) {
        return Arc::clone(pool);
    }
    let pool = Arc::new(Pool::default());
    *current = Some((process, Arc::clone(&pool)));
    pool
}

fn queue(work: Work) {
    let pool = pool(std::process::id());
    let mut crew = pool.crew.lock();
    crew.queue.push_back(work);
    // One that was woken and has not come yet counts as idle, and has its share of the queue.
    if crew.queue.len() <= crew.idle {
        pool.queued.notify_one();
        return;
    }
    if crew.threads < THREADS {
        let pool = Arc::clone(&pool);
        let started = std::thread::Builder::new().name("memolith-blocking".into()).spawn(move || run(&pool));
        crew.threads += usize::from(started.is_ok());
    }
    if crew.threads == 0 {
        // The system gives us no thread: the executor's has to do.
        let work = crew.queue.pop_back();
        drop(crew);
        work.into_iter().for_each(|work| work());
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
    use super::pool;
    use std::sync::Arc;

    #[test]
    fn a_fork_starts_threads_of_its_own() {
        let parent = pool(u32::MAX);
        assert!(Arc::ptr_eq(&parent, &pool(u32::MAX)));
        assert!(!Arc::ptr_eq(&parent, &pool(u32::MAX - 1)));
    }
}
