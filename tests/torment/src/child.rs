//! The roles of child processes.

use crate::ledger::Ledger;
use crate::options::Options;
use crate::region::Region;
use crate::site::Site;
use crate::worker::{Mix, Worker};
use crate::{Outcome, creators, crew, damage, once, points};

/// Bytes of the region that most subcommands torment.
pub(crate) const REGION: u64 = 16 << 20;

const OPTIONS: &[&str] = &["site", "owner", "owners", "seed"];

/// What a child has from its parent.
#[derive(Debug)]
pub(crate) struct Child {
    pub(crate) site: Site,
    pub(crate) ledger: Ledger,
    pub(crate) owner: usize,
    pub(crate) owners: usize,
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
    let child = Child { site, ledger, owner, owners, seed: options.number("seed", 0)? };
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
    /// Works until it is stopped, or killed.
    fn work(&self, mix: Mix) -> Outcome {
        let region = Region::open(&self.site.region(), REGION)?;
        let mut worker = Worker::new((region.backend(), &self.ledger), (self.owner, self.owners), mix, self.seed)?;
        while !self.ledger.stopped()? {
            for _ in 0..32 {
                worker.step()?;
            }
        }
        worker.finish()
    }
}
