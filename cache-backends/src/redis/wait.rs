//! Threads wait for the same futures as tasks, and do the work of the connection meanwhile.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

/// Something that comes to pass by the thread that waits for it.
pub(super) trait Drive: Send + Sync {
    /// Works or sleeps until it has, or its time is up. Then the future that waits for it is ready.
    fn drive(self: Arc<Self>);

    /// Whether something can be sent after that, which others may have to wait for.
    fn leads_to_sending(&self) -> bool;
}

thread_local! {
    /// What the future that this thread polls waits for; `None` when no thread waits by [`wait`].
    static AWAITED: RefCell<Option<Vec<Arc<dyn Drive>>>> = const { RefCell::new(None) };
}

/// Runs `future` on this thread, which reads and writes for it. Made for futures that wait for servers; another one may
/// wait for whatever wakes it.
pub(crate) fn wait<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Sleeper(thread::current())));
    let mut context = Context::from_waker(&waker);
    loop {
        let polling = Polling::begin();
        if let Poll::Ready(output) = future.as_mut().poll(&mut context) {
            return output;
        }
        // What else is awaited is looked at when this has come.
        match polling.end() {
            Some(awaited) => awaited.drive(),
            None => thread::park(),
        }
    }
}

/// What `future` gives, waited for as by a task: others read and write for it. A thread that does so itself stays until
/// the time-out of what it has begun, and can be woken by nothing else.
pub(super) async fn as_task<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|context| {
        let _polling = Polling::by_task();
        future.as_mut().poll(context)
    })
    .await
}

/// Whether who polls is a thread that can wait.
pub(super) fn by_thread() -> bool {
    AWAITED.try_with(|awaited| awaited.borrow().is_some()).unwrap_or(false)
}

/// Has the polling thread wait for it; `false` when no thread waits, but a task.
pub(super) fn by_thread_for(drive: impl FnOnce() -> Arc<dyn Drive>) -> bool {
    let offered = AWAITED.try_with(|awaited| awaited.borrow_mut().as_mut().map(|list| list.push(drive())));
    offered.is_ok_and(|done| done.is_some())
}

/// While a thread polls what it waits for.
struct Polling {
    outer: Option<Vec<Arc<dyn Drive>>>,
}

impl Polling {
    fn begin() -> Self {
        // A thread whose variables are gone already waits as tasks do.
        Polling { outer: AWAITED.try_with(|awaited| awaited.replace(Some(Vec::new()))).ok().flatten() }
    }

    /// What to wait for first: what keeps commands from being sent, so that all servers work at once; else any.
    fn by_task() -> Self {
        Polling { outer: AWAITED.try_with(RefCell::take).ok().flatten() }
    }

    fn end(self) -> Option<Arc<dyn Drive>> {
        let awaited = AWAITED.try_with(|awaited| awaited.borrow_mut().as_mut().map(std::mem::take)).ok()??;
        let first = awaited.iter().position(|drive| drive.leads_to_sending()).unwrap_or(0);
        awaited.into_iter().nth(first)
    }
}

impl Drop for Polling {
    fn drop(&mut self) {
        let outer = self.outer.take();
        let _ = AWAITED.try_with(|awaited| awaited.replace(outer));
    }
}

struct Sleeper(Thread);

impl Wake for Sleeper {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.unpark();
    }
}
