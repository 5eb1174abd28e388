//! One attempt to connect, which all wait for who need the connection.

use super::link::Link;
use super::node::Server;
use super::wait::{Drive, by_thread_for, wake};
use crate::redis::lock::{Condvar, Mutex};
use crate::redis::wire::fault::Fault;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Instant;

/// It is made by the first thread that waits for it, or by one of its own when a task does.
pub(crate) struct Attempt {
    server: Arc<Server>,
    state: Mutex<State>,
    over: Condvar,
}

#[derive(Default)]
struct State {
    begun: bool,
    outcome: Option<Result<Arc<Link>, Fault>>,
    wakers: Vec<Waker>,
}

/// Somebody waits for it, until `deadline`.
#[derive(Clone)]
pub(crate) struct Connecting {
    attempt: Arc<Attempt>,
    deadline: Instant,
}

impl Attempt {
    pub(crate) fn new(server: &Arc<Server>) -> Self {
        Attempt { server: Arc::clone(server), state: Mutex::default(), over: Condvar::default() }
    }

    pub(crate) fn until(self: &Arc<Self>, deadline: Instant) -> Connecting {
        Connecting { attempt: Arc::clone(self), deadline }
    }

    /// Connects. The caller has said that it begins.
    fn make(self: &Arc<Self>) {
        let outcome = self.server.connect(self);
        self.settle(outcome);
    }

    fn make_apart(self: &Arc<Self>) {
        let attempt = Arc::clone(self);
        if let Err(error) = thread::Builder::new().name("memolith-dial".into()).spawn(move || attempt.make()) {
            let fault = Fault::unavailable(format!("no thread could be started to connect: {error}"));
            self.server.give_up(self);
            self.settle(Err(fault));
        }
    }

    fn settle(&self, outcome: Result<Arc<Link>, Fault>) {
        let mut state = self.state.lock();
        state.outcome = Some(outcome);
        let wakers = std::mem::take(&mut state.wakers);
        drop(state);
        self.over.notify_all();
        wakers.into_iter().for_each(wake);
    }
}

impl Future for Connecting {
    type Output = Result<Arc<Link>, Fault>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        let attempt = &self.attempt;
        let mut state = attempt.state.lock();
        if let Some(outcome) = &state.outcome {
            return Poll::Ready(outcome.clone());
        }
        if Instant::now() >= self.deadline {
            return Poll::Ready(Err(Fault::late()));
        }
        if by_thread_for(|| Arc::new(self.clone())) {
            return Poll::Pending;
        }
        state.wakers.push(context.waker().clone());
        if !std::mem::replace(&mut state.begun, true) {
            drop(state);
            attempt.make_apart();
        }
        Poll::Pending
    }
}

impl Drive for Connecting {
    fn drive(self: Arc<Self>) {
        let attempt = &self.attempt;
        let mut state = attempt.state.lock();
        if !std::mem::replace(&mut state.begun, true) {
            drop(state);
            // A thread that has waited elsewhere meanwhile has no time for it; others may.
            let left = self.deadline.saturating_duration_since(Instant::now());
            if left > attempt.server.timeout() / 2 {
                return attempt.make();
            }
            attempt.make_apart();
            state = attempt.state.lock();
        }
        while state.outcome.is_none() {
            let (woken, is_late) = attempt.over.wait_until(state, self.deadline);
            if is_late {
                return;
            }
            state = woken;
        }
    }

    fn leads_to_sending(&self) -> bool {
        true
    }
}
