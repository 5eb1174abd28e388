//! Processes that are killed in the middle of whatever they do.

use crate::support::*;
use memolith_core::{Backend, Space};
use std::collections::HashMap;
use std::path::Path;
use std::time::Duration;

const KEYS: u64 = 1_500;
const MOST: u64 = 1_000;

/// Two writers of two threads each, killed at random moments: nothing is wrong, lost, miscounted or left behind.
#[test]
fn killed_writers_lose_nothing() {
    if let Some(job) = job() {
        return write_until_killed(Path::new(&job[0]), job[1].parse().unwrap());
    }
    let (dir, mut draw, mut journal) = (Dir::new("kills"), Draw(0x9e37_79b9_7f4a_7c15), HashMap::new());
    let path = dir.file();
    for round in 0..setting("MEMOLITH_KILLS", 40).div_ceil(2) {
        let seeds = [draw.below(1 << 40), draw.below(1 << 40)];
        let start = |seed: &u64| {
            Worker::start("kills::killed_writers_lose_nothing", &[path.to_str().unwrap(), &seed.to_string()])
        };
        let mut workers: Vec<Worker> = seeds.iter().map(start).collect();
        workers[0].hear("ready");
        std::thread::sleep(Duration::from_micros(draw.below(60_000)));
        for (worker, seed) in workers.into_iter().zip(seeds) {
            let said = worker.kill();
            let last = said.lines().filter_map(|line| line.strip_prefix("kept ")?.parse::<u64>().ok()).max();
            journal.insert(seed, last);
        }
        check(&path, &mut journal, round);
    }
    let mut names = dir.names();
    names.retain(|name| !["cache.db", "cache.db-shm", "cache.db-wal", "cache.db.lock"].contains(&name.as_str()));
    assert!(names.is_empty(), "files were left: {names:?}");
    assert!(dir.names().contains(&"cache.db".to_string()), "the file is there");
}

/// Puts under random keys of a bounded space, and a journal of which each put is told to the parent once it returned.
fn write_until_killed(path: &Path, seed: u64) {
    let (bounded, journal) = (space(Some(MOST)), Space::new("journal"));
    let backend = opened(path, &bounded);
    open_space(&backend, &journal);
    say("ready");
    std::thread::scope(|scope| {
        for thread in 0..2 {
            let (backend, bounded, journal) = (&backend, &bounded, &journal);
            scope.spawn(move || {
                let mut draw = Draw((seed << 1 | 1) ^ thread << 50);
                for step in 0.. {
                    let key = draw.below(KEYS);
                    // Others hold the file for a while now and then; that is an answer, too.
                    let _ = match draw.below(10) {
                        0 => backend.remove(bounded, &key.to_le_bytes()).map(drop),
                        1..3 => backend.get(bounded, &key.to_le_bytes(), now()).map(drop),
                        _ => {
                            let value = record(sealed(key, draw.below(u64::MAX)));
                            backend.put(bounded, &key.to_le_bytes(), &value, now())
                        }
                    };
                    if thread == 0 {
                        let entry = [seed.to_le_bytes(), u64::to_le_bytes(step)].concat();
                        // A journal without gaps: one that was refused is put again.
                        while backend.put(journal, &entry, &record(*b"kept"), now()).is_err() {}
                        say(&format!("kept {step}"));
                    }
                }
            });
        }
    });
}

fn check(path: &Path, journal: &mut HashMap<u64, Option<u64>>, round: u64) {
    // Before anything is opened, and so adapted, again.
    let rows = number(path, "SELECT count(*) FROM entries JOIN spaces ON space = spaces.id WHERE name = 'test'");
    assert!(rows as u64 <= MOST, "{rows} entries where {MOST} are allowed, round {round}");
    let (bounded, kept) = (space(Some(MOST)), Space::new("journal"));
    let backend = opened(path, &bounded);
    assert_eq!(backend.len(&bounded).unwrap(), rows as u64, "the count is the number of rows, round {round}");
    let found = (0..KEYS).filter(|key| has(&backend, &bounded, *key)).count();
    assert_eq!(found as i64, rows, "every row can be got and is right, round {round}");
    for (seed, last) in journal.drain() {
        for step in 0..=last.unwrap_or(0) {
            let entry = [seed.to_le_bytes(), step.to_le_bytes()].concat();
            let found = last.is_none() || backend.get(&kept, &entry, now()).unwrap().is_some();
            assert!(found, "put {step} had returned and is lost, round {round}");
        }
    }
    drop(backend);
    if round.is_multiple_of(5) {
        assert_eq!(integrity(path), "ok", "round {round}");
    }
}
