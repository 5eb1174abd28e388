//! What one process does to a region: random operations, each result checked.

use crate::counts::{Count, Counts};
use crate::field::{self, COMMON, Key};
use crate::ledger::Ledger;
use crate::random::Random;
use crate::stopwatch::{LIMIT, Stopwatch};
use crate::{Outcome, because};
use memolith::{Backend, ErrorKind, Result as CacheResult, Space, Timestamp, Visit};
use std::collections::BTreeMap;
use std::time::Duration;

/// What a process mostly does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Mix {
    /// Puts and removals, and a few of everything else.
    Write,
    /// The same in a process that is stopped at times, whose calls take as long as they take.
    Storm,
    /// Gets, scans and lengths, and a few puts.
    Read,
    /// Stores alone, no waits: the same seed does the same.
    Steps,
}

/// A process at work.
#[derive(Debug)]
pub(crate) struct Worker<'a> {
    backend: &'a dyn Backend,
    ledger: &'a Ledger,
    /// Which keys are ours to write.
    owner: usize,
    /// How many owners there are.
    owners: usize,
    spaces: Vec<Space>,
    own: Vec<Space>,
    random: Random,
    watch: Stopwatch,
    counts: Counts,
    mix: Mix,
}

impl<'a> Worker<'a> {
    /// A process that is `owner` of so many. Opens the spaces; one that cannot be opened is used all the same, as a cache
    /// does. The seed decides what it does, of what its mix allows.
    pub(crate) fn new(
        (backend, ledger): (&'a dyn Backend, &'a Ledger),
        (owner, owners): (usize, usize),
        mix: Mix,
        seed: u64,
    ) -> Outcome<Self> {
        let (spaces, own) = (field::common(), (0..owners).map(field::own).collect());
        let (random, watch, counts) = (Random::new(seed), Stopwatch::new(), Counts::resume(ledger, owner)?);
        let mut worker = Worker { backend, ledger, owner, owners, spaces, own, random, watch, counts, mix };
        for space in field::common().into_iter().chain((0..owners).map(field::own)) {
            worker.timed("open", Duration::ZERO, || backend.open(&space))?;
        }
        Ok(worker)
    }

    /// Does one thing, and notes in the ledger that it was done.
    pub(crate) fn step(&mut self) -> Outcome {
        let mine = Key { owner: self.owner, ..Key::any(&mut self.random, self.owners) };
        let any = Key::any(&mut self.random, self.owners);
        let mix = if self.mix == Mix::Storm { Mix::Write } else { self.mix };
        match (mix, self.random.below(400)) {
            (Mix::Write, 0..220) | (Mix::Read, 0..20) | (Mix::Steps, 0..300) => self.put(mine),
            (Mix::Write, 220..250) | (Mix::Read, 20..24) | (Mix::Steps, 300..360) => self.remove(mine),
            (Mix::Write, 250..252) | (Mix::Steps, 360..364) => self.clear(),
            (Mix::Write, 252..260) | (Mix::Steps, 364..376) => self.put_many(mine),
            (Mix::Write, 280..281) | (Mix::Steps, 376..380) => self.resize(),
            (Mix::Write, 260..270) => self.claim(mine),
            (Mix::Write | Mix::Read, 270..272) | (Mix::Steps, 380..382) => self.scan(any),
            (Mix::Write | Mix::Read, 272..280) => self.len(any),
            _ => self.get(any),
        }
    }

    /// Stores the next version of a key of ours.
    pub(crate) fn put(&mut self, key: Key) -> Outcome {
        let version = self.ledger.marks(key)?.begun + 1;
        // Some expire while they are looked for; where each step counts, no clock decides.
        let expires = match (version as usize + key.index) % 16 {
            0 if self.mix != Mix::Steps => field::now().after(Duration::from_micros(self.random.below(20_000))),
            _ => Timestamp::NEVER,
        };
        let (bytes, record) = (key.bytes(), key.record(version, expires));
        self.ledger.begin(key, version)?;
        let (backend, space) = (self.backend, self.space(key).clone());
        let done = self.timed("put", Duration::ZERO, || backend.put(&space, &bytes, &record, field::now()))?;
        if done.is_some() {
            self.counts.add(Count::Puts, 1);
            self.ledger.raise(key, version)?;
        }
        Ok(())
    }

