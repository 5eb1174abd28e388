//! Work for a time rather than time for a work.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// Operations of all `threads` per second while each runs `work` for `time`.
pub fn rate(threads: usize, time: Duration, work: impl Fn(usize, u64) + Sync) -> f64 {
    let done = AtomicU64::new(0);
    let start = Instant::now();
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (done, work) = (&done, &work);
            scope.spawn(move || {
                let mut n = 0;
                while start.elapsed() < time {
                    work(thread, n);
                    n += 1;
                }
                done.fetch_add(n, Relaxed);
            });
        }
    });
    done.into_inner() as f64 / start.elapsed().as_secs_f64()
}
