//! Two databases on one file stand for two processes: each has connections of its own, and is foreign to the other.
#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::sqlite::path::{Place, beside, private};
use crate::sqlite::testing::Directory;
use crate::sqlite::writer::Put;
use memolith_core::{Record, Space, Timestamp};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Instant;

#[derive(Default)]
struct Bell(AtomicU64, AtomicU64);

impl Watch for Bell {
    fn invalidated(&self) {
        self.0.fetch_add(1, SeqCst);
    }

    fn taken_back(&self) {
        self.1.fetch_add(1, SeqCst);
    }
}

fn put(database: &Database, space: &Space) {
    let record = Record { value: b"value".to_vec(), expires: Timestamp::NEVER };
    database.put(Put { space, entries: &[(b"key", &record)], now: Timestamp::from_micros(1) }).unwrap();
}

fn watch(watchers: &Watchers, space: &Space) -> Arc<Bell> {
    let bell = Arc::new(Bell::default());
    let told: Arc<dyn Watch> = bell.clone();
    watchers.add((&space.name, Some(0)), Arc::downgrade(&told));
    bell
}

/// A get that begins after the news reads what is there now, however short ago its reader began.
#[test]
fn what_was_removed_is_not_read_after_the_news() {
    let (directory, space, watchers) = (Directory::new("news"), Space::new("one"), Watchers::default());
    let (ours, theirs) = (directory.database(), directory.database());
    put(&ours, &space);
    let bell = watch(&watchers, &space);
    // The clock of the gets stands still: no reader begins anew because of its age.
    let at = Instant::now();
    let get = || ours.get(&space, b"key", (Timestamp::from_micros(1), at)).unwrap();
    assert!(get().is_some(), "a reader holds a transaction");
    theirs.write(|writer| writer.remove(&space, b"key")).unwrap();
    watchers.look(&ours).unwrap();
    assert_eq!(bell.0.load(SeqCst), 1, "the removal is heard of");
    assert!(get().is_none(), "what another process removed is read after the news of it");
}

/// One space that cannot be looked at keeps no news of the others back, and is looked at again.
#[test]
fn a_look_that_fails_swallows_nothing() {
    let (directory, watchers) = (Directory::new("swallowed"), Watchers::default());
    let (ours, theirs) = (directory.database(), directory.database());
    let [first, second, third] = ["first", "second", "third"].map(Space::new);
    [&first, &second, &third].into_iter().for_each(|space| put(&ours, space));
    let bells = [&first, &second, &third].map(|space| watch(&watchers, space));
    let generation = |value: &str| {
        let sql = format!("UPDATE spaces SET generation = {value} WHERE name = 'second'");
        theirs.write(|writer| writer.connection.execute_batch(&sql)).unwrap();
    };
    generation("'no number'");
    theirs.write(|writer| writer.remove(&first, b"key")).unwrap();
    theirs.write(|writer| writer.remove(&third, b"key")).unwrap();
    watchers.look(&ours).unwrap_err();
    generation("7");
    watchers.look(&ours).unwrap();
    assert_eq!(bells.map(|bell| bell.0.load(SeqCst)), [1, 1, 1], "each is told once");
}

/// What is taken back is told as that, whether there is a word or not; of both a removal counts.
#[test]
fn what_is_taken_back_is_told_apart() {
    let (directory, space, watchers) = (Directory::new("back"), Space::new("one"), Watchers::default());
    let (ours, theirs) = (directory.database(), directory.database());
    put(&ours, &space);
    let bell = watch(&watchers, &space);
    let take_back = || theirs.write(|writer| writer.take_back(&space, b"key", None)).unwrap();
    let rung = |removed, taken_back| {
        watchers.look(&ours).unwrap();
        assert_eq!((bell.0.swap(0, SeqCst), bell.1.swap(0, SeqCst)), (removed, taken_back));
    };
    assert!(take_back());
    rung(0, 1);
    assert!(!take_back());
    theirs.write(|writer| writer.remove(&space, b"key")).unwrap();
    rung(1, 0);
    rung(0, 0);
}

/// What its word has told a watcher is not told by the look too; what nobody told is.
#[cfg(target_os = "linux")]
#[test]
fn what_the_word_has_told_is_not_told_again() {
    let (directory, space, watchers) = (Directory::new("told"), Space::new("one"), Watchers::default());
    let Place::File(path) = directory.place() else { panic!("a directory is on a disk") };
    let words = Words::of(&private(&beside(&path, ".lock")).unwrap());
    let (ours, theirs) = (directory.database(), directory.database());
    put(&ours, &space);
    let bell = watch(&watchers, &space);
    watchers.follow(&words);
    let word = words.word(&space.name).unwrap();
    let remove = || theirs.write(|writer| writer.remove(&space, b"key")).unwrap();
    let mut rung = 0;
    // Removals of another process, how often it raised the word, and whether that is too few.
    for (removals, raised, rings) in [(1, 1, 0), (2, 2, 0), (1, 0, 1), (2, 1, 1), (0, 3, 0), (1, 0, 1), (1, 5, 0)] {
        (0..removals).for_each(|_| _ = remove());
        word.fetch_add(raised * REMOVED.cast_unsigned(), SeqCst);
        watchers.look(&ours).unwrap();
        rung += rings;
        assert_eq!(bell.0.load(SeqCst), rung, "{removals} removals, {raised} times raised");
    }
    // Our own: the cache that removes raises the word a moment later.
    ours.write_then(|writer| writer.remove(&space, b"key"), || _ = watchers.own(&space.name, REMOVED)).unwrap();
    watchers.look(&ours).unwrap();
    word.fetch_add(REMOVED.cast_unsigned(), SeqCst);
    watchers.look(&ours).unwrap();
    assert_eq!(bell.0.load(SeqCst), rung, "one's own");
    remove();
    watchers.look(&ours).unwrap();
    assert_eq!(bell.0.load(SeqCst), rung + 1, "what comes after is told");
    // Who was killed when it had removed, and before it told those who read meanwhile.
    remove();
    word.fetch_add(1, SeqCst);
    watchers.look(&ours).unwrap();
    assert_eq!((bell.0.load(SeqCst), bell.1.load(SeqCst)), (rung + 1, 1), "its writers have heard, its readers not");
    // Whatever a damaged file says, what nobody told is told.
    for strange in [u64::MAX, 0, 1 << 63] {
        word.store(strange, SeqCst);
        remove();
        watchers.look(&ours).unwrap();
        remove();
        watchers.look(&ours).unwrap();
    }
    assert!(bell.0.load(SeqCst) > rung + 3, "{} times", bell.0.load(SeqCst));
}