    /// Reads a key, of whomever, and checks what it gets.
    pub(crate) fn get(&mut self, key: Key) -> Outcome {
        let (bytes, now, least) = (key.bytes(), field::now(), self.ledger.marks(key)?.least);
        let (backend, space) = (self.backend, self.space(key).clone());
        let got = self.timed("get", Duration::ZERO, || backend.get(&space, &bytes, now))?;
        self.counts.add(Count::Gets, 1);
        let Some(Some(record)) = got else { return Ok(()) };
        self.counts.add(Count::Hits, 1);
        match key.version(&record, now) {
            Ok(version) => self.bounded(key, version, least),
            Err(wrong) => self.wrong(&wrong),
        }
    }

    /// Reads a key of whomever.
    pub(crate) fn get_any(&mut self) -> Outcome {
        let key = Key::any(&mut self.random, self.owners);
        self.get(key)
    }

    /// Writes the counts down.
    pub(crate) fn finish(&self) -> Outcome {
        self.counts.save(self.ledger, self.owner)
    }

    fn remove(&mut self, key: Key) -> Outcome {
        let begun = self.ledger.marks(key)?.begun;
        let (backend, space, bytes) = (self.backend, self.space(key).clone(), key.bytes());
        if self.timed("remove", Duration::ZERO, || backend.remove(&space, &bytes))?.is_some() {
            self.counts.add(Count::Removes, 1);
            self.ledger.raise(key, begun + 1)?;
        }
        Ok(())
    }

    fn clear(&mut self) -> Outcome {
        let (backend, space) = (self.backend, self.own[self.owner].clone());
        if self.timed("clear", Duration::ZERO, || backend.clear(&space))?.is_none() {
            return Ok(());
        }
        self.counts.add(Count::Clears, 1);
        let first = Key { space: COMMON, owner: self.owner, index: 0 };
        for (index, marks) in self.ledger.all_marks(first)?.into_iter().enumerate().take(field::OWN_KEYS) {
            self.ledger.raise(Key { index, ..first }, marks.begun + 1)?;
        }
        Ok(())
    }

    /// Opens our own space with another bound: with some all of it lies in one place, with others it is spread.
    fn resize(&mut self) -> Outcome {
        let (backend, mut space) = (self.backend, self.own[self.owner].clone());
        space.maxsize = [None, Some(40), Some(2000)][self.random.index(3)];
        self.timed("open", Duration::ZERO, || backend.open(&space)).map(drop)
    }

    /// A batch of up to eight keys that follow each other.
    fn put_many(&mut self, first: Key) -> Outcome {
        let keys: Vec<_> = (first.index..field::OWN_KEYS).take(8).map(|index| Key { index, ..first }).collect();
        let mut entries = Vec::new();
        for &key in &keys {
            let version = self.ledger.marks(key)?.begun + 1;
            self.ledger.begin(key, version)?;
            entries.push((key.bytes(), key.record(version, Timestamp::NEVER)));
        }
        let (backend, space) = (self.backend, self.space(first).clone());
        let done = self.timed("put_many", Duration::ZERO, || backend.put_many(&space, &entries, field::now()))?;
        if done.is_none() {
            return Ok(());
        }
        self.counts.add(Count::Puts, keys.len() as u64);
        for key in keys {
            self.ledger.raise(key, self.ledger.marks(key)?.begun)?;
        }
        Ok(())
    }

    /// Claims one of a few keys that all owners want, and puts it if the claim is granted.
    fn claim(&mut self, mine: Key) -> Outcome {
        let wait = Duration::from_millis(2);
        let (backend, space) = (self.backend, self.spaces[0].clone());
        let wanted = [b"wanted by all ", &mine.index.to_le_bytes()[..1]].concat();
        let claim = self.timed("claim", wait, || backend.claim(&space, &wanted, wait))?;
        if let Some(Some(_claim)) = claim {
            self.counts.add(Count::Claims, 1);
            self.put(mine)?;
        }
        Ok(())
    }

