//! Keys that were never there: a `get` that misses, an `insert`, and the eviction it forces.

use compare::peers::{BareLru, Store, Visitor, every};
use compare::{Entrant, Fresh, Options, Pair, Report, Role};
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

fn main() {
    let options = Options::from_args("misses");
    let mut report = Report::new("misses", &options);
    for (way, title) in [
        (Way::GetAndInsert, "get, insert, evict: u64 to u64, 100,000 entries"),
        (Way::GetOrInsertWith, "get_or_insert_with, evict: u64 to u64, 100,000 entries"),
    ] {
        let mut full = Full { capacity: 100_000, way, entrants: Vec::new() };
        full.visit("schnellru, one for each thread", Role::Floor, BareLru::new);
        every(&mut full);
        let pair = Pair::run(&options, &full.entrants);
        report.plotted(title, way.note(), (&pair.table(), &pair.chart()));
    }
    report.save();
}

/// How a caller goes about a key that may not be there.
#[derive(Clone, Copy)]
enum Way {
    /// Two calls.
    GetAndInsert,
    /// One call, which in some caches lets others wait for the value.
    GetOrInsertWith,
}

impl Way {
    fn note(self) -> &'static str {
        match self {
            Way::GetAndInsert => "Every key is new, and every cache is full.",
            Way::GetOrInsertWith => {
                "The same in one call; in memolith, quick_cache and moka whoever else asks for the key meanwhile waits for \
                 the value."
            }
        }
    }
}

/// Full caches.
struct Full {
    capacity: usize,
    way: Way,
    entrants: Vec<Entrant<'static>>,
}

impl Visitor<u64, u64> for Full {
    fn visit<S: Store<u64, u64>>(&mut self, name: &str, role: Role, make: impl Fn(usize) -> S) {
        let mut store = make(self.capacity);
        Fresh::new(0).take(2 * self.capacity).for_each(|key| store.insert(key, key));
        let (original, sources, way) = (Mutex::new(store), AtomicUsize::new(1), self.way);
        self.entrants.push(Entrant::new(name, role, move |_| {
            let mut store = original.lock().expect("a clone does not panic").clone();
            let mut keys = Fresh::new(sources.fetch_add(1, Relaxed));
            match way {
                Way::GetAndInsert => Box::new(move |times| {
                    for key in keys.by_ref().take(times as usize) {
                        assert_eq!(store.get(&key), None, "the key is new");
                        store.insert(key, key);
                    }
                }),
                Way::GetOrInsertWith => Box::new(move |times| {
                    for key in keys.by_ref().take(times as usize) {
                        assert_eq!(store.get_or_insert_with(&key, || key), key);
                    }
                }),
            }
        }));
    }
}
