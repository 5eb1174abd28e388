//! How long calls take, and how much of that is the machine's doing rather than ours.

use std::fs::{self, File};
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

/// Longer than any call may keep its caller waiting.
pub(crate) const LIMIT: Duration = Duration::from_millis(100);

/// Calls between two looks at what was stolen.
const RENEWED: u32 = 32;

/// Times the calls of one thread.
#[derive(Debug)]
pub(crate) struct Stopwatch {
    schedule: Option<File>,
    /// What was stolen until a few calls ago.
    stolen: Duration,
    until_renewal: u32,
}

/// A call that took longer than [`LIMIT`].
#[derive(Clone, Copy, Debug)]
pub(crate) struct Slow {
    pub(crate) wall: Duration,
    /// How long the thread ran, as far as the kernel has counted it.
    pub(crate) ran: Duration,
    /// How much longer the thread was ready to run, but had no core.
    pub(crate) queued: Duration,
    /// How long the machine itself was kept from running, all cores together.
    pub(crate) stolen: Duration,
}

impl Slow {
    /// What the machine does not account for: work, and waits of our own.
    pub(crate) fn own(&self) -> Duration {
        // Who waits leaves its core, and who works is counted at each tick of the clock: of a thread of which the kernel
        // has noted neither, the machine itself stood still.
        if self.ran.is_zero() {
            return Duration::ZERO;
        }
        self.wall.saturating_sub(self.queued).saturating_sub(self.stolen)
    }
}

impl Stopwatch {
    pub(crate) fn new() -> Self {
        // Not every kernel counts; then all time is held to be our own.
        let schedule = File::open("/proc/thread-self/schedstat").ok();
        Stopwatch { schedule, stolen: Duration::ZERO, until_renewal: 0 }
    }

    /// Runs `call`, and says how long it took, and more when that is too long.
    pub(crate) fn time<T>(&mut self, call: impl FnOnce() -> T) -> (T, Duration, Option<Slow>) {
        if self.until_renewal == 0 {
            (self.stolen, self.until_renewal) = (stolen(), RENEWED);
        }
        self.until_renewal -= 1;
        let (start, (ran, queued)) = (Instant::now(), self.schedule());
        let result = call();
        let wall = start.elapsed();
        if wall <= LIMIT {
            return (result, wall, None);
        }
        self.until_renewal = 0;
        let (ran_now, queued_now) = self.schedule();
        let ran = if self.schedule.is_some() { ran_now.saturating_sub(ran) } else { wall };
        let queued = queued_now.saturating_sub(queued);
        (result, wall, Some(Slow { wall, ran, queued, stolen: stolen().saturating_sub(self.stolen) }))
    }

    /// How long this thread has run, and waited for a core, so far.
    fn schedule(&self) -> (Duration, Duration) {
        let mut text = [0; 64];
        let read = self.schedule.as_ref().and_then(|file| file.read_at(&mut text, 0).ok()).unwrap_or(0);
        let text = str::from_utf8(&text[..read]).unwrap_or_default();
        let mut nanos = text.split(' ').map(|field| Duration::from_nanos(field.parse().unwrap_or(0)));
        (nanos.next().unwrap_or_default(), nanos.next().unwrap_or_default())
    }
}

/// Time stolen from this machine since it started; Linux counts it in hundredths.
fn stolen() -> Duration {
    let text = fs::read_to_string("/proc/stat").unwrap_or_default();
    let ticks = text.lines().next().and_then(|line| line.split_whitespace().nth(8)?.parse().ok());
    Duration::from_millis(ticks.unwrap_or(0_u64) * 10)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn work_and_waits_are_our_own() {
        let mut watch = Stopwatch::new();
        let much = LIMIT + Duration::from_millis(20);
        let (_, _, slow) = watch.time(|| std::thread::sleep(much));
        let slow = slow.unwrap();
        assert!(slow.wall >= much && slow.own() + slow.queued + slow.stolen >= much, "{slow:?}");
        let start = Instant::now();
        let (_, _, slow) = watch.time(|| while start.elapsed() < much {});
        assert!(slow.unwrap().ran > Duration::ZERO);
        assert!(watch.time(|| ()).2.is_none());
    }

    #[test]
    fn a_machine_that_stands_still_is_not_ours() {
        let [wall, ran, none] = [140, 1, 0].map(Duration::from_millis);
        assert_eq!(Slow { wall, ran: none, queued: none, stolen: none }.own(), none);
        assert_eq!(Slow { wall, ran, queued: none, stolen: none }.own(), wall);
        assert_eq!(Slow { wall, ran, queued: wall - ran, stolen: none }.own(), ran);
    }
}
