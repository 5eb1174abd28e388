//! How long calls take, and how much of that is the machine's doing rather than ours.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

/// Longer than any call may keep its caller waiting.
pub(crate) const LIMIT: Duration = Duration::from_millis(100);

/// Times the calls of one thread.
#[derive(Debug)]
pub(crate) struct Stopwatch {
    schedule: Option<File>,
    before: Schedule,
    until_renewal: u32,
}

/// A call that took longer than [`LIMIT`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slow {
    pub(crate) wall: Duration,
    /// How much longer the thread was ready to run, but had no core.
    pub(crate) queued: Duration,
    /// How long the machine itself was kept from running, all cores together.
    pub(crate) stolen: Duration,
}

impl Slow {
    /// What the machine does not account for: work, and waits of our own.
    pub(crate) fn own(&self) -> Duration {
        self.wall.saturating_sub(self.queued).saturating_sub(self.stolen)
    }
}

#[derive(Clone, Copy, Debug, Default)]
struct Schedule {
    queued: Duration,
    stolen: Duration,
}

impl Stopwatch {
    pub(crate) fn new() -> Self {
        // Not every kernel counts; then all time is held to be our own.
        let schedule = File::open("/proc/thread-self/schedstat").ok();
        let before = Schedule::default();
        Stopwatch { schedule, before, until_renewal: 0 }
    }

    /// Runs `call`, and says how long it took, and more when that is too long.
    pub(crate) fn time<T>(&mut self, call: impl FnOnce() -> T) -> (T, Duration, Option<Slow>) {
        // A look at the kernel's account costs as much as a call, so it may be a few calls old: they were quick ones.
        if self.until_renewal == 0 {
            (self.before, self.until_renewal) = (self.schedule(), 32);
        }
        self.until_renewal -= 1;
        let start = Instant::now();
        let result = call();
        let wall = start.elapsed();
        if wall <= LIMIT {
            return (result, wall, None);
        }
        let after = self.schedule();
        let queued = after.queued.saturating_sub(self.before.queued);
        let stolen = after.stolen.saturating_sub(self.before.stolen);
        self.until_renewal = 0;
        (result, wall, Some(Slow { wall, queued, stolen }))
    }

    fn schedule(&self) -> Schedule {
        let mut text = [0; 64];
        let read = self.schedule.as_ref().and_then(|file| file.read_at(&mut text, 0).ok()).unwrap_or(0);
        let text = String::from_utf8_lossy(&text[..read]).into_owned();
        let queued = text.split_whitespace().nth(1).and_then(|nanos| nanos.parse().ok()).unwrap_or(0);
        Schedule { queued: Duration::from_nanos(queued), stolen: stolen() }
    }
}

/// Time stolen from this machine since it started; Linux counts it in hundredths.
fn stolen() -> Duration {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let ticks = text.lines().next().and_then(|line| line.split_whitespace().nth(8)?.parse().ok());
    Duration::from_millis(ticks.unwrap_or(0_u64) * 10)
}
