//! Gets and puts of keys that are there: alone, and while a second process reads or writes the same file.

use crate::losses::Losses;
use crate::second::Kind;
use compare::stores::{Bare, Fjall, Journal, Lmdb, Region, Shape, Store};
use compare::{
    Bar, Chart, Contender, Measure, Options, Race, Report, Role, Standings, Table, Uniform, Work, grouped, nanos, ratio,
};
use std::hint::black_box;
use std::path::{Path, PathBuf};

/// What is timed, or what the second process does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Act {
    Get,
    Put,
}

const BARE: &str = "bare table, a sequence number a slot";
const OURS: &str = "memolith";
const LMDB: &str = "heed (LMDB), NO_SYNC";
const FJALL: &str = "fjall";
const BUFFERED: &str = "fjall, journal in a buffer";

/// Alone, and beside whom.
const SETTINGS: [(&str, Option<Act>); 3] =
    [("alone", None), ("beside a reader", Some(Act::Get)), ("beside a writer", Some(Act::Put))];

/// Both races over `shape`; values have `WORDS` times 8 bytes.
pub(crate) fn races<const WORDS: usize>(report: &mut Report, options: &Options, place: &Path, shape: Shape) {
    let bare: Shared<Bare<WORDS>> = Shared::new((BARE, Role::Floor, Kind::Bare), &place.join("bare"), shape);
    let ours: Shared<Region> = Shared::new((OURS, Role::Ours, Kind::Region), &place.join("region"), shape);
    let lmdb: Shared<Lmdb> = Shared::new((LMDB, Role::Peer, Kind::Lmdb), &place.join("lmdb"), shape);
    let (fjall, buffered): (Fjall, _) =
        (opened(&place.join("fjall"), shape), Fjall::new(&place.join("buffered"), Journal::Buffered));
    buffered.fill(shape);
    for act in [Act::Get, Act::Put] {
        let losses: [[Losses; 3]; 5] = Default::default();
        let mut all = Vec::new();
        all.extend(bare.contenders((act, shape), &losses[0]));
        all.extend(ours.contenders((act, shape), &losses[1]));
        all.extend(lmdb.contenders((act, shape), &losses[2]));
        all.push(alone((FJALL, Role::Peer), work(&fjall, act, (shape, 1), &losses[3][0])));
        if act == Act::Put {
            all.push(alone((BUFFERED, Role::Peer), work(&buffered, act, (shape, 1), &losses[4][0])));
        }
        let standings = Race::new(Measure::Cpu, options).run(all);
        let names = [(BARE, Role::Floor), (OURS, Role::Ours), (LMDB, Role::Peer), (FJALL, Role::Peer)];
        let names = names.into_iter().chain((act == Act::Put).then_some((BUFFERED, Role::Peer)));
        let rows: Vec<_> = names.zip(&losses).collect();
        let what = if act == Act::Put { "put, a new value for an old key" } else { "get" };
        let title = format!("{what}, {} entries of {} B", grouped(shape.entries), grouped(shape.bytes));
        let unit = if act == Act::Put { "ns per put" } else { "ns per get" };
        report.plotted(&title, note(act, shape), (&table(&standings, &rows), &chart(&standings, &rows, unit)));
    }
}

/// A store that other processes may use: a file for each setting, as LMDB stays slow once it was written to beside a
/// reader.
struct Shared<S> {
    name: (&'static str, Role, Kind),
    stores: [(PathBuf, S); 3],
}

impl<S: Store> Shared<S> {
    fn new(name: (&'static str, Role, Kind), path: &Path, shape: Shape) -> Self {
        let paths = ["alone", "reader", "writer"].map(|setting| path.with_extension(setting));
        Shared { name, stores: paths.map(|path| (path.clone(), opened(&path, shape))) }
    }

    /// One for each setting.
    fn contenders<'a>(
        &'a self,
        (act, shape): (Act, Shape),
        losses: &'a [Losses; 3],
    ) -> impl Iterator<Item = Contender<'a>> {
        let (name, role, kind) = self.name;
        SETTINGS.into_iter().zip(&self.stores).zip(losses).map(move |(((setting, other), (path, store)), losses)| {
            let mut work = work(store, act, (shape, 1), losses);
            let Some(other) = other else { return alone((name, role), work) };
            let mut beside = kind.beside(path, other, shape);
            Contender::single(named(name, setting), role, move |times| beside.meanwhile(|| work(times)))
        })
    }
}

