//! Several handles, several processes, and a file that somebody deletes.

use crate::support::{Dir, at, eventually, has, open, put, record, space, value};
use memolith_backends::Shared;
use memolith_core::{Backend, Cache, ErrorKind, Policy, Postcard, Space, Timestamp, Watch};
use std::process::Command;
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::sync::{Arc, Mutex, Weak};
use std::time::{SystemTime, UNIX_EPOCH};

fn shared_space() -> Space {
    space("shared", Some(5_000), Policy::Lru)
}

/// A time that moves on, by which the place is looked at.
fn now() -> Timestamp {
    Timestamp::from_micros(SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_micros() as u64)
}

/// Runs a test of this program in a process of its own; `dir` says that it is the child.
fn child(test: &str, dir: &Dir) {
    let program = std::env::current_exe().unwrap();
    let output =
        Command::new(program).args(["--exact", test, "--nocapture"]).env("MEMOLITH_TEST_DIR", &dir.0).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn what_one_process_puts_another_gets() {
    if let Some(dir) = std::env::var_os("MEMOLITH_TEST_DIR") {
        let region = Shared::open(std::path::Path::new(&dir).join("region")).unwrap();
        assert!((0..1_000).all(|key| has(&region, &shared_space(), key, 50, 1)), "put by the parent");
        (1_000..2_000).for_each(|key| put(&region, &shared_space(), key, 50, 1));
        region.remove(&shared_space(), &5_u64.to_le_bytes()).unwrap();
        assert_eq!(region.info().spaces.len(), 1);
        return;
    }
    let dir = Dir::new("processes");
    let region = dir.region(16);
    open(&region, &shared_space());
    (0..1_000).for_each(|key| put(&region, &shared_space(), key, 50, 0));
    child("sharing::what_one_process_puts_another_gets", &dir);
    assert!((1_000..2_000).all(|key| has(&region, &shared_space(), key, 50, 2)), "put by the child");
    assert!(!has(&region, &shared_space(), 5, 50, 2), "removed by the child");
    let info = region.info();
    assert_eq!((info.hits, info.misses), (2_000, 1), "hits of a process that has ended count");
    assert_eq!(info.entries, 1_999);
    drop(region);
    let again = Shared::open(dir.file()).unwrap();
    assert_eq!(again.len(&shared_space()).unwrap(), 1_999, "nobody has it open, and it is there");
    assert_eq!(again.info().capacity, info.capacity, "who makes it says how large it is");
}

#[test]
fn what_another_process_removes_is_not_served_from_memory() {
    let cache = |place: &std::path::Path| -> Cache<u64, u64> {
        Cache::builder().maxsize(None).backend(Shared::sized(place, 4 << 20), "f", Postcard).build()
    };
    if let Some(dir) = std::env::var_os("MEMOLITH_TEST_DIR") {
        assert!(cache(&std::path::Path::new(&dir).join("region")).remove(&1).unwrap());
        return;
    }
    let dir = Dir::new("coherence");
    let ours = cache(&dir.file());
    (1..3).for_each(|key| ours.insert(key, key * 7));
    assert_eq!((ours.get(&1), ours.get(&2), ours.info().backend_hits), (Some(7), Some(14), 0), "from memory");
    child("sharing::what_another_process_removes_is_not_served_from_memory", &dir);
    assert_eq!((ours.get(&1), ours.get(&2), ours.info().backend_hits), (None, Some(14), 1), "memory was dropped");
}

/// Counts what it hears.
#[derive(Default)]
struct Listener {
    told: AtomicU64,
    word: Mutex<Option<&'static AtomicU64>>,
}

impl Watch for Listener {
    fn invalidated(&self) {
        self.told.fetch_add(1, SeqCst);
    }

    fn follow(&self, word: &'static AtomicU64) {
        *self.word.lock().unwrap() = Some(word);
    }
}

#[test]
fn a_deleted_file_is_noticed_and_made_again() {
    let dir = Dir::new("deleted");
    let region = dir.region(4);
    let space = shared_space();
    open(&region, &space);
    let listener = Arc::new(Listener::default());
    let told: Weak<Listener> = Arc::downgrade(&listener);
    region.watch(&space, told);
    let first = listener.word.lock().unwrap().expect("a word is there to be followed");
    region.put(&space, b"key", &record(*b"value"), now()).unwrap();
    std::fs::remove_file(dir.file()).unwrap();
    eventually("the old file is given up", || region.get(&space, b"key", now()).unwrap().is_none());
    assert!(dir.file().exists());
    assert_eq!(listener.told.load(SeqCst), 1, "what is in memory may be what another process has removed since");
    let second = listener.word.lock().unwrap().expect("a word is there to be followed");
    assert!(!std::ptr::eq(first, second), "the word of the new file");
    region.put(&space, b"key", &record(*b"other"), now()).unwrap();
    assert_eq!(region.get(&space, b"key", now()).unwrap().map(|record| record.value), Some(b"other".to_vec()));
}

#[test]
fn a_file_of_something_else_is_not_replaced() {
    let dir = Dir::new("stranger");
    let database = [b"SQLite format 3\0".to_vec(), vec![7; 8192 - 16]].concat();
    std::fs::write(dir.file(), &database).unwrap();
    std::fs::set_permissions(dir.file(), std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    let refused = Shared::open(dir.file()).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Config);
    assert!(refused.to_string().contains("remove it"), "{refused}");
    assert_eq!(std::fs::read(dir.file()).unwrap(), database);
}

#[test]
fn removing_says_whether_there_was_something_live() {
    let dir = Dir::new("remove");
    let region = dir.region(4);
    open(&region, &shared_space());
    let record = |expires| memolith_core::Record { value: b"value".to_vec(), expires };
    region.put(&shared_space(), b"past", &record(at(0)), now()).unwrap();
    region.put(&shared_space(), b"live", &record(Timestamp::NEVER), now()).unwrap();
    assert!(!region.remove(&shared_space(), b"past").unwrap());
    assert!(region.remove(&shared_space(), b"live").unwrap());
    assert_eq!(region.len(&shared_space()).unwrap(), 0);
}

#[test]
fn a_place_that_is_away_is_tried_again() {
    let dir = Dir::new("away");
    let region = dir.region(4);
    open(&region, &shared_space());
    std::fs::remove_dir_all(&dir.0).unwrap();
    eventually("it is noticed", || region.get(&shared_space(), b"key", now()).is_err());
    let error = region.put(&shared_space(), b"key", &record(*b"value"), now()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable);
    std::fs::create_dir_all(&dir.0).unwrap();
    eventually("it is there again", || region.put(&shared_space(), b"key", &record(*b"value"), now()).is_ok());
    assert!(region.get(&shared_space(), b"key", now()).unwrap().is_some());
}

#[test]
fn two_handles_of_one_process_are_one() {
    let dir = Dir::new("handles");
    let (one, other) = (dir.region(4), dir.region(8));
    open(&one, &shared_space());
    put(&one, &shared_space(), 1, 40, 0);
    assert!(has(&other, &shared_space(), 1, 40, 0));
    assert_eq!(one.info(), other.info());
}

#[test]
fn an_expired_entry_is_gone_at_once() {
    let dir = Dir::new("expired");
    let region = dir.region(4);
    open(&region, &shared_space());
    let record = memolith_core::Record { value: b"brief".to_vec(), expires: at(10) };
    region.put(&shared_space(), b"key", &record, at(0)).unwrap();
    let just_before = Timestamp::from_micros(at(10).as_micros() - 1);
    assert_eq!(region.get(&shared_space(), b"key", just_before).unwrap(), Some(record));
    assert_eq!(region.get(&shared_space(), b"key", at(10)).unwrap(), None);
}

#[test]
fn threads_read_and_write_side_by_side() {
    let dir = Dir::new("threads");
    let region = dir.region(4);
    let space = space("threads", Some(3_000), Policy::Lru);
    open(&region, &space);
    std::thread::scope(|scope| {
        for thread in 0..4_u64 {
            let (region, space) = (&region, &space);
            scope.spawn(move || {
                let mut state = thread + 1;
                for _ in 0..30_000 {
                    state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                    let key = (state >> 33) % 6_000;
                    // `has` compares every byte: the length goes with the key.
                    let length = (key % 900) as usize;
                    if !has(region, space, key, length, 0) {
                        // A thread that has lost its processor may hold the lock for longer than anybody waits.
                        let put = region.put(space, &key.to_le_bytes(), &record(value(key, length)), at(0));
                        assert!(put.is_ok() || put.is_err_and(|error| error.kind() == ErrorKind::Busy));
                    }
                }
            });
        }
    });
    assert!(region.len(&space).unwrap() <= 3_000);
    let mut seen = 0;
    let mut count = |_: &[u8], _: &memolith_core::Record| {
        seen += 1;
        memolith_core::Visit::Keep
    };
    region.scan(&space, at(0), &mut count).unwrap();
    assert_eq!(seen, region.len(&space).unwrap(), "the books count what is there");
}

#[test]
fn what_was_removed_is_not_served() {
    let dir = Dir::new("removed");
    let region = dir.region(4);
    open(&region, &shared_space());
    let removed = AtomicU64::new(0);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for version in 1..60_000_u64 {
                let record = record(version.to_le_bytes());
                while region.put(&shared_space(), b"key", &record, at(0)).is_err() {}
                assert!(region.remove(&shared_space(), b"key").is_ok());
                removed.store(version, SeqCst);
            }
            removed.store(u64::MAX, SeqCst);
        });
        loop {
            let before = removed.load(SeqCst);
            if before == u64::MAX {
                break;
            }
            if let Some(found) = region.get(&shared_space(), b"key", at(0)).unwrap() {
                let found = u64::from_le_bytes(found.value.try_into().unwrap());
                assert!(found > before, "version {found} is served, and {before} was removed before it was asked for");
            }
        }
    });
}

