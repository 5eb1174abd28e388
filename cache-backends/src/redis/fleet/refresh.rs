//! Finding out in the background who has what now.

use super::join;
use super::map::Map;
use super::servers::Servers;
use crate::redis::lock::Mutex;
use crate::redis::server::node::{Node, wait};
use crate::redis::server::timer::within;
use crate::redis::server::wait::wake;
use crate::redis::wire::fault::again;
use crate::redis::wire::request::{Request, Route};
use memolith_core::__private::forks;
use memolith_core::{Error, ErrorKind, Result};
use std::future::poll_fn;
use std::sync::{Arc, Weak};
use std::task::{Poll, Waker};
use std::thread::{self, Thread};
use std::time::{Duration, Instant};

/// Asks at most once at a time and at most once an interval, on a thread that lives as long as there is a reason: somebody
/// wants to know, or a server that should answer does not.
#[derive(Debug)]
pub(crate) struct Refresh {
    interval: Duration,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    /// Who asks, and in which process: a forked child has no thread yet.
    thread: Option<(u32, Thread)>,
    wanted: bool,
    busy: bool,
    begun: Option<Instant>,
    /// How many rounds have begun, and how many have ended.
    rounds: usize,
    ended: usize,
    /// Why the last one failed.
    fault: Option<Error>,
    /// Who did not answer when it should have, and how many rounds had begun when that was noticed.
    lost: Vec<(Arc<Node>, usize)>,
    waiters: Vec<Waker>,
}

/// After so many rounds in vain there is less haste.
const EAGER: usize = 50;

impl State {
    /// From the beginning of one round to that of the next.
    fn spacing(&self, interval: Duration) -> Duration {
        let newest = self.lost.iter().map(|(_, rounds)| *rounds).max().unwrap_or(self.rounds);
        if self.wanted || self.rounds - newest <= EAGER { interval } else { interval * 5 }
    }
}

impl Refresh {
    pub(crate) fn every(interval: Duration) -> Self {
        Refresh { interval, state: Mutex::default() }
    }
}

impl Servers {
    /// Has the servers asked soon who has what.
    pub(crate) fn want(self: &Arc<Self>) {
        let mut state = self.refresh.state.lock();
        state.wanted = true;
        self.attend(&mut state);
    }

    /// Has the servers asked soon, and again until `node` answers or is replaced. Gives what to tell
    /// [`refreshed`](Self::refreshed) for the first round after it was lost.
    pub(crate) fn lose(self: &Arc<Self>, node: &Arc<Node>) -> usize {
        if !self.change() {
            return 0;
        }
        let mut state = self.refresh.state.lock();
        let known = state.lost.iter().find(|(lost, _)| Arc::ptr_eq(lost, node)).map(|(_, rounds)| *rounds);
        let rounds = known.unwrap_or(state.rounds);
        if known.is_none() {
            state.wanted = true;
            state.lost.push((Arc::clone(node), rounds));
        }
        self.attend(&mut state);
        rounds
    }

    /// Waits until more rounds than `rounds` have ended; no longer than until `deadline`.
    pub(crate) async fn refreshed(&self, rounds: usize, deadline: Instant) {
        let ended = poll_fn(|context| {
            let mut state = self.refresh.state.lock();
            if state.ended > rounds || state.thread.is_none() {
                return Poll::Ready(());
            }
            if !state.waiters.iter().any(|waiter| waiter.will_wake(context.waker())) {
                state.waiters.push(context.waker().clone());
            }
            Poll::Pending
        });
        let _ = within(deadline, ended).await;
    }

    /// Who has what, asked for if nobody has yet.
    ///
    /// # Errors
    /// What kept the servers from being asked.
    pub(crate) async fn known(self: &Arc<Self>, deadline: Instant) -> Result<Arc<Map>> {
        let map = self.map();
        if !map.is_empty() {
            return Ok(map);
        }
        if let Some(rounds) = self.next() {
            self.refreshed(rounds, deadline).await;
        }
        let map = self.map();
        if !map.is_empty() {
            return Ok(map);
        }
        match &self.refresh.state.lock().fault {
            Some(fault) => Err(again(fault)),
            None => Err(Error::new(ErrorKind::Unavailable, "no server has told in time who has the keys")),
        }
    }

    /// What to tell [`refreshed`](Self::refreshed) for the round that runs, or can begin now.
    fn next(self: &Arc<Self>) -> Option<usize> {
        let mut state = self.refresh.state.lock();
        if state.busy {
            return Some(state.ended);
        }
        let due = state.begun.is_none_or(|begun| begun.elapsed() >= self.refresh.interval);
        if !due {
            return None;
        }
        state.wanted = true;
        self.attend(&mut state);
        Some(state.rounds)
    }

    fn attend(self: &Arc<Self>, state: &mut State) {
        let forks = forks();
        match &state.thread {
            Some((of, thread)) if *of == forks => thread.unpark(),
            _ => {
                let servers = Arc::downgrade(self);
                let begun = thread::Builder::new().name("memolith-servers".to_owned()).spawn(move || attend(&servers));
                (state.busy, state.ended) = (false, state.rounds);
                state.thread = begun.ok().map(|handle| (forks, handle.thread().clone()));
            }
        }
    }

    async fn round(&self) {
        let (round, lost) = {
            let mut state = self.refresh.state.lock();
            (state.busy, state.wanted, state.begun) = (true, false, Some(Instant::now()));
            state.rounds += 1;
            (state.rounds, state.lost.iter().map(|(node, _)| Arc::clone(node)).collect::<Vec<_>>())
        };
        let outcome = self.fetch(round, &lost).await;
        let waiters = {
            let mut state = self.refresh.state.lock();
            (state.busy, state.ended) = (false, state.rounds);
            state.fault = outcome.err();
            std::mem::take(&mut state.waiters)
        };
        waiters.into_iter().for_each(wake);
        let answers = join::all(lost.iter().map(|node| self.is_settled(node))).await;
        let settled: Vec<_> = lost.into_iter().zip(answers).filter(|&(_, settled)| settled).collect();
        let mut state = self.refresh.state.lock();
        state.lost.retain(|(lost, _)| !settled.iter().any(|(node, _)| Arc::ptr_eq(node, lost)));
    }

    /// Whether nobody is sent to `node` any more, or it answers again.
    async fn is_settled(&self, node: &Arc<Node>) -> bool {
        let named = self.map().primaries.iter().any(|primary| Arc::ptr_eq(primary, node));
        !named || node.exchange(&[Request::new("PING", Route::Any)]).await.is_ok()
    }

    /// How long until the next round; nothing when there is no reason for one.
    fn pause(&self) -> Option<Duration> {
        let mut state = self.refresh.state.lock();
        if !state.wanted && state.lost.is_empty() {
            state.thread = None;
            return None;
        }
        let since = state.begun.map_or(Duration::MAX, |begun| begun.elapsed());
        Some(state.spacing(self.refresh.interval).saturating_sub(since))
    }
}

/// What the thread does. It keeps nobody alive but while it asks.
fn attend(servers: &Weak<Servers>) {
    while let Some((pause, servers)) = servers.upgrade().and_then(|servers| Some((servers.pause()?, servers))) {
        if pause.is_zero() {
            wait(servers.round());
            continue;
        }
        drop(servers);
        thread::park_timeout(pause);
    }
}
