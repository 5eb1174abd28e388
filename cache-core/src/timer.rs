//! One thread for the whole process that looks at leaders when they are due, alive only while there is something to do.

#[cfg(not(shuttle))]
use std::collections::BTreeMap;
#[cfg(not(shuttle))]
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Weak};
use std::time::Instant;

/// What can be due.
pub(crate) trait Timed: Send + Sync {
    /// The moment has come. Runs on the timer's thread and must be short.
    #[cfg_attr(shuttle, expect(dead_code, reason = "models have no time"))]
    fn due(self: Arc<Self>, now: Instant);
}

#[cfg(not(shuttle))]
struct Timer {
    entries: BTreeMap<(Instant, u64), Weak<dyn Timed>>,
    next: u64,
    running: bool,
    /// Who started the thread: a forked child inherits the list and not the thread.
    process: u32,
}

#[cfg(not(shuttle))]
static TIMER: parking_lot::Mutex<Timer> =
    parking_lot::Mutex::new(Timer { entries: BTreeMap::new(), next: 0, running: false, process: 0 });
#[cfg(not(shuttle))]
static CHANGED: parking_lot::Condvar = parking_lot::Condvar::new();

/// Calls `due` of `whom` at `when`, unless it is gone by then.
#[cfg(not(shuttle))]
pub(crate) fn at(when: Instant, whom: Weak<dyn Timed>) {
    let mut timer = TIMER.lock();
    let process = std::process::id();
    if timer.process != process {
        timer.process = process;
        timer.running = false;
    }
    let number = timer.next;
    timer.next += 1;
    timer.entries.insert((when, number), whom);
    if timer.running {
        if timer.entries.first_key_value().is_some_and(|((first, _), _)| *first == when) {
            CHANGED.notify_one();
        }
        return;
    }
    // Without a thread nobody is declared stalled: followers wait, as they would without a timer.
    timer.running = std::thread::Builder::new().name("memolith-timer".into()).spawn(run).is_ok();
}

/// Model checkers have no time: every leader is polled in the end.
#[cfg(shuttle)]
pub(crate) fn at(_when: Instant, _whom: Weak<dyn Timed>) {}

#[cfg(not(shuttle))]
fn run() {
    let mut timer = TIMER.lock();
    while let Some((&(when, _), _)) = timer.entries.first_key_value() {
        let now = Instant::now();
        if when > now {
            CHANGED.wait_until(&mut timer, when);
            continue;
        }
        let Some((_, whom)) = timer.entries.pop_first() else { continue };
        parking_lot::MutexGuard::unlocked(&mut timer, || {
            if let Some(whom) = whom.upgrade() {
                // It wakes tasks, whose executor may panic, and may drop the last copy of a value.
                let _ = catch_unwind(AssertUnwindSafe(|| whom.due(now)));
            }
        });
    }
    timer.running = false;
}
