//! One computation under way: who leads it, who waits for it, and what came of it.

mod together;

pub(crate) use together::Together;

use crate::aging::Old;
use crate::key::Value;
use crate::stop::{Stop, attend};
use crate::sync::{Mutex, planted};
use crate::timer;
use crate::waits::{Circle, Node, Scope, Ticket, Wait, wait_for};
use std::future::Future;
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Poll, Wake, Waker};
use std::time::{Duration, Instant};

/// How long a task that leads and has been woken may stay un-polled before its followers stop believing in it.
const STALLED: Duration = Duration::from_millis(200);
/// How long a lease from `lookup_async` may shield its key outside of `drive`, where its progress cannot be seen.
const HELD: Duration = Duration::from_secs(10);

/// A computation that others may wait for.
#[derive(Debug)]
pub(crate) struct Flight<V> {
    state: Mutex<State<V>>,
    node: Arc<Node>,
}

#[derive(Debug)]
struct State<V> {
    /// `None` while it is under way.
    end: Option<End<V>>,
    leader: Leader,
    /// What those may have who need not wait.
    offer: Option<Old<V>>,
    /// How many offers there were.
    offers: u64,
    /// Threads and tasks that wait, by a number each.
    waiting: Vec<(u64, Waker)>,
    next: u64,
    /// When the timer will look at the leader.
    watched: Option<Instant>,
}

#[derive(Debug)]
enum End<V> {
    /// The value, for those who waited and those who come late.
    Landed(Arc<V>),
    /// The leader has failed, was cancelled or stands still: whoever waits looks again, and one of them leads.
    GivenUp,
}

/// What is known of the one who computes.
#[derive(Debug)]
enum Leader {
    /// A thread, or a task in the middle of a poll: it is at work.
    Busy,
    /// A task that waits for something else; the waker is its own.
    Parked(Waker),
    /// A task that could go on since then, and was not polled yet.
    Woken(Instant),
    /// A task outside of `drive` since then.
    Held(Instant),
}

/// What waiting for a flight came to.
#[derive(Debug)]
pub(crate) enum Outcome<V> {
    Landed(V),
    GivenUp,
    /// There is an old value to be had.
    Offered,
}

impl<V: Value> Flight<V> {
    /// The flight of what a thread computes.
    pub(crate) fn by_thread(ticket: Ticket) -> Arc<Self> {
        Self::new(Leader::Busy, Node::by_thread(ticket))
    }

    /// A flight that a task leads, from now on and from here.
    pub(crate) fn by_task() -> Arc<Self> {
        Self::new(Leader::Held(Instant::now()), Node::by_task())
    }

    /// A flight that has ended with `value`.
    pub(crate) fn landed(value: V) -> Arc<Self> {
        let flight = Self::by_task();
        flight.land(value);
        flight
    }

    fn new(leader: Leader, node: Arc<Node>) -> Arc<Self> {
        let state = State { end: None, leader, offer: None, offers: 0, waiting: Vec::new(), next: 0, watched: None };
        Arc::new(Flight { state: Mutex::new(state), node })
    }

    /// The computation that this is the flight of.
    pub(crate) fn ticket(&self) -> Ticket {
        self.node.ticket
    }

    /// A task leads from now on and from here what was a thread's.
    pub(crate) fn hand_over(&self) {
        self.node.hand_over();
    }

    /// Ends the flight with a value; no effect if it has ended.
    pub(crate) fn land(&self, value: V) {
        self.end(End::Landed(Arc::new(value)));
    }

    /// Ends the flight without one; no effect if it has ended.
    pub(crate) fn give_up(&self) {
        self.end(End::GivenUp);
    }

    fn end(&self, end: End<V>) {
        self.node.end();
        let waiting = {
            let mut state = self.state.lock();
            if state.end.is_some() {
                return;
            }
            state.end = Some(end);
            std::mem::take(&mut state.waiting)
        };
        if planted("lost wake-up") {
            return;
        }
        waiting.into_iter().for_each(|(_, waker)| waker.wake());
    }

    /// Offers an old value to those who wait and those who come; no effect if the flight has ended.
    pub(crate) fn offer(&self, old: Old<V>) {
        // Outlives the lock.
        let mut _before = None;
        let waiting = {
            let mut state = self.state.lock();
            if state.end.is_some() {
                return;
            }
            _before = state.offer.replace(old);
            state.offers += 1;
            std::mem::take(&mut state.waiting)
        };
        if planted("unheard offer") {
            return;
        }
        waiting.into_iter().for_each(|(_, waker)| waker.wake());
    }

    /// The old value that may be served at `now`, while the flight has not ended.
    pub(crate) fn offered(&self, now: u64) -> Option<Old<V>> {
        let state = self.state.lock();
        if state.end.is_some() {
            return None;
        }
        state.offer.as_ref().filter(|old| old.until > now).cloned()
    }

