//! Each damaged copy is used by a process that knows nothing.

use super::exercise::{EMPTY, REFUSED, UNUSABLE};
use super::harm::{Harm, Victim};
use super::{apply, place};
use crate::Outcome;
use crate::counts::{Count, Counts};
use crate::crew;
use crate::ledger::Ledger;
use crate::random::Random;
use crate::report::Report;
use crate::site::Site;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// A process that has not ended by then hangs.
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) fn damaged(site: &Site, victim: &Victim, course: (u64, &mut Random), report: &mut Report) -> Outcome {
    let (count, random) = course;
    let ledger = Ledger::open(site)?;
    let (mut ends, mut poorer, mut slowest) = (BTreeMap::new(), 0, (Duration::ZERO, 0));
    // The first copy has no damage.
    let mut undamaged = 0;
    for number in 0..=count {
        let seed = random.next();
        let harm = if number == 0 { Harm::default() } else { victim.harm(&mut Random::new(seed)) };
        apply(&place(site, victim)?, &harm)?;
        let start = Instant::now();
        let mut child = crew::spawn("exercise", site, &[("seed", seed)])?;
        let ended = crew::wait(&mut child, PATIENCE).and_then(|status| match status.code() {
            Some(code @ (0 | EMPTY | UNUSABLE | REFUSED)) => Ok(code),
            _ => Err(format!("the process ended with {status}")),
        });
        slowest = slowest.max((start.elapsed(), seed));
        match ended {
            Ok(code) => *ends.entry(code).or_insert(0_u64) += 1,
            Err(message) => report.fault(format!("file {number}, seed {seed}: {message}: {}", told(&harm))),
        }
        let hits = Counts::resume(&ledger, 0)?.of(Count::Hits);
        match number {
            0 => undamaged = hits,
            _ => poorer += u64::from(hits < undamaged),
        }
        report.progress(number, count);
    }
    let of = |code| ends.get(&code).copied().unwrap_or(0);
    report.row("hits, and usable", of(0));
    report.row("no hits, and usable", of(EMPTY));
    report.row("not usable", of(UNUSABLE));
    report.row("refused to open", of(REFUSED));
    report.row("fewer hits than undamaged", format!("{poorer}, of {undamaged} hits"));
    report.row("slowest process", format!("{:?}, seed {}", slowest.0, slowest.1));
    // Damage that never shows is none.
    report.check(poorer * 10 >= count, || format!("{poorer} of {count} damages made a difference"));
    Ok(())
}

/// A damage in a few words.
fn told(harm: &Harm) -> String {
    let places: Vec<_> = harm.patches.iter().take(6).map(|(at, patch)| format!("{at}+{}", patch.len())).collect();
    format!("{} places, {}, length {:?}", harm.patches.len(), places.join(" "), harm.length)
}
