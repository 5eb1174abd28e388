//! The roles of child processes.

use crate::ledger::Ledger;
use crate::options::Options;
use crate::region::Region;
use crate::site::Site;
use crate::worker::{Mix, Worker};
use crate::{Outcome, creators, crew, damage, once, points};
use std::thread;

/// Bytes of the region that most subcommands torment.
pub(crate) const REGION: u64 = 16 << 20;

const OPTIONS: &[&str] = &["site", "owner", "owners", "second", "seed"];

/// What a child has from its parent.
#[derive(Debug)]
pub(crate) struct Child {
    pub(crate) site: Site,
    pub(crate) ledger: Ledger,
    pub(crate) owner: usize,
    pub(crate) owners: usize,
    /// What a second thread owns, counted from `owner`; zero for none.
    pub(crate) second: usize,
    pub(crate) seed: u64,
}

/// Plays the role that is named first; the result is the status to end with.
pub(crate) fn run(words: &[String]) -> u8 {
    let Some((role, rest)) = words.split_first() else { return 2 };
    match play(role, rest) {
        Ok(status) => status,
        Err(message) => {
            eprintln!("error: {role}: {message}");
            1
        }
    }
}

fn play(role: &str, words: &[String]) -> Outcome<u8> {
    crew::end_with_parent()?;
    let options = Options::parse(words, OPTIONS)?;
    let site = Site::join(&options)?;
    let ledger = Ledger::open(&site)?;
    let (owner, owners) = (options.number("owner", 0)? as usize, options.number("owners", 1)? as usize);
    let (second, seed) = (options.number("second", 0)? as usize, options.number("seed", 0)?);
    let child = Child { site, ledger, owner, owners, second, seed };
    match role {
        "writer" => child.work(Mix::Write).map(|()| 0),
        "stormer" => child.work(Mix::Storm).map(|()| 0),
        "reader" => child.work(Mix::Read).map(|()| 0),
        "sequence" => points::sequence(&child).map(|()| 0),
        "exercise" => damage::exercise(&child),
        "user" => damage::user(&child).map(|()| 0),
        "creator" => creators::create(&child).map(|()| 0),
        "claimant" => once::claimant(&child).map(|()| 0),
        _ => Err("there is no such role".to_owned()),
    }
}

impl Child {
    /// Works until it is stopped, or killed, in one thread or two.
    fn work(&self, mix: Mix) -> Outcome {
        let region = Region::open(&self.site.region(), REGION)?;
        thread::scope(|scope| {
            let second = (self.second > 0).then(|| scope.spawn(|| self.turn(&region, self.owner + self.second, mix)));
            let first = self.turn(&region, self.owner, mix);
            let panicked = |_| Err("the second thread panicked".to_owned());
            second.map_or(Ok(()), |second| second.join().unwrap_or_else(panicked)).and(first)
        })
    }

    fn turn(&self, region: &Region, owner: usize, mix: Mix) -> Outcome {
        let seed = self.seed ^ owner as u64;
        let mut worker = Worker::new((region.backend(), &self.ledger), (owner, self.owners), mix, seed)?;
        while !self.ledger.stopped()? {
            for _ in 0..32 {
                worker.step()?;
            }
        }
        worker.finish()
    }
}
