//! The leases of many keys, whose values are computed and written together.

use super::Lease;
use crate::bytes::KeyBytes;
use crate::flight::Together;
use crate::key::{Key, Value};
use crate::storing::Storing;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Context;

impl<K: Key, V: Value> Lease<'_, K, V> {
    /// As [`fill`](Lease::fill), but for what is to be written to the backend.
    pub(crate) fn fill_unwritten(mut self, value: &V) -> Option<Storing<K, V>> {
        self.finish(value, None)
    }

    /// The name of the key in the backend.
    pub(crate) fn name(&self) -> Option<&KeyBytes> {
        self.place().map(|(_, key)| key)
    }

    /// As [`drive`](Lease::drive) for all of `leases`.
    pub(crate) async fn drive_all<'l, F: Future>(leases: impl Iterator<Item = &'l Self>, work: F) -> F::Output
    where
        Self: 'l,
    {
        let flights: Vec<_> = leases.filter_map(Self::driven).collect();
        if flights.is_empty() {
            return work.await;
        }
        let together = Together::new(flights);
        // Also if the work is cancelled and the leases are not.
        let _ended = Driven(&together);
        let mut work = pin!(work);
        poll_fn(|task| {
            let (waker, _inside) = together.poll_begins();
            let polled = work.as_mut().poll(&mut Context::from_waker(&waker));
            if polled.is_pending() {
                together.poll_ended(task.waker());
            }
            polled
        })
        .await
    }
}

/// A computation inside of `drive_all`.
struct Driven<'a, V: Value>(&'a Arc<Together<V>>);

impl<V: Value> Drop for Driven<'_, V> {
    fn drop(&mut self) {
        self.0.work_ended();
    }
}
