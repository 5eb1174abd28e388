//! Threads wait for the same futures as tasks, and do the work of the connection meanwhile.

use std::cell::RefCell;
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, Thread};

/// Something that comes to pass by the thread that waits for it.
pub(crate) trait Drive: Send + Sync {
    /// Works or sleeps until it has, or its time is up. Then the future that waits for it is ready.
    fn drive(self: Arc<Self>);

    /// Whether something can be sent after that, which others may have to wait for.
    fn leads_to_sending(&self) -> bool;
}

/// What a thread that waits polls, and so has to drive.
#[derive(Default)]
struct Frame {
    polls: bool,
    awaited: Vec<Arc<dyn Drive>>,
}

thread_local! {
    static FRAME: RefCell<Frame> = RefCell::default();
    static WAKER: Waker = sleeper();
}

/// Runs `future` on this thread, which reads and writes for it. Made for futures that wait for servers; another one may
/// wait for whatever wakes it.
pub(crate) fn wait<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    let waker = WAKER.try_with(Waker::clone).unwrap_or_else(|_| sleeper());
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
pub(crate) async fn as_task<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|context| {
        let _polling = Polling::by_task();
        future.as_mut().poll(context)
    })
    .await
}

/// Whether who polls is a thread that can wait.
pub(crate) fn by_thread() -> bool {
    FRAME.try_with(|frame| frame.borrow().polls).unwrap_or(false)
}

/// Has the polling thread wait for it; `false` when no thread waits, but a task.
pub(crate) fn by_thread_for(drive: impl FnOnce() -> Arc<dyn Drive>) -> bool {
    let offer = |frame: &mut Frame| {
        if frame.polls {
            frame.awaited.push(drive());
        }
        frame.polls
    };
    // A thread whose variables are gone already waits as tasks do.
    FRAME.try_with(|frame| offer(&mut frame.borrow_mut())).unwrap_or(false)
}

/// While a thread polls what it waits for.
struct Polling {
    /// What it polled when it came to wait once more.
    outer: Option<Vec<Arc<dyn Drive>>>,
}

impl Polling {
    fn begin() -> Self {
        Polling::nested(|frame| frame.polls = true)
    }

    fn by_task() -> Self {
        Polling::nested(|frame| frame.polls = false)
    }

    fn nested(change: impl FnOnce(&mut Frame)) -> Self {
        let outer = FRAME.try_with(|frame| {
            let mut frame = frame.borrow_mut();
            let outer = frame.polls.then(|| std::mem::take(&mut frame.awaited));
            change(&mut frame);
            outer
        });
        Polling { outer: outer.ok().flatten() }
    }

    /// What to wait for first: what keeps commands from being sent, so that all servers work at once; else any.
    fn end(self) -> Option<Arc<dyn Drive>> {
        let first = |frame: &RefCell<Frame>| {
            let awaited = &mut frame.borrow_mut().awaited;
            let first = awaited.iter().position(|drive| drive.leads_to_sending()).unwrap_or(0);
            (first < awaited.len()).then(|| awaited.swap_remove(first))
        };
        FRAME.try_with(first).ok().flatten()
    }
}

impl Drop for Polling {
    fn drop(&mut self) {
        let outer = self.outer.take();
        let rest = FRAME.try_with(|frame| {
            let mut frame = frame.borrow_mut();
            frame.polls = outer.is_some();
            match outer {
                Some(outer) => std::mem::replace(&mut frame.awaited, outer),
                // The room is kept for the next time.
                None if frame.awaited.is_empty() => Vec::new(),
                None => std::mem::take(&mut frame.awaited),
            }
        });
        // Dropped when the frame is free again.
        drop(rest);
    }
}

/// Wakers are foreign code, and one that panics is not to stop whoever works for others.
pub(crate) fn wake(waker: Waker) {
    let _ = catch_unwind(AssertUnwindSafe(|| waker.wake()));
}

fn sleeper() -> Waker {
    Waker::from(Arc::new(Sleeper(thread::current())))
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
