//! That faults are seen: each lie that a backend could tell is told, and must be noticed.

use crate::audit;
use crate::field::{self, Key};
use crate::ledger::Ledger;
use crate::options::Options;
use crate::report::Report;
use crate::site::Site;
use crate::worker::{Mix, Worker};
use memolith::backends::Memory;
use memolith::{Backend, Record, Result, Space, Timestamp, Visit};

/// What is wrong with a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Lie {
    None,
    /// Each tenth put keeps what was there.
    Stale,
    /// Each tenth removal removes nothing.
    Undead,
    /// A clear clears nothing.
    Uncleared,
    /// Each tenth get gives what lies under another key.
    Foreign,
    /// Each tenth value has a wrong bit.
    Torn,
    /// What has expired is given all the same.
    Expired,
    /// No bound is kept.
    Unbounded,
    /// Each tenth put is forgotten.
    Forgetful,
}

#[derive(Debug)]
struct Liar {
    inner: Memory,
    lie: Lie,
    calls: std::sync::atomic::AtomicU64,
}

impl Liar {
    fn new(lie: Lie) -> Self {
        Liar { inner: Memory::new(), lie, calls: 0.into() }
    }

    /// Whether this is a call in which `lie` is told.
    fn tells(&self, lie: Lie) -> bool {
        self.lie == lie && self.calls.fetch_add(1, std::sync::atomic::Ordering::Relaxed) % 10 == 9
    }

    fn space(&self, space: &Space) -> Space {
        match self.lie {
            Lie::Unbounded => Space::new(space.name.clone()),
            _ => space.clone(),
        }
    }
}

impl Backend for Liar {
    fn open(&self, space: &Space) -> Result<()> {
        self.inner.open(&self.space(space))
    }
    fn get(&self, space: &Space, key: &[u8], now: Timestamp) -> Result<Option<Record>> {
        if self.tells(Lie::Foreign) {
            let mut found = None;
            self.inner.scan(space, now, &mut |_, record| {
                found = Some(record.clone());
                Visit::Stop
            })?;
            return Ok(found);
        }
        let now = if self.lie == Lie::Expired { Timestamp::from_micros(0) } else { now };
        let mut record = self.inner.get(space, key, now)?;
        if let Some(record) = record.as_mut().filter(|_| self.tells(Lie::Torn)) {
            let middle = record.value.len() / 2;
            record.value[middle] ^= 4;
        }
        Ok(record)
    }
    fn put(&self, space: &Space, key: &[u8], record: &Record, now: Timestamp) -> Result<()> {
        if self.tells(Lie::Stale) {
            return Ok(());
        }
        self.inner.put(
            &self.space(space),
            key,
            record,
            if self.lie == Lie::Expired { Timestamp::from_micros(0) } else { now },
        )?;
        if self.tells(Lie::Forgetful) {
            self.inner.remove(space, key)?;
        }
        Ok(())
    }
    fn remove(&self, space: &Space, key: &[u8]) -> Result<bool> {
        if self.tells(Lie::Undead) { Ok(true) } else { self.inner.remove(space, key) }
    }
    fn clear(&self, space: &Space) -> Result<()> {
        if self.lie == Lie::Uncleared { Ok(()) } else { self.inner.clear(space) }
    }
    fn len(&self, space: &Space) -> Result<u64> {
        self.inner.len(space)
    }
    fn scan(&self, space: &Space, now: Timestamp, visit: &mut dyn FnMut(&[u8], &Record) -> Visit) -> Result<()> {
        self.inner.scan(space, now, visit)
    }
}

/// What the journal says after many steps of one worker, and what the audit finds.
fn torment(lie: Lie) -> (String, Report) {
    let site = Site::new(&Options::default()).expect("a directory can be made");
    let ledger = Ledger::open(&site).expect("the ledger can be made");
    let backend = Liar::new(lie);
    let mut worker = Worker::new((&backend, &ledger), (0, 1), Mix::Write, 7).expect("the spaces open");
    (0..6000).for_each(|_| worker.step().expect("the ledger can be written"));
    let mut report = Report::new("a liar");
    audit::contents(&backend, &ledger, 1, &mut report).expect("memory lists its entries");
    audit::usable(&backend, &ledger, 0, &mut report).expect("the ledger can be written");
    audit::emptied(&backend, 1, &mut report).expect("memory clears");
    (std::fs::read_to_string(site.journal()).expect("the journal is there"), report)
}

#[test]
fn an_honest_backend_has_no_faults() {
    let (journal, report) = torment(Lie::None);
    assert!(journal.lines().all(|line| line.starts_with("queued ")), "{journal}");
    assert_eq!(report.finish(), Ok(()));
}

#[test]
fn wrong_values_are_seen() {
    for lie in [Lie::Stale, Lie::Undead, Lie::Uncleared, Lie::Foreign, Lie::Torn, Lie::Expired] {
        let (journal, _) = torment(lie);
        assert!(journal.lines().any(|line| line.starts_with("wrong ")), "{lie:?} was not seen");
    }
}

#[test]
fn a_bound_that_is_not_kept_is_seen() {
    let (journal, report) = torment(Lie::Unbounded);
    assert!(journal.lines().any(|line| line.starts_with("bound ")), "{journal}");
    assert!(report.finish().is_err());
}

#[test]
fn a_put_that_is_lost_is_seen() {
    let (_, report) = torment(Lie::Forgetful);
    assert!(report.finish().is_err());
}

#[test]
fn a_value_is_bounded_by_what_is_over() {
    let site = Site::new(&Options::default()).expect("a directory can be made");
    let ledger = Ledger::open(&site).expect("the ledger can be made");
    let backend = Memory::new();
    let key = Key { space: 0, owner: 0, index: 3 };
    let mut worker = Worker::new((&backend, &ledger), (0, 1), Mix::Steps, 1).expect("the spaces open");
    worker.put(key).expect("the ledger can be written");
    worker.put(key).expect("the ledger can be written");
    // Version 1 again, after the put of version 2 had returned.
    let old = key.record(1, Timestamp::NEVER);
    backend.put(&field::common()[0], &key.bytes(), &old, field::now()).expect("memory puts");
    worker.get(key).expect("the ledger can be written");
    let journal = std::fs::read_to_string(site.journal()).expect("the journal is there");
    assert!(journal.contains("holds version 1, which is not in 2..=2"), "{journal}");
}

#[test]
fn help_is_no_failure_and_an_unknown_name_is_a_usage_error() {
    let status = |line: &str| crate::dispatch(&line.split_whitespace().map(str::to_owned).collect::<Vec<_>>());
    assert_eq!((status(""), status("--help"), status("kill --help")), (0, 0, 0));
    assert_eq!((status("kil"), status("kill --cuont 3")), (2, 1));
}
