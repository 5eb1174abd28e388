//! Files of other versions and of other programs.

use crate::support::*;
use memolith_core::{Backend, ErrorKind, Space};
use rusqlite::Connection;

/// The second version is a file without the tables of the third.
const SECOND: &str = "DROP TABLE tags;
    DROP TABLE tag_state;
    PRAGMA user_version = 2;";

/// The first version is a file without the columns and the index of the second.
const FIRST: &str = "DROP TABLE tags;
    DROP TABLE tag_state;
    DROP INDEX by_expiry;
    ALTER TABLE spaces DROP COLUMN generation;
    ALTER TABLE spaces DROP COLUMN used;
    PRAGMA user_version = 1;";

/// A file of an older version keeps its entries, and does all that a new one does.
#[test]
fn an_older_file_is_migrated() {
    for older in [FIRST, SECOND] {
        let (dir, space) = (Dir::new("older"), space(Some(50)));
        let backend = opened(&dir.file(), &space);
        (0..60).for_each(|key| put(&backend, &space, key).unwrap());
        drop(backend);
        Connection::open(dir.file()).unwrap().execute_batch(older).unwrap();
        let backend = opened(&dir.file(), &space);
        assert_eq!((10..60).filter(|key| has(&backend, &space, *key)).count(), 50, "the entries are there");
        put(&backend, &space, 100).unwrap();
        assert_eq!(backend.len(&space).unwrap(), 50, "the bound holds");
        assert!(backend.remove(&space, &100u64.to_le_bytes()).unwrap(), "what only the second version knows works");
        let before = backend.tags(&[b"tag"]).unwrap();
        let after = backend.invalidate_tags(&[b"tag"]).unwrap();
        assert!(after.clock > before.clock && after.epoch == before.epoch, "what only the third knows works");
        assert_eq!(number(&dir.file(), "PRAGMA user_version"), 3);
    }
}

/// Several processes may find the older file at once.
#[test]
fn an_older_file_is_migrated_once() {
    if let Some(job) = job() {
        say("ready");
        heard();
        let space = space(Some(50));
        let backend = opened(std::path::Path::new(&job[0]), &space);
        assert_eq!((10..60).filter(|key| has(&backend, &space, *key)).count(), 50);
        return;
    }
    let (dir, space) = (Dir::new("older-once"), space(Some(50)));
    let backend = opened(&dir.file(), &space);
    (0..60).for_each(|key| put(&backend, &space, key).unwrap());
    drop(backend);
    Connection::open(dir.file()).unwrap().execute_batch(FIRST).unwrap();
    let start = |_| Worker::start("schema::an_older_file_is_migrated_once", &[dir.file().to_str().unwrap()]);
    let mut workers: Vec<Worker> = (0..4).map(start).collect();
    workers.iter_mut().for_each(|worker| drop(worker.hear("ready")));
    workers.iter_mut().for_each(|worker| worker.tell("go"));
    workers.into_iter().for_each(Worker::end);
    assert_eq!(integrity(&dir.file()), "ok");
}

/// A file of a newer version, or a database of another program, is refused and stays as it is.
#[test]
fn newer_and_foreign_databases_are_refused() {
    let newer = "PRAGMA user_version = 99";
    let foreign = "PRAGMA application_id = 0; PRAGMA user_version = 0; CREATE TABLE accounts(balance)";
    let claimed = "PRAGMA application_id = 7";
    for sql in [newer, foreign, claimed] {
        let (dir, space) = (Dir::new("refused"), space(None));
        put(&opened(&dir.file(), &space), &space, 1).unwrap();
        Connection::open(dir.file()).unwrap().execute_batch(sql).unwrap();
        let before = std::fs::read(dir.file()).unwrap();
        let backend = memolith_backends::Sqlite::open(dir.file()).unwrap();
        let error = put(&backend, &space, 2).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{sql}: {error}");
        assert!(error.to_string().contains("name another path"), "{sql}: {error}");
        assert!(backend.get(&space, b"key", now()).is_err(), "{sql}");
        drop(backend);
        assert_eq!(std::fs::read(dir.file()).unwrap(), before, "{sql}: the file stays as it is");
        assert!(!dir.names().iter().any(|name| name.contains("corrupt")), "{sql}: {:?}", dir.names());
    }
}

/// Spaces that nobody opened for ninety days are reclaimed in steps; those in use stay.
#[test]
fn unused_spaces_are_reclaimed() {
    let (dir, old, new) = (Dir::new("unused"), Space::new("area@1"), Space::new("area@2"));
    let backend = opened(&dir.file(), &old);
    let entries: Vec<_> = (0..2_500u64).map(|key| (key.to_le_bytes().to_vec(), record(sealed(key, 1)))).collect();
    backend.put_many(&old, &entries, now()).unwrap();
    Backend::open(&backend, &new).unwrap();
    put(&backend, &new, 1).unwrap();
    drop(backend);
    let days = |days: i64| {
        let sql = format!("UPDATE spaces SET used = unixepoch() - 86400 * {days} WHERE name = 'area@1'");
        Connection::open(dir.file()).unwrap().execute_batch(&sql).unwrap();
    };
    days(89);
    let backend = opened(&dir.file(), &new);
    assert_eq!(number(&dir.file(), "SELECT count(*) FROM entries"), 2_501, "after 89 days all are there");
    days(91);
    let mut left = vec![];
    for _ in 0..5 {
        Backend::open(&backend, &new).unwrap();
        left.push(number(&dir.file(), "SELECT count(*) FROM entries"));
    }
    assert_eq!(left, [1_501, 501, 1, 1, 1], "entries after each opening of another space");
    assert_eq!(number(&dir.file(), "SELECT count(*) FROM spaces"), 1, "its name is gone as well");
    assert!(has(&backend, &new, 1), "the space in use is not touched");
    put(&backend, &old, 7).unwrap();
    assert!(has(&backend, &old, 7) && backend.len(&old).unwrap() == 1, "a reclaimed space can be used again");
}

/// A space that was last used before this format was, as a clock that was not set yet says, is in use now.
#[test]
fn a_clock_that_was_not_set_reclaims_nothing() {
    let (dir, old, new) = (Dir::new("clock"), Space::new("area@1"), Space::new("area@2"));
    let backend = opened(&dir.file(), &old);
    put(&backend, &old, 1).unwrap();
    drop(backend);
    let set = |sql: &str| Connection::open(dir.file()).unwrap().execute_batch(sql).unwrap();
    set("UPDATE spaces SET used = 1000 WHERE name = 'area@1'");
    let backend = opened(&dir.file(), &new);
    Backend::open(&backend, &new).unwrap();
    assert!(has(&backend, &old, 1), "it is kept, though last used in 1970");
    let age = number(&dir.file(), "SELECT unixepoch() - used FROM spaces WHERE name = 'area@1'");
    assert!((0..60).contains(&age), "its days are counted from now on: {age} s");
}
