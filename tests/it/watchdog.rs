//! A hang is a failed test, not a test run that never ends.

use std::panic::resume_unwind;
use std::sync::mpsc::{RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// Runs `work` on a thread of its own, which must end within `seconds`.
pub(crate) fn within<T: Send + 'static>(seconds: u64, work: impl FnOnce() -> T + Send + 'static) -> T {
    let (ended, end) = channel::<()>();
    let worker = thread::spawn(move || {
        // Dropped at the end, or by a panic.
        let _ended = ended;
        work()
    });
    assert_ne!(end.recv_timeout(Duration::from_secs(seconds)), Err(RecvTimeoutError::Timeout), "hangs");
    worker.join().unwrap_or_else(|panic| resume_unwind(panic))
}

/// Waits until `condition` holds, for ten seconds at most.
pub(crate) fn until(condition: impl Fn() -> bool) {
    for _ in 0..10_000 {
        if condition() {
            return;
        }
        thread::sleep(Duration::from_millis(1));
    }
    panic!("waited in vain");
}