    /// Declares the wait for this flight, or says that it would never end. An offer that is over at `now` ends no wait.
    pub(crate) fn follow(self: Arc<Self>, now: u64) -> Result<Follower<V>, Circle> {
        let wait = wait_for(&self.node)?;
        let declined = {
            let state = self.state.lock();
            if state.offer.as_ref().is_some_and(|old| old.until <= now) { state.offers } else { 0 }
        };
        Ok(Follower { flight: self, place: None, declined, _wait: wait })
    }

    /// One poll of the leading task's work is about to begin. Its waker goes through us, so that we see it being woken.
    pub(crate) fn poll_begins(self: &Arc<Self>) -> (Waker, Scope<'_>) {
        self.set_leader(Leader::Busy);
        (Waker::from(Arc::clone(self)), self.node.scope())
    }

    /// The poll has ended; `task` is to be woken when the work can go on.
    pub(crate) fn poll_ended(&self, task: &Waker) {
        let parked = Leader::Parked(task.clone());
        let mut state = self.state.lock();
        if matches!(state.leader, Leader::Busy) {
            state.leader = parked;
            return;
        }
        drop(state);
        // Woken in the middle of its own poll.
        task.wake_by_ref();
    }

    /// The work is done or cancelled; what is left of the lease is in other hands.
    pub(crate) fn work_ended(self: &Arc<Self>) {
        self.set_leader(Leader::Held(Instant::now()));
    }

    fn set_leader(self: &Arc<Self>, leader: Leader) {
        // A waker's destructor is an executor's code, so it does not run under the lock.
        drop(self.replace_leader(leader));
    }

    fn replace_leader(self: &Arc<Self>, leader: Leader) -> Leader {
        let mut state = self.state.lock();
        let before = std::mem::replace(&mut state.leader, leader);
        if !state.waiting.is_empty() {
            state.watch(self);
        }
        before
    }
}

/// The waker of the leading task.
impl<V: Value> Wake for Flight<V> {
    fn wake(self: Arc<Self>) {
        if let Leader::Parked(task) = self.replace_leader(Leader::Woken(Instant::now())) {
            task.wake();
        }
    }
}

impl<V: Value> State<V> {
    /// From when on the leader counts as standing still.
    fn deadline(&self) -> Option<Instant> {
        match self.leader {
            Leader::Busy | Leader::Parked(_) => None,
            Leader::Woken(since) => Some(since + STALLED),
            Leader::Held(since) => Some(since + HELD),
        }
    }

    /// Has the timer look at the leader when it is due.
    fn watch(&mut self, flight: &Arc<Flight<V>>) {
        let Some(deadline) = self.deadline() else { return };
        // An earlier look finds out what is to be done later.
        if self.watched.is_none_or(|watched| deadline < watched) {
            self.watched = Some(deadline);
            let flight: Weak<Flight<V>> = Arc::downgrade(flight);
            timer::at(deadline, flight);
        }
    }
}

impl<V: Value> timer::Timed for Flight<V> {
    fn due(self: Arc<Self>, now: Instant) {
        {
            let mut state = self.state.lock();
            state.watched = None;
            if state.deadline().is_none_or(|deadline| now < deadline) {
                return state.watch(&self);
            }
        }
        self.give_up();
    }
}

/// Waits for a flight: a future, and for threads [`wait`](Self::wait).
#[derive(Debug)]
#[must_use]
pub(crate) struct Follower<V: Value> {
    flight: Arc<Flight<V>>,
    /// Our number in the list of those who wait.
    place: Option<u64>,
    /// As many offers as were over when the wait began.
    declined: u64,
    _wait: Wait,
}

impl<V: Value> Follower<V> {
    /// Blocks this thread until the flight has ended, or it has to leave.
    pub(crate) fn wait<S: Stop>(self, stop: &S) -> Result<Outcome<V>, S::Left> {
        attend(self, stop)
    }
}

impl<V: Value> Future for Follower<V> {
    type Output = Outcome<V>;

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Outcome<V>> {
        let this = &mut *self;
        // Made before the lock and dropped after it: wakers are an executor's code.
        let mut waker = context.waker().clone();
        let mut state = this.flight.state.lock();
        match &state.end {
            Some(End::GivenUp) => return Poll::Ready(Outcome::GivenUp),
            Some(End::Landed(value)) => {
                let value = Arc::clone(value);
                drop(state);
                return Poll::Ready(Outcome::Landed(V::clone(&value)));
            }
            None if state.offers > this.declined => return Poll::Ready(Outcome::Offered),
            None => {}
        }
        match this.place.and_then(|place| state.waiting.iter_mut().find(|(number, _)| *number == place)) {
            Some((_, old)) => std::mem::swap(old, &mut waker),
            None => {
                let place = state.next;
                state.waiting.push((place, waker));
                state.next += 1;
                this.place = Some(place);
            }
        }
        state.watch(&this.flight);
        Poll::Pending
    }
}

impl<V: Value> Drop for Follower<V> {
    fn drop(&mut self) {
        let Some(place) = self.place else { return };
        // A cancelled follower leaves no waker behind.
        let left = {
            let waiting = &mut self.flight.state.lock().waiting;
            waiting.iter().position(|(number, _)| *number == place).map(|at| waiting.swap_remove(at))
        };
        drop(left);
    }
}
