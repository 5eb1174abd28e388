//! SQLite through the whole stack (pool, envelope, decode) against a bare prepared statement on the same machine.
//!
//! `sqlite [DIR] [gets|puts|threads|log]...`: DIR is where the files lie, on a disk or a tmpfs.

use compare::{Contender, Measure, Options, Race, Report, Role, Standings, Table, Theme, median, rate};
use memolith::backends::Sqlite;
use memolith::{Backend as _, Cache, Writes};
use rusqlite::{Connection, params};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

type Rows = Cache<(u64,), String>;

const ROWS: u64 = 100_000;
const SELECT: &str = "SELECT value FROM entries WHERE key = ?1";
const INSERT: &str = "INSERT OR REPLACE INTO entries VALUES (?1, ?2)";

/// A part of the theme; it puts its files into the directory.
type Part = fn(&mut Report, &Options, &Path);

fn main() {
    let parts: [(&str, Part); 4] = [("gets", gets), ("puts", puts), ("threads", threads), ("log", log)];
    let names = parts.map(|(name, _)| name);
    let options = Theme { name: "sqlite", parts: &names, takes_dir: true }.options();
    let place = options.dir.clone().unwrap_or_else(std::env::temp_dir);
    let place = place.join(format!("memolith-bench-{}", std::process::id()));
    std::fs::create_dir_all(&place).expect("the directory can be made");
    let mut report = Report::new("sqlite", &options);
    for (name, part) in parts {
        if options.wants(name) {
            part(&mut report, &options, &place);
        }
    }
    let _ = std::fs::remove_dir_all(&place);
    report.save();
}

/// Time of day, because a write waits for the disk or for another thread; turns are long enough for a few batches.
fn race(options: &Options, contenders: Vec<Contender<'_>>) -> Standings {
    Race::new(Measure::Together, options).run(contenders)
}

fn value(key: u64) -> String {
    format!("{key:064}")
}

fn raw(path: &Path) -> Connection {
    let connection = Connection::open(path).expect("a fresh file opens");
    connection
        .execute_batch(
            "PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA mmap_size = 268435456;
             CREATE TABLE IF NOT EXISTS entries(key BLOB PRIMARY KEY, value BLOB) WITHOUT ROWID;",
        )
        .expect("a fresh file takes a table");
    connection
}

fn ours(path: &Path, maxsize: Option<usize>, writes: Writes) -> Rows {
    let backend = Sqlite::open(path).expect("a path in our own directory is fine");
    Cache::builder().maxsize(maxsize).memory(0).writes(writes).backend(backend, "bench", memolith::Postcard).build()
}

/// Random keys below `bound`.
fn keys(bound: u64) -> impl FnMut() -> u64 {
    let mut x = 88_172_645_463_325_252u64;
    move || {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        x % bound
    }
}

fn gets(report: &mut Report, options: &Options, place: &Path) {
    let bare = raw(&place.join("raw.db"));
    bare.execute_batch("BEGIN").expect("nobody else is here");
    for key in 0..ROWS {
        let values = params![key.to_le_bytes(), value(key)];
        bare.execute("INSERT INTO entries VALUES (?1, ?2)", values).expect("the key is new");
    }
    bare.execute_batch("COMMIT").expect("nobody else is here");
    let cache = ours(&place.join("ours.db"), None, Writes::Behind);
    (0..ROWS).for_each(|key| cache.insert((key,), value(key)));
    cache.flush().expect("the disk has room");
    for (title, hot) in [("get, 100,000 rows of 64 B", ROWS), ("get, 1,000 of them", 1_000)] {
        let (bare, mut theirs, mut mine) = (raw(&place.join("raw.db")), keys(hot), keys(hot));
        let standings = race(
            options,
            vec![
                Contender::single("raw rusqlite, prepared, its own read transaction", Role::Floor, move |times| {
                    let mut statement = bare.prepare(SELECT).expect("the table is there");
                    for _ in 0..times {
                        let key = theirs();
                        let found: Vec<u8> = statement
                            .query_row([key.to_le_bytes()], |row| {
                                row.get_ref(0)?.as_bytes().map(<[u8]>::to_vec).map_err(Into::into)
                            })
                            .expect("every key is there");
                        assert_eq!(found.len(), 64);
                    }
                }),
                Contender::single("memolith, memory = 0", Role::Ours, |times| {
                    for _ in 0..times {
                        assert!(cache.get(&(mine(),)).is_some_and(|found| found.len() == 64));
                    }
                }),
            ],
        );
        report.plotted(title, "", (&standings.table(), &standings.chart("ns per get")));
    }
}

