//! `once`: processes that want the same key at the same time; one computes it, the others wait for that.

use crate::child::{Child, REGION};
use crate::crew;
use crate::field;
use crate::options::Options;
use crate::region::Region;
use crate::report::Report;
use crate::site::Site;
use crate::{Outcome, because};
use memolith::{Record, Space, Timestamp};
use std::io::{self, Read};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

/// As long as the body takes.
const BODY: Duration = Duration::from_millis(200);
/// As long as the others wait.
const WAIT: Duration = Duration::from_secs(2);

pub(crate) fn run(options: &Options) -> Outcome {
    let (processes, rounds) = (options.number("processes", 4)?, options.number("rounds", 10)?);
    let mut report = Report::new(format!("once: {processes} processes want one key, {rounds} rounds"));
    let site = Site::new(options)?;
    let (mut bodies, mut slowest) = (0, Duration::ZERO);
    for round in 0..rounds {
        let (gate, keeper) = io::pipe().map_err(because("there is no pipe"))?;
        let mut children = Vec::new();
        for owner in 0..processes {
            let gate = gate.try_clone().map_err(because("a pipe cannot be shared"))?;
            let mut command = crew::command("claimant", &site, &[("owner", owner), ("seed", round)])?;
            let child = command.stdin(Stdio::from(gate)).stdout(Stdio::piped()).spawn();
            children.push(child.map_err(because("a child cannot be started"))?);
        }
        // All of them have opened the region by then, on any machine that is not overloaded.
        thread::sleep(Duration::from_millis(50));
        let start = Instant::now();
        drop(keeper);
        let mut ran = 0;
        for child in children {
            let output = child.wait_with_output().map_err(because("a child cannot be waited for"))?;
            report.check(output.status.success(), || format!("round {round}: a process ended with {}", output.status));
            ran += String::from_utf8_lossy(&output.stdout).lines().filter(|line| *line == "ran").count();
        }
        slowest = slowest.max(start.elapsed());
        bodies += ran;
        report.check(ran == 1, || format!("round {round}: the body ran {ran} times"));
        report.progress(round, rounds);
    }
    report.row("bodies", bodies);
    report.row("slowest round", format!("{slowest:?}"));
    report.finish()
}

/// The child: looks, claims, computes or looks again.
pub(crate) fn claimant(child: &Child) -> Outcome {
    let region = Region::open(&child.site.region(), REGION)?;
    let (backend, space) = (region.backend(), Space::new("torment::once"));
    backend.open(&space).map_err(because("the space cannot be opened"))?;
    io::stdin().read_to_end(&mut Vec::new()).map_err(because("the gate is broken"))?;
    let (key, end) = (child.seed.to_le_bytes(), Instant::now() + WAIT);
    loop {
        if backend.get(&space, &key, field::now()).map_err(because("a get failed"))?.is_some() {
            return Ok(());
        }
        let left = end.saturating_duration_since(Instant::now());
        let claim = backend.claim(&space, &key, left).map_err(because("a claim failed"))?;
        if claim.is_none() && !left.is_zero() {
            continue;
        }
        println!("ran");
        thread::sleep(BODY);
        let record = Record { value: vec![1; 100], expires: Timestamp::NEVER };
        return backend.put(&space, &key, &record, field::now()).map_err(because("a put failed"));
    }
}
