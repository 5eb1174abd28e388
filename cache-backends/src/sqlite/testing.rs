//! Files for unit tests.
#![expect(clippy::unwrap_used, reason = "tests")]

use super::database::Database;
use super::path::Place;
use super::words::Words;
use std::path::PathBuf;

/// A directory of a test's own with an empty file in it, removed when the test passes.
pub(super) struct Directory(PathBuf);

impl Directory {
    pub(super) fn new(name: &str) -> Directory {
        let path = std::env::temp_dir().join(format!("memolith-{name}-{}", std::process::id()));
        std::fs::create_dir_all(&path).unwrap();
        std::fs::write(path.join("cache.db"), b"").unwrap();
        Directory(path)
    }

    pub(super) fn place(&self) -> Place {
        Place::File(self.0.join("cache.db"))
    }

    /// Opens the file once more. Two databases stand for two processes: each is foreign to the other.
    pub(super) fn database(&self) -> Database {
        Database::open((&self.place(), Words::default())).unwrap()
    }
}

impl Drop for Directory {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            let _ = std::fs::remove_dir_all(&self.0);
        }
    }
}
