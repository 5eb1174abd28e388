//! What a process does to a region that may be damaged: every way in, and nothing believed.

use super::REGION;
use crate::Outcome;
use crate::child::Child;
use crate::counts::{Count, Counts};
use crate::field::{self, COMMON, KEYS, Key, OWN_KEYS};
use crate::random::Random;
use crate::region::Region;
use crate::stopwatch::{LIMIT, Stopwatch};
use memolith::{Backend, Record, Result as CacheResult, Space, Timestamp, Visit};
use std::time::Duration;

/// Status of a process that found nothing, and could go on.
pub(super) const EMPTY: i32 = 40;
/// Status of one whose fresh entries were not found either.
pub(super) const UNUSABLE: i32 = 41;
/// Status of one that could not open the region.
pub(super) const REFUSED: i32 = 42;

/// Uses a damaged region, and says how that went. A wrong value goes to the journal, where it is a fault.
pub(crate) fn exercise(child: &Child) -> Outcome<u8> {
    let region = match Region::open(&child.site.region(), REGION) {
        Ok(region) => region,
        Err(why) => {
            child.ledger.tell("note", &why)?;
            return Ok(REFUSED as u8);
        }
    };
    let mut random = Random::new(child.seed);
    let mut round = Round::new(child, region.backend());
    let (spaces, own) = (field::common(), field::own(0));
    for space in spaces.iter().chain([&own]) {
        round.timed("open", |it| it.open(space))?;
    }
    for (number, space) in spaces.iter().chain([&own]).enumerate() {
        let keys = if number == COMMON { OWN_KEYS } else { KEYS };
        for index in 0..keys {
            round.get(Key { space: number, owner: 0, index }, space)?;
        }
        round.scan(number, space)?;
    }
    // What was found before anything was put is what the damage has left.
    let mut counts = Counts::default();
    counts.add(Count::Hits, round.hits);
    counts.save(&child.ledger, child.owner)?;
    let left = round.hits;
    for _ in 0..200 {
        let key = Key { owner: 0, ..Key::any(&mut random, 1) };
        round.store(key, spaces.get(key.space).unwrap_or(&own), &mut random)?;
    }
    for (number, space) in spaces.iter().enumerate() {
        round.scan(number, space)?;
    }
    for space in [&own, &spaces[random.index(COMMON)]] {
        round.timed("clear", |it| it.clear(space))?;
    }
    let _ = region.info();
    let usable = spaces.iter().any(|space| holds(round.backend, space));
    Ok(match (usable, left) {
        (false, _) => UNUSABLE as u8,
        (true, 0) => EMPTY as u8,
        _ => 0,
    })
}

/// Uses a region, while it is damaged, until it is stopped.
pub(crate) fn user(child: &Child) -> Outcome {
    let region = Region::open(&child.site.region(), REGION)?;
    let (spaces, own, mut random) = (field::common(), field::own(0), Random::new(child.seed));
    let mut round = Round::new(child, region.backend());
    for space in spaces.iter().chain([&own]) {
        round.timed("open", |it| it.open(space))?;
    }
    let mut counts = Counts::resume(&child.ledger, child.owner)?;
    while !child.ledger.stopped()? {
        for _ in 0..16 {
            counts.start();
            counts.save(&child.ledger, child.owner)?;
            let key = Key { owner: 0, ..Key::any(&mut random, 1) };
            let space = spaces.get(key.space).unwrap_or(&own);
            match random.below(100) {
                0 => round.scan(key.space, space)?,
                1..40 => round.store(key, space, &mut random)?,
                _ => round.get(key, space)?,
            }
        }
    }
    let hits = round.hits;
    counts.add(Count::Hits, hits);
    counts.save(&child.ledger, child.owner)
}

/// The calls of one process.
struct Round<'a> {
    child: &'a Child,
    backend: &'a dyn Backend,
    watch: Stopwatch,
    hits: u64,
}

impl<'a> Round<'a> {
    fn new(child: &'a Child, backend: &'a dyn Backend) -> Self {
        Round { child, backend, watch: Stopwatch::new(), hits: 0 }
    }

    /// Makes a call, which may fail, but not take long.
    fn timed<T>(&mut self, name: &str, call: impl FnOnce(&dyn Backend) -> CacheResult<T>) -> Outcome<Option<T>> {
        let backend = self.backend;
        let (result, _, slow) = self.watch.time(|| call(backend));
        if let Some(slow) = slow.filter(|slow| slow.own() > LIMIT) {
            let seed = self.child.seed;
            self.child.ledger.tell("hang", &format!("seed {seed}: {name} took {slow:?}"))?;
        }
        Ok(result.ok())
    }

    fn get(&mut self, key: Key, space: &Space) -> Outcome {
        let now = field::now();
        match self.timed("get", |it| it.get(space, &key.bytes(), now))? {
            Some(Some(record)) => self.check(key.version(&record, now)),
            _ => Ok(()),
        }
    }

    /// Any version may be found: what a damage undoes is as good as new.
    fn check(&mut self, version: Result<u32, String>) -> Outcome {
        self.hits += 1;
        match version {
            Ok(_) => Ok(()),
            Err(wrong) => self.child.ledger.tell("wrong", &format!("seed {}: {wrong}", self.child.seed)),
        }
    }

    fn scan(&mut self, number: usize, space: &Space) -> Outcome {
        let (now, mut shown) = (field::now(), Vec::new());
        self.timed("scan", |it| {
            it.scan(space, now, &mut |bytes, record| {
                shown.push(match Key::of_bytes(number, bytes) {
                    Some(key) => key.version(record, now),
                    None => Err(format!("a scan shows the key {:?}", bytes.escape_ascii().to_string())),
                });
                Visit::Keep
            })
        })?;
        shown.into_iter().try_for_each(|version| self.check(version))
    }

    /// One of the calls that change something.
    fn store(&mut self, key: Key, space: &Space, random: &mut Random) -> Outcome {
        let record = key.record(random.next() as u32, Timestamp::NEVER);
        let (bytes, now) = (key.bytes(), field::now());
        match random.below(20) {
            0..3 => drop(self.timed("remove", |it| it.remove(space, &bytes))?),
            3 => drop(self.timed("len", |it| it.len(space))?),
            4 => drop(self.timed("claim", |it| it.claim(space, &bytes, Duration::from_micros(200)))?),
            5 => drop(self.timed("put_many", |it| it.put_many(space, &[(bytes, record)], now))?),
            6 if random.below(10) == 0 => drop(self.timed("clear", |it| it.clear(space))?),
            _ => drop(self.timed("put", |it| it.put(space, &bytes, &record, now))?),
        }
        self.get(key, space)
    }
}

/// Whether something new is kept.
fn holds(backend: &dyn Backend, space: &Space) -> bool {
    let (key, now) = ([7; 20], field::now());
    let record = Record { value: vec![5; 100], expires: Timestamp::NEVER };
    let put = backend.put(space, &key, &record, now);
    put.is_ok() && backend.get(space, &key, now).is_ok_and(|found| found == Some(record))
}
