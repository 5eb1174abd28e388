//! When a server is left alone: after failures in a row callers do not try it any more, a thread does.
//!
//! The pattern is from M. Nygard, "Release It!", 2007.

use std::time::{Duration, Instant};

/// So many failures in a row, to connect or to answer, are enough.
const ENOUGH: u32 = 3;
/// Between the last of them and the first probe.
const FIRST: Duration = Duration::from_millis(100);
/// Between probes, at most.
const LONGEST: Duration = Duration::from_secs(1);

/// What is known of a server's health. Clocks and chance come in as arguments.
#[derive(Debug, Default)]
pub(crate) struct Breaker {
    failures: u32,
    open: Option<Open>,
}

/// The server is left alone, but for probes.
#[derive(Debug)]
struct Open {
    pause: Duration,
    probe: Instant,
}

/// What a failure has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Change {
    None,
    /// The breaker is open from now on: somebody has to probe.
    Opened,
}

impl Breaker {
    pub(crate) fn is_open(&self) -> bool {
        self.open.is_some()
    }

    /// When the server is to be probed, `None` while calls do that.
    pub(crate) fn probe(&self) -> Option<Instant> {
        self.open.as_ref().map(|open| open.probe)
    }

    /// A connection could not be made, or has ended without an answer. `random` keeps many processes from coming back
    /// at once.
    pub(crate) fn failed(&mut self, now: Instant, random: u64) -> Change {
        self.failures = self.failures.saturating_add(1);
        let pause = match &self.open {
            Some(open) => (open.pause * 2).min(LONGEST),
            None if self.failures < ENOUGH => return Change::None,
            None => FIRST,
        };
        let change = if self.open.is_some() { Change::None } else { Change::Opened };
        self.open = Some(Open { pause, probe: now + jittered(pause, random) });
        change
    }

    /// The server has answered.
    pub(crate) fn answered(&mut self) {
        *self = Breaker::default();
    }
}

/// From three quarters of `pause` to all of it.
fn jittered(pause: Duration, random: u64) -> Duration {
    let quarter = pause / 4;
    pause - quarter.mul_f64((random >> 11) as f64 / (1_u64 << 53) as f64)
}

#[cfg(test)]
mod tests {
    use super::{Breaker, Change};
    use proptest::collection::vec;
    use proptest::prelude::*;
    use std::time::{Duration, Instant};

    /// What the machine must be, from all that happened: failures since the last answer.
    fn naive(events: &[bool]) -> usize {
        events.iter().rev().take_while(|answered| !**answered).count()
    }

    proptest! {
        #[test]
        fn it_is_open_after_three_failures_in_a_row(
            events in vec((any::<bool>(), any::<u64>(), 0_u64..2000), 0..40),
        ) {
            let (mut breaker, mut now, mut seen) = (Breaker::default(), Instant::now(), Vec::new());
            for (answered, random, millis) in events {
                now += Duration::from_millis(millis);
                seen.push(answered);
                let failures = naive(&seen);
                if answered {
                    breaker.answered();
                } else {
                    let change = breaker.failed(now, random);
                    prop_assert_eq!(change == Change::Opened, failures == 3);
                }
                prop_assert_eq!(breaker.is_open(), failures >= 3);
                prop_assert_eq!(breaker.probe().is_some(), failures >= 3);
                let Some(probe) = breaker.probe() else { continue };
                let pause = Duration::from_millis(100 << (failures - 3).min(9)).min(Duration::from_secs(1));
                if !answered {
                    prop_assert!(probe <= now + pause && probe >= now + pause * 3 / 4);
                }
            }
        }
    }
}
