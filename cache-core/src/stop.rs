//! How a thread leaves while it waits for what others compute.

use crate::sync::{Thread, current, park, park_for};
use std::convert::Infallible;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

/// How often a thread that waits asks whether it is to leave.
const TICK: Duration = Duration::from_millis(50);

/// What may make a waiting thread leave.
pub(crate) trait Stop {
    /// Why it leaves.
    type Left;

    /// Blocks until the thread is woken, or has to leave.
    fn park(&self) -> Result<(), Self::Left>;

    /// Whether it has to leave.
    fn ask(&self) -> Result<(), Self::Left>;

    /// As much of `wait` as may go by before it is asked again.
    fn piece(&self, wait: Duration) -> Duration;
}

/// A waiting thread, among waiting tasks.
struct Unpark(Thread);

impl Wake for Unpark {
    fn wake(self: Arc<Self>) {
        self.0.unpark();
    }
}

/// What `future` gives, polled by this thread until it has to leave.
pub(crate) fn attend<F: Future, S: Stop>(future: F, stop: &S) -> Result<F::Output, S::Left> {
    let mut future = pin!(future);
    let waker = Waker::from(Arc::new(Unpark(current())));
    loop {
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return Ok(output);
        }
        stop.park()?;
    }
}

/// Nothing does.
pub(crate) struct Never;

impl Stop for Never {
    type Left = Infallible;

    fn park(&self) -> Result<(), Infallible> {
        park();
        Ok(())
    }

    fn ask(&self) -> Result<(), Infallible> {
        Ok(())
    }

    fn piece(&self, wait: Duration) -> Duration {
        wait
    }
}

/// A function that is asked several times a second.
pub(crate) struct Asking<F>(pub(crate) F);

impl<L, F: Fn() -> Result<(), L>> Stop for Asking<F> {
    type Left = L;

    fn park(&self) -> Result<(), L> {
        park_for(TICK);
        self.ask()
    }

    fn ask(&self) -> Result<(), L> {
        (self.0)()
    }

    fn piece(&self, wait: Duration) -> Duration {
        wait.min(TICK)
    }
}

#[cfg(test)]
mod tests {
    use crate::__private::{look, look_on_asking};
    use crate::{Cache, Lookup};
    use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

    #[test]
    fn a_waiting_thread_leaves_and_has_counted_nothing() {
        let cache = Cache::<u64, u64>::builder().build();
        let Lookup::Miss(lease) = cache.lookup(&1) else { panic!("nothing is there") };
        let asked = AtomicBool::new(false);
        let ask = || match asked.swap(true, SeqCst) {
            false => Ok(()),
            true => Err("left"),
        };
        std::thread::scope(|scope| {
            let waiter = scope.spawn(|| {
                let Err(hash) = look(&cache, &1) else { panic!("nothing is there") };
                look_on_asking(&cache, hash, &1, ask).map(|_| ())
            });
            assert_eq!(waiter.join().expect("it does not panic"), Err("left"));
        });
        assert_eq!((cache.info().hits, cache.info().misses), (0, 1));
        assert_eq!(lease.fill(2), 2);
        assert_eq!(cache.get(&1), Some(2));
    }
}
