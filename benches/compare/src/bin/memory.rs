//! Bytes that a cache takes for each of 1,000,000 entries: what it asked the allocator for, and what came to be resident.
//!
//! Each cache is filled in a process of its own, or pages that one has freed would serve the next: the program starts
//! itself with the number of a contender and prints its figures.
#![expect(unsafe_code, reason = "a global allocator that counts")]

use compare::peers::{Bare, Store, Visitor, every, unbounded};
use compare::{Bar, Chart, Options, Report, Role, Table, again, grouped, shuffled, started, text_key, text_value};
use memolith::{Key, Value};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

static BYTES: AtomicUsize = AtomicUsize::new(0);

struct Counting;

// SAFETY: every call is passed on to the system's allocator as it came; the counter allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        BYTES.fetch_add(layout.size(), Relaxed);
        // SAFETY: the caller guarantees what `System` asks for.
        unsafe { System.alloc(layout) }
    }

    // Passed on as well, because the system maps zeroed pages lazily.
    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        BYTES.fetch_add(layout.size(), Relaxed);
        // SAFETY: the caller guarantees what `System` asks for.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        BYTES.fetch_add(size, Relaxed);
        BYTES.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller guarantees what `System` asks for, and `pointer` came from it.
        unsafe { System.realloc(pointer, layout, size) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        BYTES.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller guarantees what `System` asks for, and `pointer` came from it.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

fn main() {
    if let Some(words) = started() {
        let [kind, at, entries] = words.as_slice() else { panic!("these words are for this program alone") };
        let number = |word: &String| word.parse().expect("the first process writes numbers");
        let (wanted, entries) = (number(at), number(entries));
        match kind.as_str() {
            "numbers" => race(&mut Weighing::new(entries, wanted, |number| (number, number))),
            _ => race(&mut Weighing::new(entries, wanted, |number| (text_key(number, 20), text_value(number)))),
        }
        return;
    }
    let options = Options::from_args("memory");
    let mut report = Report::new("memory", &options);
    for (kind, title, raw) in
        [("numbers", "u64 to u64", 16.0), ("texts", "String of 20 bytes to String of 64 bytes", 84.0)]
    {
        measured(&mut report, &options, (kind, title, raw));
    }
    report.save();
}

/// Shows every contender to `weighing`, always in the same order.
fn race<K: Key, V: Value>(weighing: &mut Weighing<K, V>) {
    weighing.visit("hashbrown", Role::Floor, Bare::new);
    every(weighing);
    unbounded(weighing);
}

/// Fills the contender whose turn it is, and prints what that took.
struct Weighing<K, V> {
    entries: usize,
    wanted: usize,
    seen: usize,
    entry: fn(u64) -> (K, V),
}

impl<K, V> Weighing<K, V> {
    fn new(entries: usize, wanted: usize, entry: fn(u64) -> (K, V)) -> Self {
        Weighing { entries, wanted, seen: 0, entry }
    }
}

impl<K: Key, V: Value> Visitor<K, V> for Weighing<K, V> {
    fn visit<S: Store<K, V>>(&mut self, name: &str, role: Role, make: impl Fn(usize) -> S) {
        self.seen += 1;
        if self.seen != self.wanted + 1 {
            return;
        }
        let numbers = shuffled(self.entries);
        let (bytes, resident) = (BYTES.load(Relaxed), resident());
        let mut store = make(self.entries);
        for &number in &numbers {
            let (key, value) = (self.entry)(number);
            store.insert(key, value);
        }
        // A sharded cache keeps a little less than it was given; its bytes are shared by what it keeps.
        let kept = store.len() as f64;
        let bytes = (BYTES.load(Relaxed) - bytes) as f64 / kept;
        let resident = (self::resident() as f64 - resident as f64) / kept;
        drop(numbers);
        println!("{role:?}|{name}|{bytes}|{resident}|{kept}");
    }
}

fn measured(report: &mut Report, options: &Options, (kind, title, raw): (&str, &str, f64)) {
    let mut lines: Vec<(String, Role, [f64; 3])> = (0..).map_while(|at| weighed(options, kind, at)).collect();
    lines.sort_by(|(_, _, a), (_, _, b)| a[0].total_cmp(&b[0]));
    let mut table = Table::new(["", "bytes an entry", "resident", "x raw", "entries kept"]);
    for (name, role, [bytes, resident, kept]) in &lines {
        let over = format!("{:.2}", bytes / raw);
        table.row(name, *role, [format!("{bytes:.1}"), format!("{resident:.1}"), over, grouped(*kept as usize)]);
    }
    let bars = lines.into_iter().map(|(name, role, figures)| Bar { name, role, values: vec![figures[0], figures[1]] });
    let chart = Chart::new("bytes an entry", &["allocated", "resident"], bars.collect());
    let note = format!("{} entries; raw is {raw:.0} bytes.", grouped(options.scaled(1_000_000)));
    report.plotted(title, &note, (&table, &chart));
}

/// What contender number `at` says of itself; `None` after the last one.
fn weighed(options: &Options, kind: &str, at: usize) -> Option<(String, Role, [f64; 3])> {
    let mut command = again(&[kind, &at.to_string(), &options.scaled(1_000_000).to_string()]);
    let output = command.output().expect("a program that runs can be started");
    let line = String::from_utf8(output.stdout).ok()?;
    let mut fields = line.trim().split('|');
    let role = match fields.next()? {
        "Ours" => Role::Ours,
        "Floor" => Role::Floor,
        "Other" => Role::Other,
        "Peer" => Role::Peer,
        _ => return None,
    };
    let name = fields.next()?.to_owned();
    let mut figure = || fields.next()?.parse().ok();
    Some((name, role, [figure()?, figure()?, figure()?]))
}

/// Bytes of this process that are in memory; zero where the system does not tell.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages = statm.split(' ').nth(1).and_then(|pages| pages.parse::<usize>().ok());
    pages.unwrap_or_default() * 4_096
}
