//! Flights that one task leads at once.

use super::{Flight, Leader};
use crate::key::Value;
use crate::waits::Scope;
use std::sync::Arc;
use std::task::{Wake, Waker};
use std::time::Instant;

/// They begin, are polled and end together.
#[derive(Debug)]
pub(crate) struct Together<V>(Vec<Arc<Flight<V>>>);

impl<V: Value> Together<V> {
    /// A task leads all of `flights` from now on and from here.
    pub(crate) fn new(flights: Vec<Arc<Flight<V>>>) -> Arc<Self> {
        let together = Arc::new(Together(flights));
        // Each begins inside of the one before, so that who is inside of the last is inside of all.
        let mut inside = Vec::with_capacity(together.0.len());
        for flight in &together.0 {
            flight.hand_over();
            inside.push(flight.node.scope());
        }
        while inside.pop().is_some() {}
        drop(inside);
        together
    }

    /// As [`Flight::poll_begins`].
    pub(crate) fn poll_begins(self: &Arc<Self>) -> (Waker, Option<Scope<'_>>) {
        self.0.iter().for_each(|flight| flight.set_leader(Leader::Busy));
        (Waker::from(Arc::clone(self)), self.0.last().map(|flight| flight.node.scope()))
    }

    /// As [`Flight::poll_ended`].
    pub(crate) fn poll_ended(&self, task: &Waker) {
        self.0.iter().for_each(|flight| flight.poll_ended(task));
    }

    /// As [`Flight::work_ended`].
    pub(crate) fn work_ended(&self) {
        self.0.iter().for_each(Flight::work_ended);
    }
}

/// The waker of the leading task, which is woken once.
impl<V: Value> Wake for Together<V> {
    fn wake(self: Arc<Self>) {
        let mut task = None;
        for flight in &self.0 {
            if let Leader::Parked(parked) = flight.replace_leader(Leader::Woken(Instant::now())) {
                task = Some(parked);
            }
        }
        task.into_iter().for_each(Waker::wake);
    }
}
