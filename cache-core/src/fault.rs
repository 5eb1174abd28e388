//! Faults of the code behind the seams: where they are told, and how a panic becomes one.

use crate::error::{Error, ErrorKind, Result};
use std::future::{Future, poll_fn};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;

/// Where errors of the byte tier go.
pub(crate) type Report = Arc<dyn Fn(&Error) + Send + Sync>;

/// Who panicked, in a message.
pub(crate) const BACKEND: &str = "backend";
pub(crate) const CODEC: &str = "codec";

/// Tells what no caller is there to see. A callback that panics ends neither a thread of ours nor an unwinding one.
pub(crate) fn tell(report: &Report, error: &Error) {
    let _ = catch_unwind(AssertUnwindSafe(|| report(error)));
}

/// A backend or a codec of somebody else's may panic; for us that is one more fault.
pub(crate) fn unpanicked<T>(whose: &str, work: impl FnOnce() -> Result<T>) -> Result<T> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(panicked(whose)))
}

/// As `unpanicked` for the asynchronous side of a backend.
pub(crate) async fn unpanicked_async<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let mut work = pin!(work);
    poll_fn(|context| {
        let polled = catch_unwind(AssertUnwindSafe(|| work.as_mut().poll(context)));
        polled.unwrap_or_else(|_| Poll::Ready(Err(panicked(BACKEND))))
    })
    .await
}

pub(crate) fn panicked(whose: &str) -> Error {
    Error::new(ErrorKind::Unavailable, format!("the {whose} panicked"))
}
