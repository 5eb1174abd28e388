//! What a forked process does with a database of its parent.
#![expect(clippy::unwrap_used, reason = "tests")]

use super::*;
use crate::sqlite::connect::failure;
use crate::sqlite::testing::Directory;
use rusqlite::ffi;

fn inherited(directory: &Directory) -> (Store, Arc<Database>) {
    let store = Store::new(directory.place());
    let database = Arc::new(Database::inherited(&directory.place()).unwrap());
    store.state.write().database = Some(Kept(database.clone()));
    (store, database)
}

/// What it reads without its parent's locks may look like damage, and is none.
#[test]
fn a_fork_sets_nothing_aside() {
    let directory = Directory::new("fork-aside");
    let (store, database) = inherited(&directory);
    let error = store.with(|_, _| -> rusqlite::Result<()> { Err(failure(ffi::SQLITE_CORRUPT, "torn")) }).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert_eq!(directory.place().identity(), database.source().identity(), "the file is where it was");
    assert!(store.state.read().open().is_some_and(|open| Arc::ptr_eq(open, &database)), "and is not opened again");
}

/// Closing would let go of what the parent holds.
#[test]
fn a_fork_closes_nothing() {
    let directory = Directory::new("fork-close");
    let (store, database) = inherited(&directory);
    let alive = Arc::downgrade(&database);
    drop((store, database));
    assert_eq!(alive.strong_count(), 1, "handles that keep the inherited connections open");

    let store = Store::new(directory.place());
    let alive = Arc::downgrade(&store.database(Instant::now()).unwrap());
    drop(store);
    assert_eq!(alive.strong_count(), 0, "one of this process is closed");
}
