//! Damage to a file that a process has open: bytes change under it, and the file is cut.

use super::harm::Victim;
use super::{apply, place};
use crate::counts::{Count, Counts};
use crate::crew;
use crate::ledger::Ledger;
use crate::random::Random;
use crate::report::Report;
use crate::site::Site;
use crate::{Outcome, because};
use std::thread;
use std::time::{Duration, Instant};

/// Damages that one process lives through.
const EACH: u64 = 20;
const PATIENCE: Duration = Duration::from_secs(10);

pub(super) fn damaged(site: &Site, victim: &Victim, course: (u64, &mut Random), report: &mut Report) -> Outcome {
    let (count, random) = course;
    let ledger = Ledger::open(site)?;
    let (mut done, mut cuts) = (0, 0);
    while done < count {
        let file = place(site, victim)?;
        let seed = random.next();
        let begun = Counts::resume(&ledger, 0)?.of(Count::Calls);
        ledger.resume()?;
        let mut child = crew::spawn("user", site, &[("seed", seed)])?;
        let start = Instant::now();
        while Counts::resume(&ledger, 0)?.of(Count::Calls) == begun && start.elapsed() < PATIENCE {
            thread::sleep(Duration::from_micros(100));
        }
        for _ in 0..EACH {
            let harm = victim.harm(random);
            apply(&file, &harm)?;
            thread::sleep(Duration::from_micros(random.below(3000)));
            done += 1;
            if harm.length.is_some() {
                // A file that was cut is not used again, whatever becomes of it.
                cuts += 1;
                apply(&file, &victim.original(&harm))?;
                thread::sleep(Duration::from_millis(2));
                break;
            }
            if random.below(2) == 0 {
                apply(&file, &victim.original(&harm))?;
            }
        }
        let crashed = child.try_wait().map_err(because("a child cannot be waited for"))?;
        ledger.stop()?;
        match crashed.map_or_else(|| crew::wait(&mut child, PATIENCE), Ok) {
            Ok(status) if status.success() => {}
            Ok(status) => report.fault(format!("in use, seed {seed}: the process ended with {status}")),
            Err(message) => report.fault(format!("in use, seed {seed}: {message}")),
        }
        report.progress(format!("{done} in use"), count);
    }
    let counts = Counts::resume(&ledger, 0)?;
    report.row("damaged in use, of these cut", format!("{done}, {cuts}"));
    report.row("hits meanwhile", counts.of(Count::Hits));
    Ok(())
}
