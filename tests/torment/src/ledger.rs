//! What is known of each key, and what each process has done: a small file that all of them read and write by offset.
//!
//! Only a key's owner writes its marks, and only one process at a time is an owner, so nothing is locked.

use crate::field::{COMMON, KEYS, Key};
use crate::site::Site;
use crate::{Outcome, because};
use std::fs::{File, OpenOptions};
use std::io::Write;
use std::os::unix::fs::FileExt;

/// Owners there may be at most.
pub(crate) const OWNERS: usize = 128;
/// Numbers in a row of counts.
pub(crate) const COUNTS: usize = 12;

/// Bytes of the marks of a key.
const MARKS: usize = 16;
const ROWS_AT: usize = 64;
const MARKS_AT: usize = ROWS_AT + OWNERS * COUNTS * 8;

/// The file, and the journal beside it.
#[derive(Debug)]
pub(crate) struct Ledger {
    file: File,
    journal: File,
}

/// Which versions of a key a reader may see: from the least to the greatest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Marks {
    /// The last version whose put was begun.
    pub(crate) begun: u32,
    /// The oldest version that nothing which is over has made impossible.
    pub(crate) least: u32,
}

impl Marks {
    /// `None` when one of them is half of one version and half of another.
    fn of(bytes: &[u8]) -> Option<Marks> {
        Some(Marks { begun: mark(bytes.get(..8)?)?, least: mark(bytes.get(8..)?)? })
    }
}

impl Ledger {
    /// Opens the ledger of a run; the first to come makes it.
    pub(crate) fn open(site: &Site) -> Outcome<Ledger> {
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(site.ledger());
        let journal = OpenOptions::new().append(true).create(true).open(site.journal());
        let file = file.map_err(because("the ledger cannot be opened"))?;
        file.set_len((MARKS_AT + OWNERS * (COMMON + 1) * KEYS * MARKS) as u64)
            .map_err(because("the ledger cannot grow"))?;
        Ok(Ledger { file, journal: journal.map_err(because("the journal cannot be opened"))? })
    }

    /// What may be read under `key` now.
    pub(crate) fn marks(&self, key: Key) -> Outcome<Marks> {
        let mut bytes = [0; MARKS];
        self.settled(&mut bytes, at(key))?;
        Ok(Marks::of(&bytes).unwrap_or_default())
    }

    /// The marks of all keys of an owner in a space, of which `first` is the first.
    pub(crate) fn all_marks(&self, first: Key) -> Outcome<Vec<Marks>> {
        let mut bytes = vec![0; KEYS * MARKS];
        self.settled(&mut bytes, at(first))?;
        Ok(bytes.chunks(MARKS).map(|bytes| Marks::of(bytes).unwrap_or_default()).collect())
    }

    /// Reads marks. One that is written meanwhile is read again: each carries its complement.
    fn settled(&self, bytes: &mut [u8], at: usize) -> Outcome {
        for _ in 0..1000 {
            self.read(bytes, at)?;
            if bytes.chunks(MARKS).all(|bytes| Marks::of(bytes).is_some()) {
                return Ok(());
            }
        }
        Err("the ledger is damaged: remove its directory and start again".to_owned())
    }

    /// The put of the next version starts.
    pub(crate) fn begin(&self, key: Key, version: u32) -> Outcome {
        self.write(&encoded(version), at(key))
    }

    /// From now on nothing older than `version` may be read.
    pub(crate) fn raise(&self, key: Key, version: u32) -> Outcome {
        self.write(&encoded(version), at(key) + 8)
    }

    /// The counts of a process.
    pub(crate) fn row(&self, owner: usize) -> Outcome<[u64; COUNTS]> {
        let mut bytes = [0; COUNTS * 8];
        self.read(&mut bytes, ROWS_AT + owner * COUNTS * 8)?;
        let mut row = [0; COUNTS];
        for (count, bytes) in row.iter_mut().zip(bytes.as_chunks::<8>().0) {
            *count = u64::from_le_bytes(*bytes);
        }
        Ok(row)
    }

    pub(crate) fn set_row(&self, owner: usize, row: &[u64; COUNTS]) -> Outcome {
        let bytes: Vec<u8> = row.iter().flat_map(|count| count.to_le_bytes()).collect();
        self.write(&bytes, ROWS_AT + owner * COUNTS * 8)
    }

    /// Asks all processes to end.
    pub(crate) fn stop(&self) -> Outcome {
        self.write(&[1], 0)
    }

    /// Takes that back, for those who start now.
    pub(crate) fn resume(&self) -> Outcome {
        self.write(&[0], 0)
    }

    pub(crate) fn stopped(&self) -> Outcome<bool> {
        let mut word = [0];
        self.read(&mut word, 0)?;
        Ok(word != [0])
    }

    /// Writes a line to the journal, which the parent reads; the line stays if the process is killed next.
    pub(crate) fn tell(&self, kind: &str, what: &str) -> Outcome {
        let line = format!("{kind} {}\n", what.replace('\n', " "));
        (&self.journal).write_all(line.as_bytes()).map_err(because("the journal cannot be written"))
    }

    fn read(&self, bytes: &mut [u8], at: usize) -> Outcome {
        self.file.read_exact_at(bytes, at as u64).map_err(because("the ledger cannot be read"))
    }

    fn write(&self, bytes: &[u8], at: usize) -> Outcome {
        self.file.write_all_at(bytes, at as u64).map_err(because("the ledger cannot be written"))
    }
}

fn at(key: Key) -> usize {
    MARKS_AT + ((key.owner * (COMMON + 1) + key.space) * KEYS + key.index) * MARKS
}

fn encoded(version: u32) -> [u8; 8] {
    (u64::from(!version) << 32 | u64::from(version)).to_le_bytes()
}

fn mark(bytes: &[u8]) -> Option<u32> {
    let word = u64::from_le_bytes(*bytes.first_chunk()?);
    let version = word as u32;
    (word == 0 || (word >> 32) as u32 == !version).then_some(version)
}
