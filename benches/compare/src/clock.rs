//! The time a thread has had, and the core it has it on.

use std::time::Duration;

/// CPU time of the calling thread: what other programs take is not in it. Elsewhere than on Linux, the time of day.
#[cfg(target_os = "linux")]
#[must_use]
pub fn cpu_time() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    // A thread's time is neither negative nor does it have more nanoseconds than a second has.
    Duration::new(time.tv_sec.unsigned_abs(), u32::try_from(time.tv_nsec).unwrap_or_default())
}

/// Binds the calling thread to core `core`, counted round. Where that is refused or unknown, threads go where they like.
#[cfg(target_os = "linux")]
pub fn pin(core: usize) {
    use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
    let Ok(mine) = sched_getaffinity(None) else { return };
    let allowed: Vec<usize> = (0..CpuSet::MAX_CPU).filter(|&core| mine.is_set(core)).collect();
    let Some(&core) = allowed.get(core % allowed.len().max(1)) else { return };
    let mut set = CpuSet::new();
    set.set(core);
    let _ = sched_setaffinity(None, &set);
}

/// CPU time of the calling thread: what other programs take is not in it. Elsewhere than on Linux, the time of day.
#[cfg(not(target_os = "linux"))]
#[must_use]
pub fn cpu_time() -> Duration {
    static START: std::sync::LazyLock<std::time::Instant> = std::sync::LazyLock::new(std::time::Instant::now);
    START.elapsed()
}

/// Binds the calling thread to core `core`, counted round. Where that is refused or unknown, threads go where they like.
#[cfg(not(target_os = "linux"))]
pub fn pin(_: usize) {}
