//! Each damaged copy is used by a process that knows nothing.

use super::exercise::{EMPTY, REFUSED, UNUSABLE};
use super::harm::Victim;
use super::{apply, place};
use crate::Outcome;
use crate::crew;
use crate::random::Random;
use crate::report::Report;
use crate::site::Site;
use std::time::{Duration, Instant};

/// A process that has not ended by then hangs.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) fn damaged(site: &Site, victim: &Victim, course: (u64, &mut Random), report: &mut Report) -> Outcome {
    let (count, random) = course;
    let (mut good, mut empty, mut unusable, mut refused) = (0, 0, 0, 0);
    let mut slowest = Duration::ZERO;
    for number in 0..count {
        let seed = random.next();
        let harm = victim.harm(&mut Random::new(seed));
        apply(&place(site, victim)?, &harm)?;
        let start = Instant::now();
        let mut child = crew::spawn("exercise", site, &[("seed", seed)])?;
        match crew::wait(&mut child, PATIENCE) {
            Ok(status) => match status.code() {
                Some(0) => good += 1,
                Some(EMPTY) => empty += 1,
                Some(UNUSABLE) => unusable += 1,
                Some(REFUSED) => refused += 1,
                _ => report
                    .fault(format!("file {number}, seed {seed}: the process ended with {status}: {}", told(&harm))),
            },
            Err(message) => report.fault(format!("file {number}, seed {seed}: {message}: {}", told(&harm))),
        }
        slowest = slowest.max(start.elapsed());
        report.progress(number, count);
    }
    report.row("hits and usable", good);
    report.row("no hits, usable", empty);
    report.row("not usable", unusable);
    report.row("refused to open", refused);
    report.row("slowest process", format!("{slowest:?}"));
    // Damage that never shows is none.
    report.check(count < 200 || empty + unusable + refused > 0, || "no damage made a difference".to_owned());
    Ok(())
}

/// A damage in a few words.
fn told(harm: &super::Harm) -> String {
    let places: Vec<_> = harm.patches.iter().take(6).map(|(at, patch)| format!("{at}+{}", patch.len())).collect();
    format!("{} places, {}, length {:?}", harm.patches.len(), places.join(" "), harm.length)
}