    /// Lists a space, and checks all that is shown.
    fn scan(&mut self, any: Key) -> Outcome {
        let (space, mut least) = (any.space, BTreeMap::new());
        let owners = if space == COMMON { any.owner..any.owner + 1 } else { 0..self.owners };
        for owner in owners {
            least.insert(owner, self.ledger.all_marks(Key { space, owner, index: 0 })?);
        }
        let (backend, now) = (self.backend, field::now());
        let listed = self.space(any).clone();
        let mut found = Vec::new();
        self.timed("scan", Duration::from_millis(400), || {
            backend.scan(&listed, now, &mut |bytes, record| {
                let key = Key::of_bytes(space, bytes);
                found.push(match key {
                    Some(key) => key.version(record, now).map(|version| (key, version)),
                    None => Err(format!("a scan of {space} shows the key {:?}", bytes.escape_ascii().to_string())),
                });
                Visit::Keep
            })
        })?;
        self.counts.add(Count::Scans, 1);
        for shown in found {
            match shown {
                Ok((key, version)) => {
                    let marks = least.get(&key.owner).and_then(|marks| marks.get(key.index));
                    self.bounded(key, version, marks.map_or(0, |marks| marks.least))?;
                }
                Err(wrong) => self.wrong(&wrong)?,
            }
        }
        Ok(())
    }

    fn len(&mut self, any: Key) -> Outcome {
        let (backend, space) = (self.backend, self.space(any).clone());
        let length = self.timed("len", Duration::ZERO, || backend.len(&space))?;
        match (length, space.maxsize) {
            (Some(length), Some(bound)) if length > bound => {
                self.ledger.tell("bound", &format!("`{}` holds {length} entries, its bound is {bound}", space.name))
            }
            _ => Ok(()),
        }
    }

    /// A version is wrong when something that was over before we asked excludes it, or when nobody has written it yet.
    fn bounded(&mut self, key: Key, version: u32, least: u32) -> Outcome {
        let begun = self.ledger.marks(key)?.begun;
        if (least..=begun).contains(&version) {
            return Ok(());
        }
        self.wrong(&format!("{key:?} holds version {version}, which is not in {least}..={begun}"))
    }

    fn wrong(&mut self, what: &str) -> Outcome {
        self.ledger.tell("wrong", what)
    }

    fn space(&self, key: Key) -> &Space {
        self.spaces.get(key.space).unwrap_or(&self.own[key.owner])
    }

    /// Makes a call that may take `allowed` and what every call may. `None`: it failed, and was counted.
    fn timed<T>(&mut self, name: &str, allowed: Duration, call: impl FnOnce() -> CacheResult<T>) -> Outcome<Option<T>> {
        self.counts.start();
        self.counts.save(self.ledger, self.owner)?;
        let (result, wall, slow) = self.watch.time(call);
        let slow = slow.filter(|slow| self.mix != Mix::Storm && slow.wall > allowed + LIMIT);
        if self.mix != Mix::Storm {
            self.counts.longest(wall.saturating_sub(allowed));
        }
        if let Some(slow) = slow {
            let kind = if slow.own() > allowed + LIMIT { "hang" } else { "queued" };
            let parts = format!("ran {:?}, waited {:?} for a core, {:?} stolen", slow.ran, slow.queued, slow.stolen);
            self.ledger.tell(kind, &format!("{name} by {} took {:?}: {parts}", self.owner, slow.wall))?;
        }
        let error = match result {
            Ok(value) => return Ok(Some(value)),
            Err(error) => error,
        };
        match error.kind() {
            ErrorKind::Busy => self.counts.add(Count::Busy, 1),
            ErrorKind::Unsupported => {}
            _ => {
                self.counts.add(Count::Failed, 1);
                self.ledger.tell("failed", &because(name)(error))?;
            }
        }
        Ok(None)
    }
}
