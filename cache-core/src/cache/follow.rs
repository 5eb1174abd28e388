//! Waiting for who computes.

use super::Cache;
use crate::flight::{Flight, Follower, Outcome};
use crate::key::{Key, KeyRef, Value};
use crate::waits::{Circle, Ticket};
use std::sync::Arc;

impl<K: Key, V: Value> Cache<K, V> {
    /// Declares the wait for who computes, or says that it would never end.
    pub(crate) fn follow(&self, flight: Arc<Flight<V>>) -> Result<Follower<V>, Circle> {
        flight.follow(self.now_if_aging())
    }

    /// The value that was waited for; if its leader gave up, what memory has by now.
    pub(crate) fn followed<Q: KeyRef<K> + ?Sized>(
        &self,
        hash: u64,
        key: &Q,
        ticket: Ticket,
        outcome: Outcome<V>,
    ) -> Option<V> {
        match outcome {
            Outcome::Landed(value) => {
                self.count_coalesced();
                Some(value)
            }
            Outcome::GivenUp => {
                // A leader that stands still has not taken its flight off the board.
                drop(self.flights.discard(hash, ticket));
                self.find_again(hash, key)
            }
            Outcome::Offered => None,
        }
    }
}
