//! `storm`: many processes on few cores, of which a tenth is killed or stopped each second.

use crate::child::REGION;
use crate::crew::{self, Crew};
use crate::ledger::{Ledger, OWNERS};
use crate::options::Options;
use crate::random::Random;
use crate::region::Region;
use crate::report::Report;
use crate::site::Site;
use crate::{Outcome, audit, kill};
use rustix::process::Signal;
use std::process;
use std::thread;
use std::time::{Duration, Instant};

pub(crate) fn run(options: &Options) -> Outcome {
    let (processes, seconds) = (options.number("processes", 64)? as usize, options.number("seconds", 60)?);
    if !(1..OWNERS).contains(&processes) {
        return Err(format!("`--processes` is from 1 to {}", OWNERS - 1));
    }
    let seed = options.number("seed", u64::from(process::id()))?;
    let mut random = Random::new(seed);
    let mut report = Report::new(format!("storm: {processes} processes, {seconds} s, seed {seed}"));
    let site = Site::new(options)?;
    let ledger = Ledger::open(&site)?;
    let region = Region::open(&site.region(), REGION)?;
    let owners = processes + 1;

    let mut crew = Crew::new(&site, "stormer", &[("owners", owners as u64)]);
    (0..processes).try_for_each(|owner| crew.start(owner, &mut random))?;
    let told = [("owners", owners as u64), ("owner", processes as u64), ("seed", random.next())];
    let mut reader = crew::spawn("reader", &site, &told)?;
    let (mut kills, mut stops, mut stopped) = (0, 0, Vec::new());
    let start = Instant::now();
    let gap = Duration::from_secs(10) / processes as u32;
    let mut next = start + gap;
    while start.elapsed() < Duration::from_secs(seconds) {
        thread::sleep(next.saturating_duration_since(Instant::now()).min(Duration::from_millis(5)));
        for (victim, _) in stopped.extract_if(.., |(_, until)| *until <= Instant::now()) {
            crew.signal(victim, Signal::CONT)?;
        }
        report.progress(start.elapsed().as_secs(), seconds);
        if Instant::now() < next {
            continue;
        }
        next += gap;
        let victim = random.index(processes);
        if random.below(2) == 0 {
            // Stopped processes are killed too.
            stopped.retain(|(other, _)| *other != victim);
            crew.kill(victim, &ledger)?;
            crew.start(victim, &mut random)?;
            kills += 1;
        } else if stopped.iter().all(|(other, _)| *other != victim) {
            crew.signal(victim, Signal::STOP)?;
            stopped.push((victim, Instant::now() + Duration::from_millis(200 + random.below(800))));
            stops += 1;
        }
    }
    stopped.into_iter().try_for_each(|(victim, _)| crew.signal(victim, Signal::CONT))?;
    ledger.stop()?;
    crew.dismiss(&ledger)?;
    if !crew::wait(&mut reader, Duration::from_secs(30))?.success() {
        report.fault("the reader ended with an error");
    }

    report.row("kills, stops", format!("{kills}, {stops}"));
    kill::tally(&ledger, owners, &mut report)?;
    audit::contents(region.backend(), &ledger, owners, &mut report)?;
    audit::usable(region.backend(), &ledger, 0, &mut report)?;
    audit::region(&region, &site, &mut report)?;
    audit::emptied(region.backend(), owners, &mut report)?;
    report.journal(&site)?;
    report.finish()
}
