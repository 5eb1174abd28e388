//! One server, and the connection to it that all threads and tasks share.

use super::attempt::{Attempt, Connecting};
use super::breaker::{Breaker, Change};
use super::link::Link;
use crate::redis::lock::Mutex;
use crate::redis::settings::target::{Address, Login};
use crate::redis::wire::dial::{Dialled, Dialler};
use crate::redis::wire::fault::Fault;
use crate::redis::wire::ghosts;
use crate::redis::wire::random::random;
use crate::redis::wire::reply::Reply;
use crate::redis::wire::request::{Request, Route};
use memolith_core::__private::forks;
use memolith_core::Result;
use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Weak};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

pub(crate) use super::wait::wait;

/// A server, connected to when it is needed. Making one does no I/O.
///
/// After three failures in a row, to connect or to answer, calls fail at once, and a thread looks whether the server is
/// back.
pub(crate) struct Node {
    server: Arc<Server>,
}

/// What a node shares with those who connect for it.
pub(crate) struct Server {
    dialler: Dialler,
    timeout: Duration,
    /// Whether there are failures to be forgotten by the next answer.
    failing: AtomicBool,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    /// Whose connection it is: a forked child has its parent's memory, and must not use its connection.
    forks: u32,
    link: Option<Arc<Link>>,
    /// As long as somebody waits for it, or makes it.
    attempt: Weak<Attempt>,
    breaker: Breaker,
    /// What the last failure was.
    fault: Option<Fault>,
    prober: Option<Thread>,
    /// How often there was another connection.
    links: u64,
}

/// What there is to send by.
enum Way {
    Link(Arc<Link>),
    Connecting(Connecting),
}

impl Node {
    pub(crate) fn new(address: Address, login: &Login, timeout: Duration) -> Self {
        let dialler = Dialler::new(address, login.clone());
        let state = Mutex::new(State { forks: forks(), ..State::default() });
        let server = Server { dialler, timeout, failing: AtomicBool::new(false), state };
        Node { server: Arc::new(server) }
    }

    pub(crate) fn address(&self) -> &Address {
        self.server.dialler.address()
    }

    /// Sends all in one go, and gives the replies in the same order, errors of the server among them.
    ///
    /// What is sent goes out when the future is first polled, if there is a connection. Who drops the future before it is
    /// done takes nothing back.
    ///
    /// # Errors
    /// [`Unavailable`](memolith_core::ErrorKind::Unavailable) when the server was not reached, or has not answered in time:
    /// the commands may have been executed or not. [`Config`](memolith_core::ErrorKind::Config) when it refuses the login.
    pub(crate) async fn exchange(&self, requests: &[Request]) -> Result<Vec<Reply>> {
        if requests.is_empty() {
            return Ok(Vec::new());
        }
        let deadline = Instant::now() + self.server.timeout;
        let link = match self.server.way(deadline).map_err(Fault::into_error)? {
            Way::Link(link) => link,
            Way::Connecting(connecting) => connecting.await.map_err(Fault::into_error)?,
        };
        self.exchange_by(&link, requests, deadline).await
    }

    /// The connection there is, if there is one, for [`exchange_by`](Self::exchange_by).
    pub(crate) fn link(&self) -> Option<Arc<Link>> {
        let state = self.server.state.try_lock()?;
        state.link.clone().filter(|_| state.forks == forks())
    }

    /// How many connections there were until the server was left alone; none while it is not. Between two moments that
    /// have the same number nothing was sent.
    pub(crate) fn left_alone(&self) -> Option<u64> {
        if !self.server.failing.load(Ordering::Relaxed) {
            return None;
        }
        let state = self.server.state.lock();
        (state.breaker.is_open() && state.link.is_none() && state.forks == forks()).then_some(state.links)
    }

    /// As [`exchange`](Self::exchange), on no other connection than this one.
    ///
    /// # Errors
    /// The same; and if the connection has ended, the commands were not sent.
    pub(crate) async fn exchange_by(
        &self,
        link: &Arc<Link>,
        requests: &[Request],
        deadline: Instant,
    ) -> Result<Vec<Reply>> {
        match link.call(requests, deadline).await {
            Ok(replies) => {
                self.server.answered();
                Ok(replies)
            }
            Err(fault) => {
                self.server.lost(link, &fault);
                Err(fault.into_error())
            }
        }
    }

    /// A connection beside the shared one, for a thread that waits for news. It blocks, for the time-out at most.
    ///
    /// # Errors
    /// As those of [`exchange`](Self::exchange).
    pub(crate) fn dial(&self) -> Result<Dialled> {
        self.server.dialler.dial(self.server.timeout).map_err(Fault::into_error)
    }
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Node").field("address", self.address()).finish_non_exhaustive()
    }
}

impl Server {
    pub(crate) fn timeout(&self) -> Duration {
        self.timeout
    }

