//! Commands that were sent together, and who waits for their replies.

use super::link::Link;
use super::wait::{Drive, by_thread_for, wake};
use crate::redis::lock::Mutex;
use crate::redis::wire::fault::Fault;
use crate::redis::wire::reply::Reply;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread::{self, Thread};
use std::time::Instant;

/// A place in the line of those who wait for replies.
pub(crate) struct Call {
    link: Arc<Link>,
    pub(crate) deadline: Instant,
    /// Whether a thread waits, or will; else a task does.
    by_thread: bool,
    /// The thread, while it sleeps until somebody brings its replies or leaves it the reading.
    sleeper: Mutex<Option<Thread>>,
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
pub(crate) enum Alarm {
    Nobody,
    Thread(Thread),
    Task(Waker),
}

/// The replies to a call, once they are there.
pub(crate) struct Answer(pub(crate) Arc<Call>);

impl Call {
    pub(crate) fn new(link: &Arc<Link>, deadline: Instant, by_thread: bool) -> Self {
        let (sleeper, outcome) = (Mutex::default(), Mutex::default());
        Call { link: Arc::clone(link), deadline, by_thread, sleeper, outcome }
    }

    pub(crate) fn by_thread(&self) -> bool {
        self.by_thread
    }

    pub(crate) fn is_settled(&self) -> bool {
        matches!(*self.outcome.lock(), Outcome::Come(_) | Outcome::Taken)
    }

    /// The thread that sleeps here, and could read instead.
    pub(crate) fn sleeper(&self) -> Option<Thread> {
        self.sleeper.lock().clone()
    }

    /// This thread is about to sleep, unless the call [is settled](Self::is_settled) by now: whoever settles it knows from now on.
    pub(crate) fn sleep(&self) {
        *self.sleeper.lock() = Some(thread::current());
    }

    pub(crate) fn awake(&self) {
        *self.sleeper.lock() = None;
    }

    pub(crate) fn settle(&self, replies: Result<Vec<Reply>, Fault>) -> Alarm {
        let before = std::mem::replace(&mut *self.outcome.lock(), Outcome::Come(replies));
        match before {
            Outcome::AwaitedBy(waker) => Alarm::Task(waker),
            _ => self.sleeper().map_or(Alarm::Nobody, Alarm::Thread),
        }
    }
}

impl Alarm {
    pub(crate) fn ring(self) {
        match self {
            Alarm::Nobody => {}
            Alarm::Thread(thread) => thread.unpark(),
            Alarm::Task(waker) => wake(waker),
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
        // Dropped after the lock: in it may be the waker of before, which is foreign code.
        let _before;
        let mut outcome = call.outcome.lock();
        match std::mem::replace(&mut *outcome, Outcome::Taken) {
            Outcome::Come(replies) => return Poll::Ready(replies),
            // Asked once more than futures may be: nothing will come.
            Outcome::Taken => return Poll::Pending,
            before @ (Outcome::Awaited | Outcome::AwaitedBy(_)) => {
                *outcome = Outcome::Awaited;
                _before = before;
            }
        }
        if call.by_thread && by_thread_for(|| Arc::clone(call) as Arc<dyn Drive>) {
            return Poll::Pending;
        }
        *outcome = Outcome::AwaitedBy(context.waker().clone());
        drop(outcome);
        if call.by_thread {
            call.link.adopt(call);
        }
        Poll::Pending
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        // Nobody would read for who has gone, and its replies would be found late.
        if self.0.by_thread && !self.0.is_settled() {
            self.0.link.adopt(&self.0);
        }
    }
}