/// What has to be shown, and what a reader should know about the others.
fn note(act: Act, shape: Shape) -> &'static str {
    match (act, shape) {
        (Act::Get, Shape { bytes: 64, entries: 1_000 }) => "All of it fits the processor's caches.",
        (Act::Get, Shape { bytes: 64, .. }) => {
            "Goals: at most 2.0 times the bare table, and 0.35 times heed; no slower beside another process.\n\
             fjall has all of it in its memtable."
        }
        (Act::Get, _) => "Goal: at most 1.2 times heed. What fjall gives is not copied.",
        (Act::Put, Shape { bytes: 64, .. }) => {
            "Goals: at most 0.12 times heed, and 0.2 times fjall; no slower beside another process.\n\
             What fjall leaves to threads of its own does not count here."
        }
        (Act::Put, _) => "What fjall leaves to threads of its own does not count here.",
    }
}

/// A store that is full.
fn opened<S: Store>(path: &Path, shape: Shape) -> S {
    let store = S::open(path, shape);
    store.fill(shape);
    store
}

/// What a turn is made of. Keys of different sources differ.
pub(crate) fn work<'a, S: Store>(
    store: &'a S,
    act: Act,
    (shape, source): (Shape, u64),
    losses: &'a Losses,
) -> Work<'a> {
    let (mut keys, record) = (Uniform::new(shape.entries, source), shape.record(source));
    let mut next = move || keys.next().unwrap_or_default().to_le_bytes();
    match act {
        Act::Get => Box::new(move |times| {
            let found = |value: S::Value| black_box(value).as_ref().len() == shape.bytes;
            let kept = (0..times).filter(|_| store.get(next()).is_some_and(found)).count();
            losses.add(times, times - kept as u64);
        }),
        Act::Put => Box::new(move |times| {
            let kept = (0..times).filter(|_| store.put(next(), &record)).count();
            losses.add(times, times - kept as u64);
        }),
    }
}

fn alone<'a>((name, role): (&str, Role), work: Work<'a>) -> Contender<'a> {
    Contender::new(named(name, SETTINGS[0].0), role, vec![work])
}

/// A contender is a store in a setting.
fn named(name: &str, setting: &str) -> String {
    format!("{name}, {setting}")
}

/// A name and a role, and how often there was no answer in each setting.
type Row<'a> = ((&'static str, Role), &'a [Losses; 3]);

fn table(standings: &Standings, rows: &[Row<'_>]) -> Table {
    let mut table = Table::new([
        "",
        "ns",
        "least",
        "x bare",
        "x heed",
        "x fjall",
        "beside a reader, ns",
        "x alone",
        "beside a writer, ns",
        "x alone",
        "with waits, ns",
        "lost of 1,000",
    ]);
    for &((name, role), losses) in rows {
        let alone = named(name, SETTINGS[0].0);
        let shown = |figure: Option<f64>| figure.map_or_else(String::new, nanos);
        let mut cells = vec![shown(standings.median_of(&alone)), shown(standings.least_of(&alone))];
        cells.extend([BARE, LMDB, FJALL].map(|base| ratio(standings.ratio_of(&alone, &named(base, SETTINGS[0].0)))));
        for (setting, _) in &SETTINGS[1..] {
            let beside = named(name, setting);
            cells.extend([shown(standings.median_of(&beside)), ratio(standings.ratio_of(&beside, &alone))]);
        }
        cells.push(shown(standings.wall_of(&named(name, SETTINGS[2].0))));
        // Of the settings that the store was in.
        let raced = SETTINGS
            .iter()
            .zip(losses)
            .filter(|((setting, _), _)| standings.median_of(&named(name, setting)).is_some());
        cells.push(raced.map(|(_, losses)| losses.per_thousand()).collect::<Vec<_>>().join(" / "));
        table.row(name, role, cells);
    }
    table
}

fn chart(standings: &Standings, rows: &[Row<'_>], unit: &str) -> Chart {
    let bar = |&((name, role), _): &Row<'_>| {
        let values = SETTINGS.iter().filter_map(|(setting, _)| standings.median_of(&named(name, setting)));
        Bar { name: name.to_owned(), role, values: values.collect() }
    };
    Chart::new(unit, &SETTINGS.map(|(setting, _)| setting), rows.iter().map(bar).collect())
}
