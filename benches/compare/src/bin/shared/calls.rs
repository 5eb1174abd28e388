//! Memoized functions over a region: without a tier in memory, and with one.

use compare::stores::{Bare, Lmdb, Region, Shape, Store};
use compare::{Contender, Measure, Options, Race, Report, Role, Standings, Table, Uniform, nanos, ratio};
use memolith::{Backend, CacheInfo, Result, lru_cache};
use std::hint::black_box;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};

const KEYS: usize = 1_000;

/// Where the files of the functions lie.
static PLACE: OnceLock<PathBuf> = OnceLock::new();

fn backend(scheme: &str, name: &str) -> Result<Arc<dyn Backend>> {
    let place = PLACE.get().map_or_else(|| PathBuf::from("."), PathBuf::clone);
    memolith::open(&format!("{scheme}:{}", place.join(name).display()))
}

#[lru_cache(maxsize = 2_000, memory = 0, backend = backend("shm", "bytes"))]
fn mapped(n: u64) -> u64 {
    n * n
}

#[lru_cache(maxsize = 2_000, memory = 0, backend = backend("sqlite", "bytes.db"))]
fn stored(n: u64) -> u64 {
    n * n
}

#[lru_cache(maxsize = 2_000)]
fn local(n: u64) -> u64 {
    n * n
}

#[lru_cache(maxsize = 2_000, memory = 2_000, backend = backend("shm", "memory"))]
fn local_and_mapped(n: u64) -> u64 {
    n * n
}

#[lru_cache(maxsize = 2_000, memory = 2_000, backend = backend("sqlite", "memory.db"))]
fn local_and_stored(n: u64) -> u64 {
    n * n
}

/// What a hit costs that is read and decoded each time.
pub(crate) fn from_bytes(report: &mut Report, options: &Options, place: &Path) {
    let _ = PLACE.set(place.to_owned());
    let shape = Shape { entries: KEYS, bytes: 8 };
    let bare: Bare<1> = Bare::open(&place.join("bare"), shape);
    let (region, lmdb) = (Region::open(&place.join("region"), shape), Lmdb::open(&place.join("lmdb"), shape));
    bare.fill(shape);
    region.fill(shape);
    lmdb.fill(shape);
    const BARE: &str = "bare table, a sequence number a slot";
    const LMDB: &str = "heed (LMDB), NO_SYNC";
    let standings = Race::new(Measure::Cpu, options).run(vec![
        gets(BARE, Role::Floor, &bare),
        gets("memolith, the bytes alone", Role::Ours, &region),
        calls("#[lru_cache], shared map", Role::Ours, mapped),
        calls("#[lru_cache], SQLite", Role::Ours, stored),
        gets(LMDB, Role::Peer, &lmdb),
    ]);
    let mut table = Table::new(["", "ns", "least", "x bare", "x heed"]);
    for (name, role) in standings.names() {
        let ratios = [BARE, LMDB].map(|base| ratio(standings.ratio_of(name, base)));
        table.row(name, role, figures(&standings, name).into_iter().chain(ratios));
    }
    let note = format!(
        "Goal: at most 100 ns per hit of the shared map.\nCalls that were no hits: {} of the shared map, {} of SQLite.",
        misses(mapped::cache_info()),
        misses(stored::cache_info()),
    );
    let title = "`fn(u64) -> u64`, memory = 0, 1,000 keys";
    report.plotted(title, &note, (&table, &standings.chart("ns per call")));
}

/// What it costs a hit in memory that other processes may invalidate it.
pub(crate) fn from_memory(report: &mut Report, options: &Options, place: &Path) {
    let _ = PLACE.set(place.to_owned());
    const NONE: &str = "no backend";
    let standings = Race::new(Measure::Cpu, options).run(vec![
        calls(NONE, Role::Floor, local),
        calls("in front of the shared map", Role::Ours, local_and_mapped),
        calls("in front of SQLite", Role::Ours, local_and_stored),
    ]);
    let mut table = Table::new(["", "ns", "least", "ns over none", "x none"]);
    for (name, role) in standings.names() {
        let over = standings.excess_of(name, NONE).map_or_else(String::new, |over| format!("{over:+.1}"));
        let cells = figures(&standings, name).into_iter().chain([over, ratio(standings.ratio_of(name, NONE))]);
        table.row(name, role, cells);
    }
    let note = format!(
        "Goal: at most 2 ns for looking whether another process has invalidated anything.\n\
         Calls that were no hits: {}, {} and {}.",
        misses(local::cache_info()),
        misses(local_and_mapped::cache_info()),
        misses(local_and_stored::cache_info()),
    );
    let title = "`fn(u64) -> u64`, a hit in memory, 1,000 keys";
    report.plotted(title, &note, (&table, &standings.chart("ns per call")));
}

/// The first call with a key is made beforehand.
fn calls(name: &str, role: Role, call: impl Fn(u64) -> u64 + Send + 'static) -> Contender<'static> {
    for n in 0..KEYS as u64 {
        black_box(call(n));
    }
    let mut keys = Uniform::new(KEYS, 1);
    Contender::single(name, role, move |times| {
        for n in keys.by_ref().take(times as usize) {
            black_box(call(black_box(n)));
        }
    })
}

fn gets<'a, S: Store>(name: &str, role: Role, store: &'a S) -> Contender<'a> {
    let mut keys = Uniform::new(KEYS, 1);
    Contender::single(name, role, move |times| {
        for key in keys.by_ref().take(times as usize) {
            let value = store.get(key.to_le_bytes());
            let bytes = value.as_ref().and_then(|value| value.as_ref().first_chunk());
            black_box(bytes.map(|bytes| u64::from_le_bytes(*bytes)));
        }
    })
}

/// Those beyond the first of each key.
fn misses(info: CacheInfo) -> u64 {
    info.misses.saturating_sub(KEYS as u64)
}

fn figures(standings: &Standings, name: &str) -> [String; 2] {
    [standings.median_of(name), standings.least_of(name)].map(|figure| figure.map_or_else(String::new, nanos))
}
