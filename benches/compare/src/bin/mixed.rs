//! `get_or_insert_with` of skewed keys, of which a tenth fits: time and hit ratio at once.

use compare::peers::{BareLru, Store, Visitor, every};
use compare::{Entrant, Options, Pair, Report, Role, Stream, grouped, zipf};
use std::sync::{Arc, Mutex};

/// How skewed the keys are: as much as gives exact LRU 77 % of hits.
const SKEW: f64 = 0.99;

fn main() {
    let options = Options::from_args("mixed");
    let mut report = Report::new("mixed", &options);
    let keys = options.scaled(1_000_000);
    let mut warm = Warm { capacity: keys / 10, stream: zipf(keys, SKEW, 4 * keys).into(), all: Vec::new() };
    warm.visit("schnellru, one for each thread", Role::Floor, BareLru::new);
    every(&mut warm);
    let (entrants, ratios): (Vec<_>, Vec<_>) = warm.all.into_iter().unzip();
    let pair = Pair::run(&options, &entrants);
    let mut table = pair.table();
    table.column("hits, %", |name| {
        let ratio = ratios.iter().find(|(other, _)| other == name);
        ratio.map_or_else(String::new, |(_, ratio)| format!("{:.1}", ratio * 100.0))
    });
    let title = format!("get_or_insert_with, {} keys, Zipf({SKEW}), capacity {}", grouped(keys), grouped(keys / 10));
    let note = "A miss costs what the insertion costs: the value is at hand.\nfoyer has no such call and gets `get`, then `insert`.";
    report.plotted(&title, note, (&table, &pair.chart()));
    report.save();
}

/// Caches that have seen the whole stream once, and their hit ratios in the second half of it.
struct Warm {
    capacity: usize,
    stream: Arc<[u64]>,
    all: Vec<(Entrant<'static>, (String, f64))>,
}

impl Visitor<u64, u64> for Warm {
    fn visit<S: Store<u64, u64>>(&mut self, name: &str, role: Role, make: impl Fn(usize) -> S) {
        let mut store = make(self.capacity);
        let mut misses = |keys: &[u64]| {
            let mut misses = 0;
            for &key in keys {
                store.get_or_insert_with(&key, || {
                    misses += 1;
                    key
                });
            }
            misses
        };
        let (first, second) = self.stream.split_at(self.stream.len() / 2);
        let _ = misses(first);
        let ratio = 1.0 - f64::from(misses(second)) / second.len() as f64;
        let (stream, original) = (Arc::clone(&self.stream), Mutex::new(store));
        let entrant = Entrant::new(name, role, move |thread| {
            let mut store = original.lock().expect("a clone does not panic").clone();
            // Threads read different parts of the stream.
            let mut stream = Stream::new(&stream, thread * 67);
            Box::new(move |times| {
                stream.each(times, |&key| {
                    store.get_or_insert_with(&key, || key);
                });
            })
        });
        self.all.push((entrant, (name.to_owned(), ratio)));
    }
}