fn puts(report: &mut Report, options: &Options, place: &Path) {
    let bare = raw(&place.join("raw-put.db"));
    let roomy = ours(&place.join("roomy.db"), Some(100_000_000), Writes::Through);
    let full = ours(&place.join("full.db"), Some(10_000), Writes::Through);
    let behind = ours(&place.join("behind.db"), Some(100_000_000), Writes::Behind);
    (0..10_000).for_each(|key| full.insert((u64::MAX - key,), value(key)));
    let [mut a, mut b, mut c, mut d] = [0u64; 4];
    // A key that is new each time, in no order.
    let next = |n: &mut u64| {
        *n += 1;
        n.wrapping_mul(0x9e37_79b9_7f4a_7c15)
    };
    let standings = race(
        options,
        vec![
            Contender::single("raw rusqlite, prepared", Role::Floor, move |times| {
                let mut insert = bare.prepare(INSERT).expect("the table is there");
                for _ in 0..times {
                    let key = next(&mut a);
                    insert.execute(params![key.to_le_bytes(), value(key)]).expect("the disk has room");
                }
            }),
            Contender::single("memolith, bounded and not full", Role::Ours, |times| {
                (0..times).for_each(|_| insert_next(&roomy, next(&mut b)));
            }),
            Contender::single("memolith, full: each put evicts one", Role::Ours, |times| {
                (0..times).for_each(|_| insert_next(&full, next(&mut c)));
            }),
            Contender::single("memolith, writes = Behind, until all is committed", Role::Ours, |times| {
                (0..times).for_each(|_| insert_next(&behind, next(&mut d)));
                behind.flush().expect("the disk has room");
            }),
        ],
    );
    let title = "put, a new key of 64 B each, committed one by one";
    report.plotted(title, "", (&standings.table(), &standings.chart("ns per put")));
}

fn insert_next(cache: &Rows, key: u64) {
    cache.insert((key,), value(key));
}

/// Puts per second until everything is committed.
fn put_rate(options: &Options, cache: &Rows, threads: usize) -> f64 {
    let start = Instant::now();
    let rate = rate(threads, Duration::from_millis(options.scaled(1_500) as u64), |thread, n| {
        insert_next(cache, ((thread as u64) << 48 | n).wrapping_mul(0x9e37_79b9_7f4a_7c15));
    });
    let (before, _) = (start.elapsed(), cache.flush());
    rate * before.as_secs_f64() / start.elapsed().as_secs_f64()
}

fn threads(report: &mut Report, options: &Options, place: &Path) {
    let mut table = Table::new(["", "1 thread, Through", "8 threads, Through", "x", "8 threads, Behind", "x"]);
    for (name, maxsize) in [("bounded, not full", 100_000_000), ("full", 10_000)] {
        let mut rates = [vec![], vec![], vec![]];
        for round in 0..if options.quick { 1 } else { 5 } {
            let path = place.join(format!("threads-{maxsize}-{round}.db"));
            let through = ours(&path, Some(maxsize), Writes::Through);
            let behind = ours(&path, Some(maxsize), Writes::Behind);
            if maxsize == 10_000 {
                (0..10_000).for_each(|key| behind.insert((u64::MAX - key,), value(key)));
                behind.flush().expect("the disk has room");
            }
            rates[0].push(put_rate(options, &through, 1));
            rates[1].push(put_rate(options, &through, 8));
            rates[2].push(put_rate(options, &behind, 8));
        }
        let ratio = |of: usize| median(rates[of].iter().zip(&rates[0]).map(|(many, one)| many / one).collect());
        let thousands = |of: usize| format!("{:.0}", median(rates[of].clone()) / 1e3);
        let over = |of: usize| format!("{:.2}", ratio(of));
        table.row(name, Role::Ours, [thousands(0), thousands(1), over(1), thousands(2), over(2)]);
    }
    report.table("puts of several threads", "Thousand per second until all is committed.", &table);
}

fn log(report: &mut Report, options: &Options, place: &Path) {
    let (path, puts) = (place.join("log.db"), options.scaled(100_000));
    let cache = Arc::new(ours(&path, None, Writes::Through));
    cache.insert((0,), value(0));
    let stop = std::sync::atomic::AtomicBool::new(false);
    let mut largest = 0;
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(std::sync::atomic::Ordering::Relaxed) {
                cache.get(&(0,));
            }
        });
        for key in 0..puts as u64 {
            cache.insert((key.wrapping_mul(0x9e37_79b9_7f4a_7c15),), value(key));
            if key % 500 == 0 {
                largest = largest.max(std::fs::metadata(place.join("log.db-wal")).map_or(0, |found| found.len()));
            }
        }
        stop.store(true, std::sync::atomic::Ordering::Relaxed);
    });
    report.say(&format!("### log file beside a busy reader\n\n{puts} puts: {} KiB at most.\n", largest / 1024));
    let _ = Sqlite::open(&path).map(|backend| backend.flush());
}
