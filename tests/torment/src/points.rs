//! `points`: a process ends before its first store to the map, its second, its third, and so on to the last.

use crate::child::Child;
use crate::crew;
use crate::field;
use crate::ledger::Ledger;
use crate::options::Options;
use crate::random::Random;
use crate::region::Region;
use crate::report::Report;
use crate::site::Site;
use crate::worker::{Mix, Worker};
use crate::{Outcome, audit, because};
use memolith::{Record, Space, Timestamp};
use std::process;
use std::time::Duration;

/// The smallest region: one lock over all of it, full after a few hundred puts.
const REGION: u64 = 1 << 20;
/// Operations of a sequence.
const STEPS: usize = 60;
/// With this status a process ends before the store it was told.
const CRASHED: i32 = 77;
/// The variable that tells it.
const VARIABLE: &str = "MEMOLITH_CRASH_AT";

pub(crate) fn run(options: &Options) -> Outcome {
    if !cfg!(memolith_crash) {
        let how = "build it with `--cfg memolith_crash`, as `cargo xtask torment points` does";
        return Err(format!("this build of the map cannot end at a store: {how}"));
    }
    let rounds = options.number("rounds", 30)?;
    let seed = options.number("seed", u64::from(process::id()))?;
    let mut random = Random::new(seed);
    let mut report = Report::new(format!("points: {rounds} sequences of {STEPS} operations, seed {seed}"));
    let site = Site::new(options)?;
    let ledger = Ledger::open(&site)?;
    let region = Region::open(&site.region(), REGION)?;
    let mut filler = Worker::new((region.backend(), &ledger), (0, 2), Mix::Steps, seed)?;
    (0..3000).try_for_each(|_| filler.step())?;
    filler.finish()?;

    let mut deaths = 0_u64;
    for round in 0..rounds {
        let sequence = random.next();
        for store in 1_u64.. {
            let mut command = crew::command("sequence", &site, &[("owners", 2), ("seed", sequence)])?;
            let mut child =
                command.env(VARIABLE, store.to_string()).spawn().map_err(because("a child cannot start"))?;
            let status = crew::wait(&mut child, Duration::from_secs(10))?;
            let died = status.code() == Some(CRASHED);
            report.check(died || status.success(), || format!("store {store} of round {round}: ended with {status}"));
            let mut looker = Worker::new((region.backend(), &ledger), (1, 2), Mix::Read, sequence ^ store)?;
            (0..40).try_for_each(|_| looker.get_any())?;
            looker.finish()?;
            // At times the next process is the first to find what this one left.
            if random.below(4) > 0 {
                recover(&region, &ledger, &format!("store {store} of round {round}"), &mut report)?;
            }
            if !died {
                break;
            }
            deaths += 1;
            report.progress(format!("store {store} of round {round}"), rounds);
        }
    }
    report.row("deaths", deaths);
    report.check(deaths > rounds * STEPS as u64, || format!("{deaths} deaths: the build does not end at stores"));
    audit::usable(region.backend(), &ledger, 0, &mut report)?;
    audit::region(&region, &site, &mut report)?;
    audit::emptied(region.backend(), 2, &mut report)?;
    report.journal(&site)?;
    report.finish()
}

/// One put repairs; what the repair leaves is right, and bears five more without another one.
fn recover(region: &Region, ledger: &Ledger, point: &str, report: &mut Report) -> Outcome {
    let (backend, space) = (region.backend(), Space::new("torment::probe"));
    let opened = backend.open(&space);
    report.check(opened.is_ok(), || format!("{point}: a space cannot be opened afterwards: {opened:?}"));
    for probe in 0..6_u8 {
        let (key, record) = ([probe; 9], Record { value: vec![probe; 3000], expires: Timestamp::NEVER });
        let before = region.info().repairs;
        let put = backend.put(&space, &key, &record, field::now());
        let found = backend.get(&space, &key, field::now());
        let held = put.is_ok() && found.as_ref().is_ok_and(|found| found.as_ref() == Some(&record));
        report.check(held, || format!("{point}: put {probe} afterwards gave {put:?} and was not found"));
        let repairs = region.info().repairs - before;
        report.check(probe == 0 || repairs == 0, || format!("{point}: put {probe} afterwards needed a second repair"));
    }
    let (length, shown) = audit::counted(backend, &space)?;
    report.check(length == shown, || format!("{point}: a space counts {length} entries, and shows {shown}"));
    audit::contents(backend, ledger, 2, report)
}

/// The child: the operations of the seed.
pub(crate) fn sequence(child: &Child) -> Outcome {
    let region = Region::open(&child.site.region(), REGION)?;
    let mut worker = Worker::new((region.backend(), &child.ledger), (0, child.owners), Mix::Steps, child.seed)?;
    (0..STEPS).try_for_each(|_| worker.step())?;
    worker.finish()
}
