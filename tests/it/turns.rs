//! Tasks that wait for however long the executor has no time for them: on a slow machine a task that was woken would seem
//! to stand still, and others would take over from it.

use std::future::poll_fn;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;
use tokio::time::timeout;

/// One turn of the executor, after which nobody is woken: only a task that [`comes_again`] goes on after it.
pub(crate) async fn turn() {
    let mut taken = false;
    poll_fn(|_| if std::mem::replace(&mut taken, true) { Poll::Ready(()) } else { Poll::Pending }).await;
}

/// Polls `call` again after a while, without its having been woken.
pub(crate) async fn comes_again<T>(call: impl Future<Output = T>) -> T {
    let mut call = pin!(call);
    loop {
        if let Ok(value) = timeout(Duration::from_millis(2), call.as_mut()).await {
            return value;
        }
    }
}
