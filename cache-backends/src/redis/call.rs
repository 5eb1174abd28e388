//! Commands that were sent together, and who waits for their replies.

use super::fault::Fault;
use super::link::Link;
use super::reply::Reply;
use super::wait::{Drive, by_thread_for};
use parking_lot::Mutex;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Waker};
use std::thread::{self, Thread};
use std::time::Instant;

/// A place in the line of those who wait for replies.
pub(super) struct Call {
    link: Arc<Link>,
    pub(super) deadline: Instant,
    /// The thread that waits, or will; `None` for a task.
    thread: Option<Thread>,
    /// Whether it sleeps until somebody brings its replies, or leaves it the reading. Written under the link's lock, so
    /// Relaxed is enough.
    sleeps: AtomicBool,
    outcome: Mutex<Outcome>,
}

#[derive(Default)]
enum Outcome {
    #[default]
    Awaited,
    AwaitedBy(Waker),
    Come(Result<Vec<Reply>, Fault>),
    Taken,
}

/// Who is to be told that replies have come, once no lock is held.
#[must_use]
pub(super) enum Alarm {
    Nobody,
    Thread(Thread),
    Task(Waker),
}

/// The replies to a call, once they are there.
pub(super) struct Answer(pub(super) Arc<Call>);

impl Call {
    /// `thread` says whether a thread will wait for the replies.
    pub(super) fn new(link: &Arc<Link>, deadline: Instant, by_thread: bool) -> Self {
        let thread = by_thread.then(thread::current);
        Call { link: Arc::clone(link), deadline, thread, sleeps: AtomicBool::new(false), outcome: Mutex::default() }
    }

    pub(super) fn is_settled(&self) -> bool {
        matches!(*self.outcome.lock(), Outcome::Come(_) | Outcome::Taken)
    }

    /// Whether a thread sleeps here, which could read instead.
    pub(super) fn sleeper(&self) -> Option<&Thread> {
        self.thread.as_ref().filter(|_| self.sleeps.load(Ordering::Relaxed))
    }

    pub(super) fn set_sleeps(&self, sleeps: bool) {
        self.sleeps.store(sleeps, Ordering::Relaxed);
    }

    pub(super) fn settle(&self, replies: Result<Vec<Reply>, Fault>) -> Alarm {
        let before = std::mem::replace(&mut *self.outcome.lock(), Outcome::Come(replies));
        match before {
            Outcome::AwaitedBy(waker) => Alarm::Task(waker),
            _ => self.sleeper().cloned().map_or(Alarm::Nobody, Alarm::Thread),
        }
    }
}

impl Alarm {
    pub(super) fn ring(self) {
        match self {
            Alarm::Nobody => {}
            Alarm::Thread(thread) => thread.unpark(),
            Alarm::Task(waker) => waker.wake(),
        }
    }
}

impl Drive for Call {
    fn drive(self: Arc<Self>) {
        self.link.drive(&self);
    }

    fn leads_to_sending(&self) -> bool {
        false
    }
}

impl Future for Answer {
    type Output = Result<Vec<Reply>, Fault>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let call = &self.0;
        let mut outcome = call.outcome.lock();
        match std::mem::replace(&mut *outcome, Outcome::Taken) {
            Outcome::Come(replies) => return Poll::Ready(replies),
            // Asked once more than futures may be: nothing will come.
            Outcome::Taken => return Poll::Pending,
            Outcome::Awaited | Outcome::AwaitedBy(_) => *outcome = Outcome::Awaited,
        }
        if call.thread.is_some() && by_thread_for(|| Arc::clone(call) as Arc<dyn Drive>) {
            return Poll::Pending;
        }
        *outcome = Outcome::AwaitedBy(context.waker().clone());
        drop(outcome);
        if call.thread.is_some() {
            call.link.adopt(call);
        }
        Poll::Pending
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        // Nobody would read for who has gone, and its replies would be found late.
        if self.0.thread.is_some() && !self.0.is_settled() {
            self.0.link.adopt(&self.0);
        }
    }
}
