//! The longest single `get`, `insert` and eviction, from an empty cache on: growing and tidying up may take no pause.

use compare::peers::{Store, Visitor, every};
use compare::{Bar, Chart, Fresh, Options, Report, Role, Table, cpu_time, grouped, median};
use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::time::Duration;

fn main() {
    let options = Options::from_args("pauses");
    let mut report = Report::new("pauses", &options);
    let (capacity, operations) = (options.scaled(1_000_000), options.scaled(10_000_000));
    let mut pauses = Pauses { capacity, operations, runs: if options.quick { 1 } else { 3 }, figures: Vec::new() };
    let clock = (0..pauses.runs).map(|_| longest(operations, || ())).collect();
    pauses.record("the clock alone", Role::Floor, clock);
    every(&mut pauses);
    pauses.figures.sort_by(|(_, _, a), (_, _, b)| a[0].total_cmp(&b[0]));
    let mut table = Table::new(["", "longest, µs", "one in a million, µs", "one in ten thousand, µs"]);
    for (name, role, figures) in &pauses.figures {
        table.row(name, *role, figures.map(|micros| format!("{micros:.1}")));
    }
    let bars = pauses.figures.iter().map(|(name, role, figures)| Bar {
        name: name.clone(),
        role: *role,
        values: vec![figures[0]],
    });
    let chart = Chart::new("µs of CPU for the longest single operation", &[], bars.collect());
    let note = format!(
        "Each of {} operations timed by itself, in CPU time of the thread, on a cache of {} entries that is \
         empty at the start; the median of {} runs.\nWhat the machine does meanwhile is in all of them: see the clock alone.",
        grouped(operations),
        grouped(capacity),
        pauses.runs
    );
    report.plotted("The longest get, insert, evict", &note, (&table, &chart));
    report.save();
}

/// Everyone's longest operations.
struct Pauses {
    capacity: usize,
    operations: usize,
    runs: usize,
    figures: Vec<(String, Role, [f64; 3])>,
}

/// As many of the longest as are looked at: one in ten thousand.
const KEPT: usize = 1_000;

impl Visitor<u64, u64> for Pauses {
    fn visit<S: Store<u64, u64>>(&mut self, name: &str, role: Role, make: impl Fn(usize) -> S) {
        // Another hasher makes no pause shorter, and these runs are the longest of all.
        if name.contains("foldhash") {
            return;
        }
        let runs = (0..self.runs).map(|_| {
            let (mut store, mut keys) = (make(self.capacity), Fresh::new(0));
            longest(self.operations, || {
                let key = keys.next().unwrap_or_default();
                if store.get(&key).is_none() {
                    store.insert(key, key);
                }
            })
        });
        self.record(name, role, runs.collect());
    }
}

impl Pauses {
    /// The median over the runs, in microseconds: the longest, the longest but one in a million, but one in ten thousand.
    fn record(&mut self, name: &str, role: Role, runs: Vec<Vec<Duration>>) {
        let at =
            |rank: usize| median(runs.iter().map(|run| run[rank.min(run.len() - 1)].as_secs_f64() * 1e6).collect());
        let ranks = [0, self.operations / 1_000_000, self.operations / 10_000];
        self.figures.push((name.to_owned(), role, ranks.map(at)));
    }
}

/// The longest of `operations`, the worst first.
fn longest(operations: usize, mut operation: impl FnMut()) -> Vec<Duration> {
    let mut worst = BinaryHeap::with_capacity(KEPT + 1);
    let mut before = cpu_time();
    for _ in 0..operations {
        operation();
        let after = cpu_time();
        let took = after.saturating_sub(before);
        if worst.len() < KEPT {
            worst.push(Reverse(took));
        } else if worst.peek().is_some_and(|Reverse(least)| took > *least) {
            worst.pop();
            worst.push(Reverse(took));
        }
        before = cpu_time_after(after, took);
    }
    let mut worst: Vec<Duration> = worst.into_iter().map(|Reverse(took)| took).collect();
    worst.sort_by_key(|took| Reverse(*took));
    worst
}

/// What the list of the worst has cost is not the next operation's.
fn cpu_time_after(now: Duration, took: Duration) -> Duration {
    if took > Duration::from_micros(1) { cpu_time() } else { now }
}
