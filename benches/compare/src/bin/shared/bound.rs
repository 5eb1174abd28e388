//! Puts of keys that are new, where there is no room left: each makes another leave.

use crate::losses::Losses;
use compare::stores::{Fjall, Journal, Lmdb, Region, Shape, Store};
use compare::{Contender, Fresh, Measure, Options, Race, Report, Role, Table, grouped, nanos, ratio};
use std::path::Path;

const LMDB: &str = "heed (LMDB), NO_SYNC, put and delete in one transaction";
const FJALL: &str = "fjall, insert and remove";

/// New keys, and those that came so many earlier.
#[derive(Clone, Debug)]
struct Window {
    new: Fresh,
    old: Fresh,
}

impl Window {
    /// Both, as bytes.
    fn next(&mut self) -> ([u8; 8], [u8; 8]) {
        let [new, old] = [&mut self.new, &mut self.old].map(|keys| keys.next().unwrap_or_default().to_le_bytes());
        (new, old)
    }
}

pub(crate) fn race(report: &mut Report, options: &Options, place: &Path) {
    let shape = Shape { entries: options.scaled(100_000), bytes: 64 };
    let (record, room) = (shape.record(1), 16 << 20);
    let counted = Region::new(&place.join("counted"), Region::room(shape), Some(shape.entries as u64));
    let full = Region::new(&place.join("full"), room, None);
    let (lmdb, fjall) = (Lmdb::open(&place.join("lmdb"), shape), Fjall::new(&place.join("fjall"), Journal::Written));
    let mut window = Window { new: Fresh::new(1), old: Fresh::new(1) };
    for key in window.new.by_ref().take(shape.entries).map(u64::to_le_bytes) {
        counted.put(key, &record);
        lmdb.put(key, &record);
        fjall.put(key, &record);
    }
    // Twice as many bytes as there is room for.
    for key in Fresh::new(2).take(room as usize * 2 / 96) {
        full.put(key.to_le_bytes(), &record);
    }
    let (mut first, mut second, mut third, mut fresh) =
        (window.clone(), window.clone(), window, Fresh::new(3).map(u64::to_le_bytes));
    let losses: [Losses; 2] = Default::default();
    let (counted_name, full_name) =
        (format!("memolith, maxsize = {}", grouped(shape.entries)), "memolith, a region of 16 MiB that is full");
    let standings = Race::new(Measure::Cpu, options).run(vec![
        Contender::single(&*counted_name, Role::Ours, |times| {
            losses[0].add(times, (0..times).filter(|_| !counted.put(first.next().0, &record)).count() as u64);
        }),
        Contender::single(full_name, Role::Ours, |times| {
            let keys = fresh.by_ref().take(times as usize);
            losses[1].add(times, keys.filter(|key| !full.put(*key, &record)).count() as u64);
        }),
        Contender::single(LMDB, Role::Peer, |times| {
            for _ in 0..times {
                let (new, old) = second.next();
                lmdb.swap(new, &record, old);
            }
        }),
        Contender::single(FJALL, Role::Peer, |times| {
            for _ in 0..times {
                let (new, old) = third.next();
                fjall.swap(new, &record, old);
            }
        }),
    ]);
    let mut table = Table::new(["", "ns", "least", "x heed", "x fjall"]);
    for (name, role) in standings.names() {
        let [median, least] = [standings.median_of(name), standings.least_of(name)];
        let cells = [median, least].map(|figure| figure.map_or_else(String::new, nanos));
        let ratios = [LMDB, FJALL].map(|base| ratio(standings.ratio_of(name, base)));
        table.row(name, role, cells.into_iter().chain(ratios));
    }
    let held = format!(
        "At the end the first region holds {} entries, the second {}; lost of 1,000 puts: {} and {}.\n\
         heed and fjall have no bound: whoever needs one names the key that leaves, here the oldest.",
        grouped(counted.len() as usize),
        grouped(full.len() as usize),
        losses[0].per_thousand(),
        losses[1].per_thousand(),
    );
    report.plotted("put, a new key of 64 B each, with no room left", &held, (&table, &standings.chart("ns per put")));
}
