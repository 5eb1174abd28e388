//! What one process invalidates, the others hear of.

use crate::support::*;
use memolith_core::{Backend, Space, Visit, Watch};
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

#[derive(Default)]
struct Bell(AtomicU64);

impl Watch for Bell {
    fn invalidated(&self) {
        self.0.fetch_add(1, SeqCst);
    }
}

impl Bell {
    fn watching(backend: &impl Backend, space: &Space) -> Arc<Bell> {
        let bell = Arc::new(Bell::default());
        let watch: Arc<dyn Watch> = bell.clone();
        backend.watch(space, Arc::downgrade(&watch));
        bell
    }

    fn rung(&self) -> u64 {
        self.0.load(SeqCst)
    }
}

/// Removes and clears of another process are heard of, its puts and our own removes are not.
#[test]
fn other_processes_are_heard() {
    if let Some(job) = job() {
        return invalidate_on_demand(Path::new(&job[0]));
    }
    let (dir, one, other) = (Dir::new("watch"), Space::new("one"), Space::new("other"));
    let backend = opened(&dir.file(), &one);
    Backend::open(&backend, &other).unwrap();
    let mut worker = Worker::start("watching::other_processes_are_heard", &[dir.file().to_str().unwrap()]);
    worker.hear("ready");
    let (first, second) = (Bell::watching(&backend, &one), Bell::watching(&backend, &other));
    for (heard, demand) in (1..).zip(["remove", "clear", "absent", "scan"]) {
        // Not invalidations, and our own: whoever heard of them would hear of them before what follows.
        worker.tell("put");
        worker.hear("done");
        backend.remove(&one, b"key").unwrap();
        backend.clear(&other).unwrap();
        worker.tell(demand);
        worker.hear("done");
        let start = Instant::now();
        eventually("the invalidation is heard", || first.rung() == heard);
        assert!(start.elapsed() < Duration::from_secs(2), "{demand} was heard after {:?}", start.elapsed());
    }
    assert_eq!(second.rung(), 0, "nobody else touched the other space");
    worker.end();
    assert_eq!(first.rung(), 4, "each was heard once");
}

fn invalidate_on_demand(path: &Path) {
    let space = Space::new("one");
    let backend = opened(path, &space);
    say("ready");
    while let Some(demand) = heard() {
        match demand.as_str() {
            "put" => put(&backend, &space, 1).unwrap(),
            "remove" => assert!(backend.remove(&space, &1u64.to_le_bytes()).unwrap()),
            // A copy may be in memory although the entry has left the file.
            "absent" => assert!(!backend.remove(&space, b"never there").unwrap()),
            "clear" => backend.clear(&space).unwrap(),
            _ => backend.scan(&space, now(), &mut |_, _| Visit::Remove).unwrap(),
        }
        say("done");
    }
}

/// Whoever deletes the file invalidates everything in it.
#[test]
fn deleting_the_file_is_heard() {
    let (dir, space) = (Dir::new("watch-deleted"), space(None));
    let backend = opened(&dir.file(), &space);
    put(&backend, &space, 1).unwrap();
    let bell = Bell::watching(&backend, &space);
    std::fs::remove_file(dir.file()).unwrap();
    eventually("the deletion is heard", || bell.rung() > 0);
}

