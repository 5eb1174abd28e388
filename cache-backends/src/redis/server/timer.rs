//! Waiting for a moment, for threads and tasks alike.

use super::wait::wake;
use crate::redis::lock::{Condvar, Mutex};
use crate::redis::process::PerProcess;
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
        // Wakers are foreign code: copied before the lock is taken, and dropped after it.
        let (waker, timer) = (context.waker().clone(), timer());
        let mut alarms = timer.alarms.lock();
        let ticket = *self.ticket.get_or_insert_with(|| alarms.number());
        let before = alarms.pending.insert((self.moment, ticket), waker);
        timer.attend(&mut alarms);
        drop((alarms, before));
        Poll::Pending
    }
}

impl Drop for Until {
    fn drop(&mut self) {
        let Some(ticket) = self.ticket else { return };
        // The waker is dropped after the lock is: it is foreign code.
        let waker = timer().alarms.lock().pending.remove(&(self.moment, ticket));
        drop(waker);
    }
}

/// How long the thread stays without anything to wait for: starting one costs more than a short pause.
const IDLE: Duration = Duration::from_secs(2);

static TIMER: PerProcess<Timer> = PerProcess::new();

#[derive(Debug, Default)]
struct Timer {
    alarms: Mutex<Alarms>,
    earlier: Condvar,
}

/// All that waits in this process, by moment.
#[derive(Debug, Default)]
struct Alarms {
    pending: BTreeMap<(Instant, u64), Waker>,
    numbers: u64,
    /// Whether there is a thread that rings.
    rings: bool,
}

fn timer() -> &'static Timer {
    TIMER.get(Timer::default)
}

impl Timer {
    fn attend(&'static self, alarms: &mut Alarms) {
        if alarms.rings {
            self.earlier.notify_one();
            return;
        }
        // Without a thread the moments are missed, and what waits for them goes on when something else wakes it.
        let thread = std::thread::Builder::new().name("memolith-timer".to_owned()).spawn(|| self.ring());
        alarms.rings = thread.is_ok();
    }

    fn ring(&self) {
        let mut alarms = self.alarms.lock();
        loop {
            let due = alarms.due();
            if !due.is_empty() {
                drop(alarms);
                due.into_iter().for_each(wake);
                alarms = self.alarms.lock();
                continue;
            }
            match alarms.pending.keys().next().copied() {
                Some((moment, _)) => alarms = self.earlier.wait_until(alarms, moment).0,
                None => {
                    let (woken, is_idle) = self.earlier.wait_for(alarms, IDLE);
                    alarms = woken;
                    if is_idle && alarms.pending.is_empty() {
                        alarms.rings = false;
                        return;
                    }
                }
            }
        }
    }
}

impl Alarms {
    fn number(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    fn due(&mut self) -> Vec<Waker> {
        let later = self.pending.split_off(&(Instant::now(), u64::MAX));
        std::mem::replace(&mut self.pending, later).into_values().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redis::server::node::wait;
    use std::future::{pending, ready};
    use std::sync::Arc;
    use std::task::Wake;

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

    /// As that of a task which has given away what it waited for, and that nobody else knows of.
    #[test]
    fn a_waker_that_is_replaced_may_take_what_waits_with_it() {
        struct Last {
            _waits: Mutex<Until>,
        }
        impl Wake for Last {
            fn wake(self: Arc<Self>) {}
        }
        let later = || until(Instant::now() + Duration::from_secs(3600));
        let (mut mine, mut moved) = (later(), later());
        let poll = |of: &mut Until, waker: &Waker| _ = Pin::new(of).poll(&mut Context::from_waker(waker));
        poll(&mut mine, Waker::noop());
        poll(&mut moved, &Waker::from(Arc::new(Last { _waits: Mutex::new(mine) })));
        poll(&mut moved, Waker::noop());
    }
}
