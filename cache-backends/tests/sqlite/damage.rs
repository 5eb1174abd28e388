//! Files that are not what was written.

use crate::support::*;
use memolith_core::{Backend, ErrorKind, Record, Visit};
use rusqlite::Connection;
use std::path::Path;

const ROWS: u64 = 200;

/// Files with flipped bits, zeroed sectors, swapped pages, cut ends and swapped rows, and damaged logs: nothing is
/// answered but what was put, nothing panics, and after a few errors all works again.
#[test]
fn damage_is_a_miss() {
    if let Some(job) = job() {
        return fill_and_wait(Path::new(&job[0]));
    }
    let dir = Dir::new("damage");
    // A writer that is killed leaves a log.
    let mut worker = Worker::start("damage::damage_is_a_miss", &[dir.file().to_str().unwrap()]);
    worker.hear("ready");
    worker.kill();
    let (file, log) = (std::fs::read(dir.file()).unwrap(), std::fs::read(beside(&dir.file(), "-wal")).unwrap());
    assert!(log.len() > 4096, "a log of {} bytes is left", log.len());
    let mut draw = Draw(0x5eed_5eed);
    let (mut right, mut aside) = (0, 0);
    for i in 0..setting("MEMOLITH_DAMAGE", 200) {
        let copy = Dir::new("damaged");
        let (mut file, mut log) = (file.clone(), log.clone());
        let victim = if i % 3 == 0 { &mut log } else { &mut file };
        damage(victim, &mut draw, i % 5);
        std::fs::write(copy.file(), &file).unwrap();
        std::fs::write(beside(&copy.file(), "-wal"), &log).unwrap();
        if i % 5 == 4 {
            swap_rows(&copy.file());
        }
        right += survive(&copy, i);
        aside += copy.names().iter().filter(|name| name.contains(".corrupt-") && !name.ends_with("-wal")).count();
    }
    assert!(right > 0 && aside > 0, "{right} rows were right, {aside} files were set aside: nothing was tested");
}

fn fill_and_wait(path: &Path) {
    let space = space(Some(1_000));
    let backend = opened(path, &space);
    for key in 0..ROWS {
        put(&backend, &space, key).unwrap();
    }
    backend.flush().unwrap();
    for key in 0..ROWS / 2 {
        put(&backend, &space, key).unwrap();
    }
    say("ready");
    heard();
}

fn damage(bytes: &mut Vec<u8>, draw: &mut Draw, kind: u64) {
    let length = bytes.len() as u64;
    let mut place = |step: usize| draw.below(length) as usize / step * step;
    match kind {
        0 => {
            for _ in 0..8 {
                let at = place(1);
                bytes[at] ^= 1 << (at % 8);
            }
        }
        1 => {
            let at = place(512);
            let end = bytes.len().min(at + 512);
            bytes[at..end].fill(0);
        }
        2 => {
            let at = place(1);
            bytes.truncate(at);
        }
        3 => {
            let (one, other) = (place(4096), place(4096));
            if one.max(other) + 4096 <= bytes.len() {
                for i in 0..4096 {
                    bytes.swap(one + i, other + i);
                }
            }
        }
        _ => {}
    }
}

/// Gives rows the values of others, as somebody with an editor could.
fn swap_rows(path: &Path) {
    let connection = Connection::open(path).unwrap();
    // The file may be damaged already; then there is no need for more.
    let _ = connection.execute_batch(
        "UPDATE entries SET value = (SELECT value FROM entries other WHERE other.id < entries.id ORDER BY id DESC LIMIT 1)
         WHERE id % 3 = 0 AND id > (SELECT min(id) FROM entries)",
    );
}

/// Uses a damaged file; returns how many rows were still right.
fn survive(copy: &Dir, i: u64) -> u64 {
    let space = space(Some(1_000));
    let backend = memolith_backends::Sqlite::open(copy.file()).unwrap();
    let mut right = 0;
    for key in 0..ROWS {
        match backend.get(&space, &key.to_le_bytes(), now()) {
            // What does not pass its check is a miss, as the envelope of the cache makes it.
            Ok(Some(record)) if is_right(key, &record.value) => right += 1,
            Ok(_) => {}
            Err(error) => {
                let expected = matches!(error.kind(), ErrorKind::Damaged | ErrorKind::Unavailable);
                assert!(expected, "copy {i}: {error:?}");
            }
        }
    }
    // Wherever the damage is, it is out of the way after a few operations that met it.
    let works = (0..20).any(|_| {
        put(&backend, &space, 7_777).is_ok()
            && backend.get(&space, &7_777u64.to_le_bytes(), now()).is_ok_and(|got| got.is_some())
    });
    if !works {
        eventually("a damaged file is replaced", || {
            put(&backend, &space, 7_777).is_ok() && has(&backend, &space, 7_777)
        });
    }
    right
}

