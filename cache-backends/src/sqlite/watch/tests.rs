//! Two databases on one file stand for two processes: each has connections of its own, and is foreign to the other.
#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::sqlite::testing::Directory;
use crate::sqlite::writer::Put;
use memolith_core::{Record, Space, Timestamp};
use std::sync::atomic::{AtomicU64, Ordering::SeqCst};
use std::time::Instant;

#[derive(Default)]
struct Bell(AtomicU64);

impl Watch for Bell {
    fn invalidated(&self) {
        self.0.fetch_add(1, SeqCst);
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
