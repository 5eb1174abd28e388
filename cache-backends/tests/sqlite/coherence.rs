//! What one process removes, no other serves from its memory once the removal has returned.

use crate::support::*;
use memolith_backends::Sqlite;
use memolith_core::{Cache, Postcard};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

fn cache(path: &Path, name: &str) -> Cache<u64, u64> {
    Cache::builder().maxsize(None).backend(Sqlite::open(path), name, Postcard).build()
}

type Forget = fn(&Cache<u64, u64>);

/// Every way to invalidate key 1.
const WAYS: [(&str, Forget); 3] = [
    ("remove", |cache| assert!(cache.remove(&1).unwrap())),
    ("clear", |cache| cache.clear().unwrap()),
    ("remove_if", |cache| assert_eq!(cache.remove_if(|key, _| *key == 1).unwrap(), 1)),
];

/// A child has the value in memory, and another thread of it asks all the time.
#[test]
fn other_processes_forget_before_the_removal_returns() {
    if let Some(job) = job() {
        return have_and_look(Path::new(&job[0]));
    }
    let dir = Dir::new("coherence");
    let ours = cache(&dir.file(), "f");
    let test = "coherence::other_processes_forget_before_the_removal_returns";
    let mut worker = Worker::start(test, &[dir.file().to_str().unwrap()]);
    worker.hear("ready");
    for round in 0..setting("MEMOLITH_COHERENCE", 400) {
        let (way, forget) = WAYS[round as usize % WAYS.len()];
        ours.insert(1, round);
        worker.tell(&round.to_string());
        worker.hear("have");
        forget(&ours);
        worker.tell("look");
        assert_eq!(worker.hear("found"), "None", "{way}, round {round}");
    }
    worker.end();
}

fn have_and_look(path: &Path) {
    let (ours, ended) = (cache(path, "f"), AtomicBool::new(false));
    say("ready");
    std::thread::scope(|scope| {
        let _end = AtEnd(&ended);
        scope.spawn(|| {
            while !ended.load(SeqCst) {
                ours.get(&1);
            }
        });
        while let Some(round) = heard() {
            // A put is seen after 5 ms.
            eventually("the value is there", || ours.get(&1) == round.parse().ok());
            eventually("it is in memory", || {
                let read = ours.info().backend_hits;
                ours.get(&1).is_some() && ours.info().backend_hits == read
            });
            say("have");
            heard();
            say(&format!("found{:?}", ours.get(&1)));
        }
    });
}

/// Also when the test fails, so that nobody waits for the thread that asks.
struct AtEnd<'a>(&'a AtomicBool);

impl Drop for AtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, SeqCst);
    }
}

/// Two caches of one function in a process are as far apart as two processes.
#[test]
fn other_caches_of_this_process_forget_before_the_removal_returns() {
    let dir = Dir::new("coherence-own");
    let (one, other) = (cache(&dir.file(), "f"), cache(&dir.file(), "f"));
    for (round, (way, forget)) in (0..30).zip(WAYS.into_iter().cycle()) {
        for (ours, theirs) in [(&one, &other), (&other, &one)] {
            ours.insert(1, round);
            assert_eq!(theirs.get(&1), Some(round), "{way}");
            forget(ours);
            assert_eq!((theirs.get(&1), ours.get(&1)), (None, None), "{way}");
        }
    }
}

/// Nobody forgets what he has not removed: neither who removes something else, nor another function.
#[test]
fn ones_own_removal_leaves_the_rest_in_memory() {
    let dir = Dir::new("coherence-rest");
    let [ours, theirs] = ["f", "g"].map(|name| cache(&dir.file(), name));
    for cache in [&ours, &theirs] {
        (1..4).for_each(|key| cache.insert(key, key));
    }
    assert!(ours.remove(&1).unwrap());
    assert_eq!(ours.remove_if(|key, _| *key == 2).unwrap(), 1);
    assert!(!ours.remove(&2).unwrap());
    let kept = [(&ours, 3), (&theirs, 1), (&theirs, 3)];
    kept.iter().for_each(|(cache, key)| assert_eq!(cache.get(key), Some(*key)));
    assert_eq!((ours.info().backend_hits, theirs.info().backend_hits), (0, 0), "all came from memory");
}

/// The words are the file's that lies beside the database now.
#[test]
fn the_words_of_a_new_file_are_followed() {
    if let Some(job) = job() {
        return have_and_look(Path::new(&job[0]));
    }
    let dir = Dir::new("coherence-anew");
    let ours = cache(&dir.file(), "f");
    ours.insert(1, 0);
    for name in dir.names() {
        std::fs::remove_file(dir.0.join(name)).unwrap();
    }
    eventually("the file is made anew", || {
        ours.insert(1, 1);
        dir.file().exists()
    });
    let test = "coherence::the_words_of_a_new_file_are_followed";
    let mut worker = Worker::start(test, &[dir.file().to_str().unwrap()]);
    worker.hear("ready");
    for round in 2..30 {
        ours.insert(1, round);
        worker.tell(&round.to_string());
        worker.hear("have");
        assert!(ours.remove(&1).unwrap());
        worker.tell("look");
        assert_eq!(worker.hear("found"), "None", "round {round}");
    }
    worker.end();
}