/// What is no database is set aside as it is, and a new file takes its place.
#[test]
fn foreign_files_are_set_aside() {
    let text = b"not a database but a text that is longer than the header of one, which is a hundred bytes, as this is"
        .to_vec();
    for bytes in [text, vec![0xa5; 8192], b"SQLite f".to_vec()] {
        let (dir, space) = (Dir::new("foreign"), space(None));
        std::fs::write(dir.file(), &bytes).unwrap();
        let backend = memolith_backends::Sqlite::open(dir.file()).unwrap();
        let error = put(&backend, &space, 1).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Damaged, "{error}");
        put(&backend, &space, 1).unwrap();
        assert!(has(&backend, &space, 1), "the new file is used at once");
        let aside: Vec<String> = dir.names().into_iter().filter(|name| name.contains(".corrupt-")).collect();
        assert_eq!(aside.len(), 1, "one file is set aside: {aside:?}");
        assert!(error.to_string().contains(&aside[0]), "the error says where it is: {error}");
        assert_eq!(std::fs::read(dir.0.join(&aside[0])).unwrap(), bytes, "it is set aside as it was");
    }
}

/// An empty file is no damage.
#[test]
fn an_empty_file_is_used() {
    let (dir, space) = (Dir::new("empty"), space(None));
    std::fs::write(dir.file(), b"").unwrap();
    put(&opened(&dir.file(), &space), &space, 1).unwrap();
    assert!(!dir.names().iter().any(|name| name.contains("corrupt")), "{:?}", dir.names());
}

/// Two processes that find the same damage set it aside once.
#[test]
fn two_processes_set_aside_once() {
    if let Some(job) = job() {
        let (backend, space) = (memolith_backends::Sqlite::open(&job[0]).unwrap(), space(None));
        say("ready");
        heard();
        let key = u64::from(std::process::id());
        eventually("the file is usable", || put(&backend, &space, key).is_ok());
        eventually("what was put is there", || has(&backend, &space, key));
        return;
    }
    for _ in 0..5 {
        let dir = Dir::new("twice");
        std::fs::write(dir.file(), vec![0xa5; 8192]).unwrap();
        let start = |_| Worker::start("damage::two_processes_set_aside_once", &[dir.file().to_str().unwrap()]);
        let mut workers: Vec<Worker> = (0..3).map(start).collect();
        workers.iter_mut().for_each(|worker| drop(worker.hear("ready")));
        workers.iter_mut().for_each(|worker| worker.tell("go"));
        workers.into_iter().for_each(Worker::end);
        let aside = dir.names().into_iter().filter(|name| name.contains(".corrupt-")).collect::<Vec<_>>();
        assert_eq!(aside.len(), 1, "set aside: {aside:?}");
        let rows = number(&dir.file(), "SELECT count(*) FROM entries");
        assert_eq!(rows, 3, "each process's entry is in the one new file");
    }
}

fn beside(path: &Path, end: &str) -> std::path::PathBuf {
    format!("{}{end}", path.display()).into()
}

/// A row whose values are of the wrong kind is passed over, and the rest is shown.
#[test]
fn a_damaged_row_ends_no_scan() {
    let (dir, space) = (Dir::new("row"), space(None));
    let backend = opened(&dir.file(), &space);
    (0..4).for_each(|key| put(&backend, &space, key).unwrap());
    let damages = ["key = 'text'", "value = 7", "expires = 'never'"];
    for (row, damage) in damages.iter().enumerate() {
        let sql = format!("UPDATE entries SET {damage} WHERE id = (SELECT id FROM entries LIMIT 1 OFFSET {row})");
        Connection::open(dir.file()).unwrap().execute_batch(&sql).unwrap();
    }
    let mut shown = 0;
    let mut visit = |_: &[u8], _: &Record| {
        shown += 1;
        Visit::Remove
    };
    backend.scan(&space, now(), &mut visit).unwrap();
    assert_eq!(shown, 1, "rows that are as they were put");
    backend.clear(&space).unwrap();
    assert_eq!(number(&dir.file(), "SELECT count(*) FROM entries"), 0);
}