/// Beside gets that never pause, nobody reads what another process removed once the news of it is there.
#[test]
fn what_was_removed_is_gone_after_the_news() {
    if let Some(job) = job() {
        let space = Space::new("one");
        let backend = opened(Path::new(&job[0]), &space);
        say("ready");
        while heard().is_some() {
            backend.remove(&space, &1u64.to_le_bytes()).unwrap();
            say("done");
        }
        return;
    }
    let (dir, space) = (Dir::new("watch-busy"), Space::new("one"));
    let backend = opened(&dir.file(), &space);
    let bell = Bell::watching(&backend, &space);
    let mut worker =
        Worker::start("watching::what_was_removed_is_gone_after_the_news", &[dir.file().to_str().unwrap()]);
    worker.hear("ready");
    for round in 1..=setting("MEMOLITH_REMOVALS", 36) {
        put(&backend, &space, 1).unwrap();
        // The last news was a moment ago, and the next look is a beat later: the removal shall fall just before it.
        let (start, beat) = (Instant::now(), Duration::from_millis(40 + round % 12));
        while start.elapsed() < beat {
            assert!(has(&backend, &space, 1), "nobody has removed it yet");
        }
        worker.tell("remove");
        let start = Instant::now();
        // No pause: the reader is always in the middle of the few milliseconds that it keeps its transaction for.
        loop {
            let heard = bell.rung() == round;
            let found = has(&backend, &space, 1);
            assert!(!(heard && found), "removal {round} is heard of, and the entry still read");
            if heard {
                break;
            }
            assert!(start.elapsed() < Duration::from_secs(10), "removal {round} is not heard of");
        }
        worker.hear("done");
    }
    worker.end();
}

/// Whatever was in a file that is set aside is invalidated with it.
#[test]
fn setting_the_file_aside_is_heard() {
    let (dir, space) = (Dir::new("watch-aside"), space(None));
    let backend = opened(&dir.file(), &space);
    put(&backend, &space, 1).unwrap();
    let bell = Bell::watching(&backend, &space);
    eventually("the log is in the file", || number(&dir.file(), "PRAGMA wal_checkpoint(TRUNCATE)") == 0);
    // Overwritten in place: what is mapped must not become shorter.
    let mut file = std::fs::OpenOptions::new().write(true).open(dir.file()).unwrap();
    let length = file.metadata().unwrap().len();
    std::io::Write::write_all(&mut file, &vec![0xa5; length as usize]).unwrap();
    eventually("the file is set aside", || backend.get(&space, b"key", now()).is_ok_and(|found| found.is_none()));
    assert!(dir.names().iter().any(|name| name.contains(".corrupt-")), "{:?}", dir.names());
    eventually("the loss is heard of", || bell.rung() > 0);
}

/// A watcher may be dropped, and may drop the backend.
#[test]
fn watchers_come_and_go() {
    struct Last(std::sync::Mutex<Option<memolith_backends::Sqlite>>, Arc<AtomicU64>);
    impl Watch for Last {
        fn invalidated(&self) {
            drop(self.0.lock().unwrap().take());
            self.1.fetch_add(1, SeqCst);
        }
    }
    let (dir, space, rung) = (Dir::new("watch-drop"), space(None), Arc::new(AtomicU64::new(0)));
    let backend = opened(&dir.file(), &space);
    drop(Bell::watching(&backend, &space));
    let last: Arc<dyn Watch> = Arc::new(Last(std::sync::Mutex::new(Some(backend.clone())), rung.clone()));
    backend.watch(&space, Arc::downgrade(&last));
    backend.watch(&space, Weak::<Bell>::new());
    put(&backend, &space, 1).unwrap();
    drop(backend);
    std::fs::remove_file(dir.file()).unwrap();
    eventually("the last handle is dropped by its watcher", || rung.load(SeqCst) == 1);
}

/// Two caches of one space in one process are as far apart as two processes.
#[test]
fn others_of_this_process_are_heard() {
    let (dir, space) = (Dir::new("watch-own"), Space::new("one"));
    for file in [dir.file(), ":memory:".into()] {
        let backend = opened(&file, &space);
        let bells = [Bell::watching(&backend, &space), Bell::watching(&backend, &space)];
        backend.remove(&space, b"key").unwrap();
        assert_eq!(bells.each_ref().map(|bell| bell.rung()), [1, 1]);
        backend.clear(&space).unwrap();
        assert_eq!(bells.each_ref().map(|bell| bell.rung()), [2, 2]);
        let [one, other] = bells;
        drop(other);
        backend.clear(&space).unwrap();
        assert_eq!(one.rung(), 2, "whoever is alone knows");
    }
}
