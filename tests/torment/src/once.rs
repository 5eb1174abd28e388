//! `once`: processes that want the same key at the same time; one computes it, the others wait for that.

use crate::child::{Child, REGION};
use crate::crew;
use crate::field;
use crate::options::Options;
use crate::region::Region;
use crate::report::Report;
use crate::site::Site;
use crate::{Outcome, because};
use memolith::{Cache, Postcard};
use std::fs;
use std::io::{self, Read};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

/// As long as the body takes.
const BODY: Duration = Duration::from_millis(200);
/// As long as the others wait.
const WAIT: Duration = Duration::from_secs(2);
/// The owner whose body takes longer than anybody waits, and which is killed.
const DOOMED: usize = 99;
/// A dead claimant is noticed by then, on a busy machine too.
const NOTICED: Duration = Duration::from_millis(100);

pub(crate) fn run(options: &Options) -> Outcome {
    let (processes, rounds) = (options.number("processes", 4)? as usize, options.number("rounds", 20)?);
    let mut report = Report::new(format!("once: {processes} processes want one key, {rounds} rounds"));
    let site = Site::new(options)?;
    let mut bodies = 0;
    for round in 0..rounds {
        let times = together(&site, processes, round, &mut report)?;
        bodies += times.len();
        report.check(times.len() == 1, || format!("round {round}: the body ran {} times", times.len()));
        report.progress(round, rounds * 2);
    }
    report.row("bodies", bodies);
    let (mut bodies, mut slowest) = (0, Duration::ZERO);
    for round in rounds..rounds * 2 {
        let (ran, noticed) = orphaned(&site, processes, round, &mut report)?;
        bodies += ran;
        slowest = slowest.max(noticed);
        report.progress(round, rounds * 2);
    }
    report.row("bodies, after the first was killed", bodies);
    report.row("latest start after that", format!("{slowest:?}"));
    report.journal(&site)?;
    report.finish()
}

/// Lets the processes go at one moment; when the body ran, in microseconds of the wall clock.
fn together(site: &Site, processes: usize, round: u64, report: &mut Report) -> Outcome<Vec<u64>> {
    let (gate, keeper) = io::pipe().map_err(because("there is no pipe"))?;
    let mut children = Vec::new();
    for owner in 0..processes {
        let gate = gate.try_clone().map_err(because("a pipe cannot be shared"))?;
        let mut command = crew::command("claimant", site, &[("owner", owner as u64), ("seed", round)])?;
        let child = command.stdin(Stdio::from(gate)).stdout(Stdio::piped()).spawn();
        children.push(child.map_err(because("a child cannot be started"))?);
    }
    drop((gate, keeper));
    let mut times = Vec::new();
    for child in children {
        let output = child.wait_with_output().map_err(because("a child cannot be waited for"))?;
        report.check(output.status.success(), || format!("round {round}: a process ended with {}", output.status));
        times.extend(String::from_utf8_lossy(&output.stdout).lines().filter_map(|line| line.parse::<u64>().ok()));
    }
    Ok(times)
}

/// The process that computes is killed while the others wait for it: one of them computes, at once.
fn orphaned(site: &Site, processes: usize, round: u64, report: &mut Report) -> Outcome<(usize, Duration)> {
    let flag = site.root().join("begun");
    let _ = fs::remove_file(&flag);
    let mut doomed = crew::spawn("claimant", site, &[("owner", DOOMED as u64), ("seed", round)])?;
    let start = Instant::now();
    while !flag.exists() && start.elapsed() < Duration::from_secs(10) {
        thread::sleep(Duration::from_millis(1));
    }
    let (times, killed) = thread::scope(|scope| {
        let killer = scope.spawn(|| {
            // The others come to wait meanwhile; those who come later find a dead claimant, which is as good.
            thread::sleep(Duration::from_millis(100));
            let killed = field::now();
            crew::kill(&mut doomed).map(|()| killed)
        });
        let times = together(site, processes, round, report);
        (times, killer.join().unwrap_or_else(|_| Err("the killer panicked".to_owned())))
    });
    let (times, killed) = (times?, killed?.as_micros());
    report.check(times.len() == 1, || format!("round {round}: after a kill the body ran {} times", times.len()));
    report.check(times.iter().all(|time| *time >= killed), || format!("round {round}: the claim was not kept"));
    let noticed = Duration::from_micros(times.iter().map(|time| time.saturating_sub(killed)).max().unwrap_or(0));
    report.check(noticed < NOTICED, || format!("round {round}: the death was noticed after {noticed:?}"));
    Ok((times.len(), noticed))
}

/// The child: a cache that waits for other processes, and a body that says when it runs.
pub(crate) fn claimant(child: &Child) -> Outcome {
    let region = Region::open(&child.site.region(), REGION)?;
    let cache = Cache::<u64, u64>::builder()
        .backend(region.shared(), "torment::once", Postcard)
        .memory(0)
        .maxsize(None)
        .wait(WAIT)
        .build();
    let _ = cache.get(&u64::MAX);
    io::stdin().read_to_end(&mut Vec::new()).map_err(because("the gate is broken"))?;
    let value = cache.get_or_insert_with(&child.seed, || {
        if child.owner == DOOMED {
            let _ = fs::write(child.site.root().join("begun"), b"");
            thread::sleep(Duration::from_secs(60));
        }
        println!("{}", field::now().as_micros());
        thread::sleep(BODY);
        child.seed * 3
    });
    if value == child.seed * 3 {
        Ok(())
    } else {
        child.ledger.tell("wrong", "a cache gave a value that nobody computed")
    }
}
