//! `creators`: processes that open a region which is not there, at the same moment.

use crate::child::{Child, REGION};
use crate::crew;
use crate::field::{self, Key};
use crate::options::Options;
use crate::region::Region;
use crate::report::Report;
use crate::site::Site;
use crate::{Outcome, because};
use memolith::Timestamp;
use std::collections::BTreeSet;
use std::fs;
use std::io::{self, Read};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::process::Stdio;
use std::thread;
use std::time::{Duration, Instant};

/// A put that has failed for as long is lost.
const PATIENCE: Duration = Duration::from_secs(5);

pub(crate) fn run(options: &Options) -> Outcome {
    let (processes, rounds) = (options.number("processes", 64)? as usize, options.number("rounds", 100)?);
    let mut report = Report::new(format!("creators: {processes} at once, {rounds} rounds"));
    let site = Site::new(options)?;
    for round in 0..rounds {
        site.renew()?;
        // In every other round there is a region already, which is damaged and has to be replaced.
        if round % 2 == 1 {
            drop(Region::open(&site.region(), REGION)?);
            let file = fs::OpenOptions::new().write(true).open(site.region());
            let file = file.and_then(|file| file.write_all_at(&[0xFF; 8], 16));
            file.map_err(because("the region cannot be damaged"))?;
        }
        let inodes = together(&site, processes, &mut report)?;
        let there = fs::metadata(site.region()).map_err(because("there is no region"))?;
        report.check(inodes == BTreeSet::from([there.ino()]), || {
            format!("round {round}: the processes use {inodes:?}, the file is {}", there.ino())
        });
        report.check(site.files() == ["region"], || format!("round {round}: files are left: {:?}", site.files()));
        let region = Region::open(&site.region(), REGION)?;
        let (space, mut seen) = (&field::common()[0], 0);
        for owner in 0..processes {
            let (key, now) = (Key { space: 0, owner, index: 0 }, field::now());
            let found = region.backend().get(space, &key.bytes(), now).map_err(because("a get failed"))?;
            seen += usize::from(found.is_some_and(|record| key.version(&record, now).is_ok()));
        }
        report.check(seen == processes, || {
            let info = region.info();
            let spaces: Vec<_> = info.spaces.iter().map(|space| (&space.name, space.entries)).collect();
            let told = format!("{} repairs, {} evictions, spaces {spaces:?}", info.repairs, info.evictions);
            format!("round {round}: {seen} of {processes} puts are seen: {told}")
        });
        report.progress(round, rounds);
    }
    report.row("rounds", rounds);
    report.finish()
}

/// Lets the children go at one moment, and gathers the files that they use.
fn together(site: &Site, processes: usize, report: &mut Report) -> Outcome<BTreeSet<u64>> {
    // The end of a pipe that all of them read from: it closes for all at once.
    let (gate, keeper) = io::pipe().map_err(because("there is no pipe"))?;
    let mut children = Vec::new();
    for owner in 0..processes {
        let gate = gate.try_clone().map_err(because("a pipe cannot be shared"))?;
        let mut command = crew::command("creator", site, &[("owner", owner as u64)])?;
        let child = command.stdin(Stdio::from(gate)).stdout(Stdio::piped()).spawn();
        children.push(child.map_err(because("a child cannot be started"))?);
    }
    drop(keeper);
    let mut inodes = BTreeSet::new();
    for child in children {
        let output = child.wait_with_output().map_err(because("a child cannot be waited for"))?;
        report.check(output.status.success(), || format!("a creator ended with {}", output.status));
        let told = String::from_utf8_lossy(&output.stdout).into_owned();
        inodes.extend(told.split_whitespace().map(|inode| inode.parse().unwrap_or(0)));
    }
    Ok(inodes)
}

/// The child: waits at the gate, opens, puts one entry, and says which file it has mapped.
pub(crate) fn create(child: &Child) -> Outcome {
    io::stdin().read_to_end(&mut Vec::new()).map_err(because("the gate is broken"))?;
    let region = Region::open(&child.site.region(), REGION)?;
    let space = &field::common()[0];
    let key = Key { space: 0, owner: child.owner, index: 0 };
    // With so many at once its owner may not run for longer than a call waits for a lock.
    let (mut put, start) = (region.backend().open(space), Instant::now());
    while start.elapsed() < PATIENCE {
        put = region.backend().put(space, &key.bytes(), &key.record(1, Timestamp::NEVER), field::now());
        if put.is_ok() {
            break;
        }
        thread::sleep(Duration::from_millis(5));
    }
    put.map_err(because("no put succeeded"))?;
    let maps = fs::read_to_string("/proc/self/maps").map_err(because("the kernel does not list mappings"))?;
    let place = child.site.region().to_string_lossy().into_owned();
    for line in maps.lines().filter(|line| line.contains(&place)) {
        println!("{}", line.split_whitespace().nth(4).unwrap_or_default());
    }
    Ok(())
}
