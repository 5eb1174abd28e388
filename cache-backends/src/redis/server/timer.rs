//! Waiting for a moment, for threads and tasks alike.

use super::wait::wake;
use parking_lot::{Condvar, Mutex};
use std::collections::BTreeMap;
use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};
use std::time::{Duration, Instant};

/// Ready at `moment`.
pub(crate) fn until(moment: Instant) -> Until {
    Until { moment, ticket: None }
}

/// What `future` gives, or nothing if it is not ready at `moment`.
pub(crate) async fn within<F: Future>(moment: Instant, future: F) -> Option<F::Output> {
    let (mut future, mut end) = (pin!(future), pin!(until(moment)));
    poll_fn(|context| match future.as_mut().poll(context) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => end.as_mut().poll(context).map(|()| None),
    })
    .await
}

/// What [`until`] gives.
#[derive(Debug)]
pub(crate) struct Until {
    moment: Instant,
    ticket: Option<u64>,
}

impl Future for Until {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        if Instant::now() >= self.moment {
            return Poll::Ready(());
        }
        let mut alarms = ALARMS.lock();
        let ticket = *self.ticket.get_or_insert_with(|| alarms.number());
        alarms.pending.insert((self.moment, ticket), context.waker().clone());
        alarms.attend();
        Poll::Pending
    }
}

impl Drop for Until {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket else { return };
        // The waker is dropped after the lock is: it is foreign code.
        let waker = ALARMS.lock().pending.remove(&(self.moment, ticket));
        drop(waker);
    }
}

/// How long the thread stays without anything to wait for: starting one costs more than a short pause.
const IDLE: Duration = Duration::from_secs(2);

static ALARMS: Mutex<Alarms> = Mutex::new(Alarms { pending: BTreeMap::new(), numbers: 0, process: None });
static EARLIER: Condvar = Condvar::new();

/// All that waits in this process, by moment.
struct Alarms {
    pending: BTreeMap<(Instant, u64), Waker>,
    numbers: u64,
    /// The process whose thread rings: a forked child has none yet.
    process: Option<u32>,
}

impl Alarms {
    fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    fn attend(&mut self) {
        let process = std::process::id();
        if self.process == Some(process) {
            EARLIER.notify_one();
            return;
        }
        // Without a thread the moments are missed, and what waits for them goes on when something else wakes it.
        let thread = std::thread::Builder::new().name("memolith-timer".to_owned()).spawn(ring);
        self.process = thread.is_ok().then_some(process);
    }

    fn due(&mut self) -> Vec<Waker> {
        let later = self.pending.split_off(&(Instant::now(), u64::MAX));
        std::mem::replace(&mut self.pending, later).into_values().collect()
    }
}

fn ring() {
    let mut alarms = ALARMS.lock();
    loop {
        let due = alarms.due();
        if !due.is_empty() {
            parking_lot::MutexGuard::unlocked(&mut alarms, || due.into_iter().for_each(wake));
            continue;
        }
        match alarms.pending.keys().next().copied() {
            Some((moment, _)) => drop(EARLIER.wait_until(&mut alarms, moment)),
            None if EARLIER.wait_for(&mut alarms, IDLE).timed_out() && alarms.pending.is_empty() => {
                alarms.process = None;
                return;
            }
            None => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redis::server::node::wait;
    use std::future::{pending, ready};

    #[test]
    fn a_moment_is_waited_for_and_not_longer() {
        let begun = Instant::now();
        let moments = [30, 10, 20].map(|millis| begun + Duration::from_millis(millis));
        std::thread::scope(|scope| {
            for moment in moments {
                scope.spawn(move || {
                    wait(until(moment));
                    assert!(Instant::now() >= moment);
                });
            }
        });
        assert!(begun.elapsed() < Duration::from_secs(5));
    }

    #[test]
    fn what_comes_first_ends_the_wait() {
        let soon = Instant::now() + Duration::from_millis(5);
        assert_eq!(wait(within(soon, pending::<u8>())), None);
        assert_eq!(wait(within(soon, ready(7))), Some(7));
    }
}
