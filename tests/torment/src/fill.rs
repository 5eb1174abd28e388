//! `fill`: how much of a region holds live entries, after ten times as much was written to it.

use crate::field;
use crate::options::Options;
use crate::random::Random;
use crate::region::Region;
use crate::report::Report;
use crate::site::Site;
use crate::{Outcome, because};
use memolith::{Policy, Record, Space, Timestamp};
use std::{fs, process};

/// The exponent that makes a million values about 700 MB.
const SLOPE: f64 = 0.68;
/// What is to be live, of the room for entries.
const WANTED: f64 = 0.80;
/// How many entries for one that may be gone as soon as it was put. A large value lies in pieces, and where the buckets of
/// one are full, an earlier one may have to leave for it: seen in one of 500 million puts, into the smallest region.
const RARE: u64 = 100_000;

/// Which keys the values are put under.
#[derive(Clone, Copy, Debug)]
enum Keys {
    /// Each under one of its own.
    Fresh,
    /// Few are written over and over.
    Skewed,
    /// Any of those that nearly fit.
    Uniform,
}

pub(crate) fn run(options: &Options) -> Outcome {
    let (entries, mib) = (options.number("entries", 1_000_000)?, options.number("mib", 64)?);
    let seed = options.number("seed", u64::from(process::id()))?;
    let mut report = Report::new(format!("fill: {entries} entries into {mib} MiB, seed {seed}"));
    let site = Site::new(options)?;
    for (name, keys) in [("fresh keys", Keys::Fresh), ("skewed keys", Keys::Skewed), ("uniform keys", Keys::Uniform)] {
        site.renew()?;
        let region = Region::open(&site.region(), mib << 20)?;
        let filled = fill(&region, (name, keys), (entries, seed), &mut report)?;
        let file = fs::metadata(site.region()).map_err(because("the region is gone"))?.len();
        filled.tell((name, entries), region.info().capacity as f64 / file as f64, &mut report);
    }
    report.finish()
}

/// What came of one way to fill.
#[derive(Debug, Default)]
struct Filled {
    refused: u64,
    written: u64,
    samples: u64,
    sum: f64,
    lowest: f64,
}

impl Filled {
    fn tell(&self, (name, entries): (&str, u64), of_file: f64, report: &mut Report) {
        let mean = self.sum / self.samples.max(1) as f64;
        let percent = |share: f64| format!("{:.1} %", share * 100.0);
        let [a, b, c] = [mean, self.lowest, mean * of_file].map(percent);
        let written = self.written >> 20;
        report.row(name, format!("{a} live, lowest {b}, {c} of the file; {written} MiB, {} refused", self.refused));
        let rare = entries.div_ceil(RARE);
        report.check(self.refused <= rare, || format!("{name}: {} entries were refused", self.refused));
        report.check(self.samples > 0, || format!("{name}: the region was never full"));
        report.check(self.samples == 0 || mean >= WANTED, || format!("{name}: {a} are live"));
    }
}

fn fill(region: &Region, keys: (&str, Keys), course: (u64, u64), report: &mut Report) -> Outcome<Filled> {
    let (backend, mut space, (entries, seed)) = (region.backend(), Space::new("torment::fill"), course);
    space.policy = Policy::Lru;
    backend.open(&space).map_err(because("the space cannot be opened"))?;
    let (mut filled, mut random) = (Filled { lowest: 1.0, ..Filled::default() }, Random::new(seed));
    for number in 0..entries {
        let name = match keys.1 {
            Keys::Fresh => number,
            Keys::Skewed => zipf(&mut random, entries),
            Keys::Uniform => random.below((entries / 8).max(1)),
        };
        let key = name.to_le_bytes();
        let record = Record { value: vec![number as u8; size(&mut random)], expires: Timestamp::NEVER };
        let put = backend.put(&space, &key, &record, field::now());
        let found = backend.get(&space, &key, field::now());
        let held = put.is_ok() && found.as_ref().is_ok_and(|found| found.as_ref() == Some(&record));
        if !held && filled.refused < 5 {
            eprintln!("  {}: {} bytes were put ({put:?}) and are not there", keys.0, record.value.len());
        }
        filled.refused += u64::from(!held);
        filled.written += record.value.len() as u64;
        if number % 1000 == 0 {
            let stats = region.info();
            if filled.written > 2 * stats.capacity && stats.evictions > 0 {
                let share = stats.live as f64 / stats.capacity.max(1) as f64;
                (filled.sum, filled.samples) = (filled.sum + share, filled.samples + 1);
                filled.lowest = filled.lowest.min(share);
            }
            report.progress(format!("{} {number}", keys.0), entries);
        }
    }
    let oversize = region.info().oversize;
    report.check(oversize == 0, || format!("{}: {oversize} entries are held to be too large", keys.0));
    Ok(filled)
}

/// From 16 bytes to 64 KiB: the length of rank n, counted in steps of 16 bytes, is as frequent as n is small.
fn size(random: &mut Random) -> usize {
    let steps = (1.0 - random.unit()).powf(-1.0 / SLOPE);
    (16.0 * steps).min(65536.0) as usize
}

/// A rank below `count`, after Zipf's law with an exponent near 1.
fn zipf(random: &mut Random, count: u64) -> u64 {
    ((count as f64).powf(random.unit()) as u64).min(count) - 1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_mixed_and_a_million_of_them_are_ten_regions() {
        let mut random = Random::new(1);
        let sizes: Vec<_> = (0..100_000).map(|_| size(&mut random)).collect();
        assert!(sizes.iter().all(|size| (16..=65536).contains(size)));
        assert!(sizes.contains(&16) && sizes.contains(&65536));
        let mean = sizes.iter().sum::<usize>() / sizes.len();
        assert!((640..800).contains(&mean), "{mean}");
        assert!((0..1000).all(|_| zipf(&mut random, 10) < 10));
    }
}
