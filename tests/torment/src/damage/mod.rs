//! `damage`: regions whose bytes are not what we wrote.

mod copies;
mod exercise;
mod harm;
mod live;

pub(crate) use exercise::{exercise, user};

use crate::field::KEYS;
use crate::ledger::Ledger;
use crate::options::Options;
use crate::random::Random;
use crate::region::Region;
use crate::report::Report;
use crate::site::Site;
use crate::worker::{Mix, Worker};
use crate::{Outcome, because};
use harm::{Harm, Victim};
use std::fs::{self, File, OpenOptions};
use std::os::unix::fs::{FileExt, OpenOptionsExt};
use std::process;

/// Small, so that many copies are made in little time.
const REGION: u64 = 1 << 20;

pub(crate) fn run(options: &Options) -> Outcome {
    let (count, live) = (options.number("count", 20_000)?, options.number("live", 2_000)?);
    let seed = options.number("seed", u64::from(process::id()))?;
    let mut random = Random::new(seed);
    let mut report = Report::new(format!("damage: {count} files, {live} times in use, seed {seed}"));
    let site = Site::new(options)?;
    let ledger = Ledger::open(&site)?;
    let victim = filled(&site, &ledger, seed)?;
    copies::damaged(&site, &victim, (count, &mut random), &mut report)?;
    live::damaged(&site, &victim, (live, &mut random), &mut report)?;
    report.journal(&site)?;
    report.finish()
}

/// The file of a region that has been used for a while.
fn filled(site: &Site, ledger: &Ledger, seed: u64) -> Outcome<Victim> {
    let region = Region::open(&site.region(), REGION)?;
    let mut worker = Worker::new((region.backend(), ledger), (0, 1), Mix::Steps, seed)?;
    (0..KEYS * 8).try_for_each(|_| worker.step())?;
    worker.finish()?;
    drop(region);
    fs::read(site.region()).map(Victim::new).map_err(because("the region cannot be read"))
}

/// A fresh file in the place of the region, with the victim's bytes.
fn place(site: &Site, victim: &Victim) -> Outcome<File> {
    for name in site.files() {
        let _ = fs::remove_file(site.region().with_file_name(name));
    }
    let mut how = OpenOptions::new();
    let file = how.write(true).read(true).create_new(true).mode(0o600).open(site.region());
    let file = file.map_err(because("the copy cannot be made"))?;
    file.set_len(victim.bytes.len() as u64).map_err(because("the copy cannot be sized"))?;
    // Most of the file is nothing; holes are quicker.
    for (page, bytes) in victim.bytes.chunks(1 << 12).enumerate() {
        if bytes.iter().any(|byte| *byte != 0) {
            file.write_all_at(bytes, (page as u64) << 12).map_err(because("the copy cannot be written"))?;
        }
    }
    Ok(file)
}

fn apply(file: &File, harm: &Harm) -> Outcome {
    if let Some(length) = harm.length {
        file.set_len(length).map_err(because("the copy cannot be cut"))?;
    }
    for (at, patch) in &harm.patches {
        file.write_all_at(patch, *at as u64).map_err(because("the damage cannot be written"))?;
    }
    Ok(())
}