#[test]
fn a_removal_never_misses_a_file_that_was_replaced() {
    let dir = Dir::new("replaced");
    let region = dir.region(4);
    open(&region, &shared_space());
    assert!(region.get(&shared_space(), b"key", now()).unwrap().is_none(), "it was looked for just now");
    std::fs::remove_file(dir.file()).unwrap();
    dir.copy_of_a_region_with(&shared_space(), b"key");
    assert!(region.remove(&shared_space(), b"key").unwrap());
    assert!(region.get(&shared_space(), b"key", now()).unwrap().is_none());
}

#[test]
fn another_version_of_the_library_takes_the_place_and_not_the_region() {
    let dir = Dir::new("version");
    let region = dir.region(4);
    open(&region, &shared_space());
    region.put(&shared_space(), b"key", &record(*b"value"), now()).unwrap();
    let other = [b"memolith".to_vec(), 1_000_u64.to_ne_bytes().to_vec(), vec![0; 4080]].concat();
    let made = dir.0.join("made");
    std::fs::write(&made, &other).unwrap();
    std::fs::set_permissions(&made, std::os::unix::fs::PermissionsExt::from_mode(0o600)).unwrap();
    std::fs::rename(&made, dir.file()).unwrap();
    // A removal looks at the place.
    assert!(!region.remove(&shared_space(), b"none").unwrap());
    assert!(region.get(&shared_space(), b"key", now()).unwrap().is_some(), "who has it open goes on with it");
    assert_eq!(std::fs::read(dir.file()).unwrap(), other, "and does not replace the other's");
}

#[test]
fn a_place_that_cannot_be_is_refused_with_a_word_what_to_do() {
    for (place, word) in
        [("a\0b", "name"), ("..", "name"), (".hidden", "name"), ("/", "name"), ("/dev/null/x", "directory")]
    {
        let refused = Shared::open(place).unwrap_err().to_string();
        assert!(refused.contains(word), "{place:?}: {refused}");
    }
    let dir = Dir::new("size");
    let refused = Shared::sized(dir.file(), 1_000).unwrap_err().to_string();
    assert!(refused.contains("1 MiB"), "{refused}");
}
