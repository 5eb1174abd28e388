//! `Cache::get` of keys that are there.

use compare::peers::{Bare, Store, Visitor, every, unbounded};
use compare::{Bar, Chart, Entrant, Measure, Options, Pair, Race, Report, Role, Stream, Table, cores};
use compare::{grouped, shuffled, text_key, text_value, uniform, zipf};
use memolith::{Key, Value};
use std::hint::black_box;
use std::sync::Arc;

fn main() {
    let options = Options::from_args("hits");
    let mut report = Report::new("hits", &options);
    for entries in [1_000, 100_000, options.scaled(1_000_000)] {
        numbers(&mut report, &options, entries);
    }
    for entries in [1_000, 100_000] {
        texts(&mut report, &options, entries);
    }
    together(&mut report, &options);
    report.save();
}

/// Every contender, filled.
struct Filled<'a, K, V> {
    /// The keys in the order in which they are inserted.
    keys: &'a [K],
    value: fn(&K) -> V,
    stores: Vec<Filling<K>>,
}

/// One contender: makes a reader of any stream.
struct Filling<K> {
    name: String,
    role: Role,
    reader: Arc<dyn Fn(Stream<K>) -> compare::Work<'static>>,
}

impl<'a, K: Key, V: Value> Filled<'a, K, V> {
    fn new(keys: &'a [K], value: fn(&K) -> V) -> Self {
        let mut filled = Filled { keys, value, stores: Vec::new() };
        filled.visit("hashbrown, one for each thread", Role::Floor, Bare::new);
        every(&mut filled);
        unbounded(&mut filled);
        filled
    }

    fn entrants(&self, stream: &Arc<[K]>) -> Vec<Entrant<'static>> {
        let entrant = |filling: &Filling<K>| {
            let (reader, stream) = (Arc::clone(&filling.reader), Arc::clone(stream));
            Entrant::new(&filling.name, filling.role, move |thread| reader(Stream::new(&stream, thread)))
        };
        self.stores.iter().map(entrant).collect()
    }
}

impl<K: Key, V: Value> Visitor<K, V> for Filled<'_, K, V> {
    fn visit<S: Store<K, V>>(&mut self, name: &str, role: Role, make: impl Fn(usize) -> S) {
        // A quarter more than there is to keep: sharded caches evict before they are full.
        let mut store = make(self.keys.len() + self.keys.len() / 4);
        for key in self.keys {
            store.insert(key.clone(), (self.value)(key));
        }
        let lost = self.keys.iter().filter(|key| store.get(key).is_none()).count();
        if lost > 0 {
            eprintln!("{name} has lost {lost} of {} keys: some of its reads are misses", self.keys.len());
        }
        let original = std::sync::Mutex::new(store);
        let reader = move |mut stream: Stream<K>| {
            let mut store = original.lock().expect("a clone does not panic").clone();
            let work = move |times| stream.each(times, |key| drop(black_box(store.get(black_box(key)))));
            Box::new(work) as compare::Work<'static>
        };
        self.stores.push(Filling { name: name.to_owned(), role, reader: Arc::new(reader) });
    }
}

fn numbers(report: &mut Report, options: &Options, entries: usize) {
    let keys = shuffled(entries);
    let filled = Filled::new(&keys, |&key| key);
    for (name, stream) in streams(entries) {
        let pair = Pair::run(options, &filled.entrants(&stream.into()));
        let title = format!("u64 to u64, {} entries, {name}", grouped(entries));
        report.plotted(&title, "", (&pair.table(), &pair.chart()));
    }
}

fn texts(report: &mut Report, options: &Options, entries: usize) {
    let key = |number: &u64| text_key(*number, 16);
    let keys: Vec<String> = shuffled(entries).iter().map(key).collect();
    let filled = Filled::new(&keys, |key| text_value(key.len() as u64));
    let stream: Arc<[String]> = zipf(entries, 0.99, length(entries)).iter().map(key).collect();
    let pair = Pair::run(options, &filled.entrants(&stream));
    let title = format!("String to String, {} entries, Zipf", grouped(entries));
    report.plotted(
        &title,
        "Keys of 16 bytes, values of 64 bytes; a hit clones the value.",
        (&pair.table(), &pair.chart()),
    );
}

/// As many threads as cores, and more: nobody may fall behind for that.
fn together(report: &mut Report, options: &Options) {
    let mut counts = vec![1, 2, cores(), 8, 16];
    counts.sort_unstable();
    counts.dedup();
    let keys = shuffled(1_000);
    let filled = Filled::new(&keys, |&key| key);
    let entrants = filled.entrants(&zipf(1_000, 0.99, length(1_000)).into());
    let race = |threads: &usize| {
        let contenders = entrants.iter().map(|entrant| entrant.contender(*threads)).collect();
        Race::new(Measure::Together, options).run(contenders)
    };
    let races: Vec<_> = counts.iter().map(race).collect();
    let head = counts
        .iter()
        .map(|&threads| format!("{threads} thread{}", if threads > 1 { "s" } else { "" }))
        .chain(["the most over the best".to_owned()]);
    let mut table = Table::new([String::new()].into_iter().chain(head));
    let rates: Vec<Vec<f64>> =
        races.iter().map(|race| race.medians().iter().map(|nanos| 1e3 / nanos).collect()).collect();
    let mut lines: Vec<(&str, Role, Vec<f64>)> = races[0]
        .names()
        .enumerate()
        .map(|(at, (name, role))| (name, role, rates.iter().map(|rates| rates[at]).collect()))
        .collect();
    lines.sort_by(|(_, _, a), (_, _, b)| b.last().unwrap_or(&0.0).total_cmp(a.last().unwrap_or(&0.0)));
    let mut bars = Vec::new();
    for (name, role, rates) in lines {
        let (most, best) = (rates[rates.len() - 1], rates.iter().copied().fold(0.0, f64::max));
        table.row(name, role, rates.iter().map(|rate| format!("{rate:.0}")).chain([format!("{:.2}", most / best)]));
        bars.push(Bar { name: name.to_owned(), role, values: vec![most, rates[0]] });
    }
    let chart = Chart::new("million hits per second", &["the most threads", "1 thread"], bars).longest_first();
    let note = format!("Million hits per second of all threads together, on {} cores.", cores());
    report.plotted("u64 to u64, 1,000 entries, Zipf, many threads", &note, (&table, &chart));
}

fn streams(entries: usize) -> [(&'static str, Vec<u64>); 2] {
    let length = length(entries);
    [("uniform", uniform(entries, length)), ("Zipf", zipf(entries, 0.99, length))]
}

/// Long enough to ask for every key, short enough not to push the table out of the caches of the processor.
fn length(entries: usize) -> usize {
    entries.max(16_384)
}
