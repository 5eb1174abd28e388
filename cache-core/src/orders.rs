//! Runs a model in many orders of the steps of its threads, and sees that it finds the bugs planted for it.

use crate::sync::plant;
use shuttle::scheduler::{PctScheduler, RandomScheduler};
use shuttle::thread;
use shuttle::{Config, Runner};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};

/// Orders tried at random, and as many again with few changes of thread, each at a random step.
const ORDERS: usize = 2_000;
/// Changes of thread that a bug may need.
const DEPTH: usize = 3;
/// One model at a time, because the planted bug is one for all.
static ALONE: Mutex<()> = Mutex::new(());

fn try_orders(model: fn()) {
    let mut config = Config::new();
    // A cache is made in place, and the checker's atomics are large.
    config.stack_size = 1 << 18;
    Runner::new(RandomScheduler::new(ORDERS), config.clone()).run(model);
    Runner::new(PctScheduler::new(DEPTH, ORDERS), config).run(model);
}

/// The model holds, and does not with any of `bugs`.
pub(crate) fn check(model: fn(), bugs: &[&'static str]) {
    let _alone = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    try_orders(model);
    for bug in bugs {
        plant(bug);
        // A rare one is looked for longer: no run of this fails by chance.
        let found = (0..32).any(|_| catch_unwind(AssertUnwindSafe(|| try_orders(model))).is_err());
        plant("");
        assert!(found, "the planted bug \"{bug}\" is not seen");
    }
}

/// Runs `work` on as many threads, with their numbers, and waits for all.
pub(crate) fn threads<T: Send + 'static>(number: u64, work: impl Fn(u64) -> T + Send + Sync + 'static) -> Vec<T> {
    let work = Arc::new(work);
    let threads: Vec<_> = (0..number)
        .map(|thread| {
            let work = Arc::clone(&work);
            thread::spawn(move || work(thread))
        })
        .collect();
    threads.into_iter().map(|thread| thread.join().expect("a panic ends the model")).collect()
}