    fn way(self: &Arc<Self>, deadline: Instant) -> Result<Way, Fault> {
        let mut state = self.state.lock();
        let forks = forks();
        if state.forks != forks {
            // Not dropped: to close would be to speak for the parent.
            std::mem::forget(std::mem::replace(&mut *state, State { forks, ..State::default() }));
        }
        if let Some(link) = &state.link {
            let Some(fault) = link.fault() else { return Ok(Way::Link(Arc::clone(link))) };
            state.link = None;
            self.failed(&mut state, &fault);
        }
        if state.breaker.is_open() {
            return Err(state.fault.as_ref().map_or_else(Fault::late, Fault::left_alone));
        }
        let attempt = state.attempt.upgrade().unwrap_or_else(|| Arc::new(Attempt::new(self)));
        state.attempt = Arc::downgrade(&attempt);
        Ok(Way::Connecting(attempt.until(deadline)))
    }

    /// Connects for all who wait for `attempt`.
    pub(crate) fn connect(self: &Arc<Self>, attempt: &Arc<Attempt>) -> Result<Arc<Link>, Fault> {
        let deadline = Instant::now() + self.timeout;
        let found = self.dialler.dial(self.timeout).and_then(|dialled| self.join(dialled, deadline));
        let mut state = self.state.lock();
        state.give_up(attempt);
        if let Err(fault) = &found {
            self.failed(&mut state, fault);
        }
        found
    }

    /// Makes a connection the one that all share, once the server has ended those that were given up before.
    fn join(&self, mut dialled: Dialled, deadline: Instant) -> Result<Arc<Link>, Fault> {
        loop {
            ghosts::end(&mut dialled, deadline)?;
            let mut state = self.state.lock();
            // Somebody may have been faster; and what that one has sent since, and given up, comes first as well.
            if let Some(link) = state.link.as_ref().filter(|link| link.fault().is_none()) {
                return Ok(Arc::clone(link));
            }
            if !ghosts::haunt(dialled.trace()) {
                let link = Link::new(dialled);
                state.link = Some(Arc::clone(&link));
                state.links += 1;
                return Ok(link);
            }
        }
    }

    /// Nobody could be found to make the attempt.
    pub(crate) fn give_up(&self, attempt: &Arc<Attempt>) {
        self.state.lock().give_up(attempt);
    }

    fn answered(&self) {
        if self.failing.load(Ordering::Relaxed) {
            let mut state = self.state.lock();
            self.failing.store(false, Ordering::Relaxed);
            state.breaker.answered();
        }
    }

    /// A connection has ended; who says so first counts.
    fn lost(self: &Arc<Self>, link: &Arc<Link>, fault: &Fault) {
        let mut state = self.state.lock();
        if state.link.take_if(|current| Arc::ptr_eq(current, link)).is_some() {
            self.failed(&mut state, fault);
        }
    }

    fn failed(self: &Arc<Self>, state: &mut State, fault: &Fault) {
        self.failing.store(true, Ordering::Relaxed);
        state.fault = Some(fault.clone());
        if state.breaker.failed(Instant::now(), random()) == Change::None {
            return;
        }
        let server = Arc::downgrade(self);
        match thread::Builder::new().name("memolith-probe".into()).spawn(move || probe(&server)) {
            Ok(prober) => state.prober = Some(prober.thread().clone()),
            // Without a thread that looks for it, calls have to.
            Err(_) => state.breaker.answered(),
        }
    }

    /// When to look next whether the server is back.
    fn next_probe(&self) -> Option<Instant> {
        self.state.lock().breaker.probe()
    }

    /// Looks whether the server is back; `true` when it is.
    fn is_back(self: &Arc<Self>) -> bool {
        let found = self.dialler.dial(self.timeout).and_then(|mut dialled| {
            let ping = Request::new("PING", Route::Any);
            let deadline = Instant::now() + self.timeout;
            match dialled.ask([ping], deadline)?.pop() {
                Some(Reply::Error(error)) if error.code == "LOADING" => {
                    Err(Fault::unavailable("the server is loading its data"))
                }
                _ => self.join(dialled, deadline),
            }
        });
        let mut state = self.state.lock();
        match found {
            Ok(_) => {
                *state = State { forks: state.forks, link: state.link.take(), links: state.links, ..State::default() };
                true
            }
            Err(fault) => {
                state.breaker.failed(Instant::now(), random());
                state.fault = Some(fault);
                false
            }
        }
    }
}

impl State {
    fn give_up(&mut self, attempt: &Arc<Attempt>) {
        if self.attempt.as_ptr() == Arc::as_ptr(attempt) {
            self.attempt = Weak::new();
        }
    }
}

/// Looks for the server until it is back, or nobody needs it any more.
fn probe(server: &Weak<Server>) {
    while let Some(next) = server.upgrade().and_then(|server| server.next_probe()) {
        let left = next.saturating_duration_since(Instant::now());
        if !left.is_zero() {
            thread::park_timeout(left);
            continue;
        }
        match server.upgrade() {
            Some(server) if !server.is_back() => {}
            _ => return,
        }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        if let Some(prober) = &self.state.get_mut().prober {
            prober.unpark();
        }
    }
}

#[cfg(test)]
#[path = "node/fake.rs"]
mod fake;
#[cfg(test)]
#[path = "node/tests.rs"]
mod tests;
