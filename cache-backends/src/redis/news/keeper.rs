//! A thread for what nobody waits for, and for what has its time.

use parking_lot::{Condvar, Mutex};
use std::collections::BTreeMap;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Instant;

/// Does jobs one after the other, at once or later, on a thread that begins with the first of them.
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
    /// The process that the thread is in: a forked child has none.
    process: Option<u32>,
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
        let process = std::process::id();
        let mut state = self.0.state.lock();
        let inherited = match state.process {
            Some(other) if other != process => std::mem::take(&mut state.jobs),
            _ => BTreeMap::new(),
        };
        state.came += 1;
        let place = (time, state.came);
        state.jobs.insert(place, Box::new(job));
        if state.process == Some(process) {
            self.0.changed.notify_one();
            return;
        }
        let shared = Arc::clone(&self.0);
        let thread = std::thread::Builder::new().name("memolith-redis".into()).spawn(move || shared.run());
        // Without a thread the next job tries again: claims end with their time, and news is told by nobody.
        state.process = thread.is_ok().then_some(process);
        drop(state);
        // What the parent has to do is done by the parent.
        drop(inherited);
    }
}

impl Shared {
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
                Some(time) => _ = self.changed.wait_until(&mut state, time),
                None => self.changed.wait(&mut state),
            }
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
    fn a_job_that_panics_stops_no_other() {
        let (keeper, (done, dones)) = (Keeper::new(), channel());
        keeper.soon(|| panic!("planned"));
        keeper.soon(move || _ = done.send(()));
        assert_eq!(dones.recv(), Ok(()));
    }
}
