//! Keys that were never there: a `get` that misses, an `insert`, and the eviction it forces.

use compare::peers::{BareLru, Store, Visitor, every};
use compare::{Entrant, Fresh, Options, Pair, Report, Role};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

fn main() {
    let options = Options::from_args();
    let mut report = Report::new("misses", &options);
    let mut full = Full { capacity: 100_000, entrants: Vec::new() };
    full.visit("schnellru, one for each thread", Role::Floor, BareLru::new);
    every(&mut full);
    let pair = Pair::run(&options, &full.entrants);
    let title = "get, insert, evict: u64 to u64, 100,000 entries";
    report.plotted(title, "Every key is new, and every cache is full.", (&pair.table(), &pair.chart()));
    report.save();
}

/// Full caches.
struct Full {
    capacity: usize,
    entrants: Vec<Entrant<'static>>,
}

impl Visitor<u64, u64> for Full {
    fn visit<S: Store<u64, u64>>(&mut self, name: &str, role: Role, make: impl Fn(usize) -> S) {
        let mut store = make(self.capacity);
        Fresh::new(0).take(2 * self.capacity).for_each(|key| store.insert(key, key));
        let (original, sources) = (Mutex::new(store), AtomicUsize::new(1));
        self.entrants.push(Entrant::new(name, role, move |_| {
            let mut store = original.lock().expect("a clone does not panic").clone();
            let mut keys = Fresh::new(sources.fetch_add(1, Relaxed));
            Box::new(move |times| {
                for key in keys.by_ref().take(times as usize) {
                    assert_eq!(store.get(&key), None, "the key is new");
                    store.insert(key, key);
                }
            })
        }));
    }
}
