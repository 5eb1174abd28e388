//! A thread for what nobody waits for, and for what has its time.

use crate::redis::lock::{Condvar, Mutex};
use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::{Arc, Weak};
use std::task::{Context, Wake, Waker};
use std::time::Instant;

/// Does jobs one after the other, at once or later, on a thread that begins with the first of them. What waits for a server
/// is no job but [work](Self::begin), or all others are late.
///
/// Dropped, it ends when what is due has been done; what is not is not done any more.
pub(crate) struct Keeper(Arc<Shared>);

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    /// By the time they are due, then in the order they came.
    jobs: BTreeMap<(Instant, u64), Job>,
    came: u64,
    /// Whether there is a thread.
    runs: bool,
    closed: bool,
}

type Job = Box<dyn FnOnce() + Send>;

impl Keeper {
    pub(crate) fn new() -> Self {
        Keeper(Arc::default())
    }

    /// Does `job` as soon as it can.
    pub(crate) fn soon(&self, job: impl FnOnce() + Send + 'static) {
        self.at(Instant::now(), job);
    }

    /// Does `job` at `time`.
    pub(crate) fn at(&self, time: Instant, job: impl FnOnce() + Send + 'static) {
        self.0.at(time, Box::new(job));
    }

    /// Goes on with `work` whenever that can go on. Jobs and other work do not wait for it.
    pub(crate) fn begin(&self, work: impl Future<Output = ()> + Send + 'static) {
        Arc::new(Work { keeper: Arc::downgrade(&self.0), rest: Mutex::new(Some(Box::pin(work))) }).wake();
    }
}

impl Shared {
    fn at(self: &Arc<Self>, time: Instant, job: Job) {
        let mut state = self.state.lock();
        state.came += 1;
        let place = (time, state.came);
        state.jobs.insert(place, job);
        if state.runs {
            self.changed.notify_one();
            return;
        }
        let shared = Arc::clone(self);
        let thread = std::thread::Builder::new().name("memolith-redis".into()).spawn(move || shared.run());
        // Without a thread the next job tries again: claims end with their time, and news is told by nobody.
        state.runs = thread.is_ok();
    }

    fn run(&self) {
        let mut state = self.state.lock();
        loop {
            let next = state.jobs.first_key_value().map(|(&(time, _), _)| time);
            match next {
                Some(time) if time <= Instant::now() => {
                    let job = state.jobs.pop_first();
                    drop(state);
                    // Wakers are foreign code, and one that panics is not to stop the others.
                    let _ = catch_unwind(AssertUnwindSafe(|| job.into_iter().for_each(|(_, job)| job())));
                    state = self.state.lock();
                }
                _ if state.closed => {
                    let left = std::mem::take(&mut state.jobs);
                    drop(state);
                    return drop(left);
                }
                Some(time) => state = self.changed.wait_until(state, time).0,
                None => state = self.changed.wait(state),
            }
        }
    }
}

/// What waits now and then, as a task does: whoever works for it wakes it.
struct Work {
    keeper: Weak<Shared>,
    rest: Mutex<Option<Pin<Box<dyn Future<Output = ()> + Send>>>>,
}

impl Wake for Work {
    fn wake(self: Arc<Self>) {
        if let Some(keeper) = self.keeper.upgrade() {
            keeper.at(Instant::now(), Box::new(move || self.go_on()));
        }
    }
}

impl Work {
    /// Called by the keeper's thread alone.
    fn go_on(self: Arc<Self>) {
        let waker = Waker::from(Arc::clone(&self));
        // Taken out: it ends for good if it panics, and is dropped without the lock.
        let Some(mut rest) = self.rest.lock().take() else { return };
        if rest.as_mut().poll(&mut Context::from_waker(&waker)).is_pending() {
            *self.rest.lock() = Some(rest);
        }
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.0.state.lock().closed = true;
        self.0.changed.notify_one();
    }
}

impl fmt::Debug for Keeper {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Keeper").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::redis::server::timer::until;
    use std::sync::mpsc::channel;
    use std::time::Duration;

    #[test]
    fn jobs_are_done_in_the_order_of_their_times() {
        let (keeper, (done, dones)) = (Keeper::new(), channel());
        let now = Instant::now();
        for delay in [30, 10, 20, 10] {
            let done = done.clone();
            keeper.at(now + Duration::from_millis(delay), move || _ = done.send(delay));
        }
        drop(done);
        assert_eq!(dones.iter().collect::<Vec<_>>(), [10, 10, 20, 30]);
        assert!(now.elapsed() >= Duration::from_millis(30));
    }

    #[test]
    fn what_is_due_is_done_when_the_keeper_is_dropped_and_the_rest_is_not() {
        let (keeper, (done, dones)) = (Keeper::new(), channel());
        let (holds, held) = channel::<()>();
        keeper.soon(move || _ = held.recv());
        let (late, soon) = (done.clone(), done);
        keeper.at(Instant::now() + Duration::from_secs(3600), move || _ = late.send("late"));
        keeper.soon(move || _ = soon.send("soon"));
        drop(keeper);
        drop(holds);
        assert_eq!(dones.iter().collect::<Vec<_>>(), ["soon"]);
    }

    #[test]
    fn work_that_waits_keeps_nobody_waiting() {
        let (keeper, (done, dones)) = (Keeper::new(), channel());
        let (waits, soon) = (done.clone(), done);
        let moment = Instant::now() + Duration::from_millis(20);
        keeper.begin(async move {
            until(moment).await;
            let _ = waits.send("waited");
        });
        keeper.soon(move || _ = soon.send("soon"));
        assert_eq!(dones.iter().collect::<Vec<_>>(), ["soon", "waited"]);
        assert!(Instant::now() >= moment);
    }

    #[test]
    fn a_job_that_panics_stops_no_other() {
        let (keeper, (done, dones)) = (Keeper::new(), channel());
        keeper.soon(|| panic!("planned"));
        keeper.soon(move || _ = done.send(()));
        assert_eq!(dones.recv(), Ok(()));
    }
}
