//! `kill`: writers die at random moments, a reader goes on.

use crate::child::REGION;
use crate::counts::{Count, Counts};
use crate::crew::{self, Crew};
use crate::ledger::{Ledger, OWNERS};
use crate::options::Options;
use crate::random::Random;
use crate::region::Region;
use crate::report::Report;
use crate::site::Site;
use crate::{Outcome, audit, because};
use std::process;
use std::thread;
use std::time::{Duration, Instant};

/// A process that does nothing for as long hangs, whatever the machine does.
const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) fn run(options: &Options) -> Outcome {
    let (count, writers) = (options.number("count", 20_000)?, options.number("writers", 4)? as usize);
    if !(1..OWNERS / 2).contains(&writers) {
        return Err(format!("`--writers` is from 1 to {}", OWNERS / 2 - 1));
    }
    let threads = options.number("threads", 2)? as usize;
    if !(1..=2).contains(&threads) {
        return Err("`--threads` of each writer are 1 or 2".to_owned());
    }
    let seed = options.number("seed", u64::from(process::id()))?;
    let mut random = Random::new(seed);
    let mut report = Report::new(format!("kill: {writers} writers of {threads} threads, seed {seed}"));
    let site = Site::new(options)?;
    let ledger = Ledger::open(&site)?;
    let region = Region::open(&site.region(), REGION)?;
    // The first threads of all writers, the second ones if there are any, the reader.
    let (owners, reading) = (threads * writers + 1, threads * writers);
    let second = (threads - 1) * writers;

    let mut crew = Crew::new(&site, "writer", &[("owners", owners as u64), ("second", second as u64)]);
    (0..writers).try_for_each(|owner| crew.start(owner, &mut random))?;
    let told = [("owners", owners as u64), ("owner", reading as u64), ("seed", random.next())];
    let mut reader = crew::spawn("reader", &site, &told)?;
    let (mut begun, start) = (vec![0; writers], Instant::now());
    let limit = Duration::from_secs(options.number("seconds-limit", 24 * 3600)?);
    let mut kills = 0;
    while kills < count && start.elapsed() < limit {
        let victim = random.index(writers);
        // Most are hit in the midst of their work, some wherever they are: opening the region, or not yet there.
        if random.below(4) > 0 {
            await_work(&ledger, victim, begun[victim])?;
        }
        thread::sleep(Duration::from_micros(random.below(800)));
        note_hang(&ledger, victim)?;
        note_hang(&ledger, victim + second)?;
        crew.kill(victim, &ledger)?;
        begun[victim] = Counts::resume(&ledger, victim)?.of(Count::Calls);
        crew.start(victim, &mut random)?;
        kills += 1;
        if kills % 64 == 0 {
            note_hang(&ledger, reading)?;
            if reader.try_wait().map_err(because("the reader cannot be waited for"))?.is_some() {
                return Err("the reader ended by itself; its message is above".to_owned());
            }
        }
        report.progress(kills, count);
    }
    ledger.stop()?;
    crew.dismiss(&ledger)?;
    if !crew::wait(&mut reader, PATIENCE)?.success() {
        report.fault("the reader ended with an error");
    }

    report.row("kills", kills);
    tally(&ledger, owners, &mut report)?;
    audit::contents(region.backend(), &ledger, owners, &mut report)?;
    audit::usable(region.backend(), &ledger, 0, &mut report)?;
    audit::contents(region.backend(), &ledger, owners, &mut report)?;
    audit::region(&region, &site, &mut report)?;
    audit::emptied(region.backend(), owners, &mut report)?;
    report.journal(&site)?;
    report.finish()
}

/// Rows of what all processes did.
pub(crate) fn tally(ledger: &Ledger, owners: usize, report: &mut Report) -> Outcome {
    let sum = Counts::sum(ledger, owners)?;
    let of = |count| sum.of(count);
    report.row("gets, hits", format!("{}, {}", of(Count::Gets), of(Count::Hits)));
    report.row("puts, removals, clears", format!("{}, {}, {}", of(Count::Puts), of(Count::Removes), of(Count::Clears)));
    report.row("scans, claims", format!("{}, {}", of(Count::Scans), of(Count::Claims)));
    report.row("busy, failed", format!("{}, {}", of(Count::Busy), of(Count::Failed)));
    report.row("longest call", format!("{:?}", Duration::from_micros(of(Count::Longest))));
    report.check(of(Count::Hits) > 0 && of(Count::Puts) > 0, || "nothing was put and found".to_owned());
    Ok(())
}

/// A call that is cut off by the kill would never say how long it took.
fn note_hang(ledger: &Ledger, owner: usize) -> Outcome {
    let under_way = Counts::resume(ledger, owner)?.under_way();
    if under_way > Duration::from_secs(1) {
        ledger.tell("hang", &format!("process {owner} has been in a call for {under_way:?}"))?;
    }
    Ok(())
}

/// Waits until a process has made a call of its own.
fn await_work(ledger: &Ledger, owner: usize, begun: u64) -> Outcome {
    let start = Instant::now();
    // The first calls open the spaces.
    while Counts::resume(ledger, owner)?.of(Count::Calls) < begun + 16 {
        if start.elapsed() > PATIENCE {
            return ledger.tell("hang", &format!("process {owner} has not come to work within {PATIENCE:?}"));
        }
        thread::sleep(Duration::from_micros(20));
    }
    Ok(())
}
