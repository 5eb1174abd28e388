//! The files below some directories.

use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};
use std::time::{Duration, UNIX_EPOCH};

/// A file as the cache knows it.
pub(crate) struct File {
    pub(crate) path: PathBuf,
    pub(crate) length: u64,
    /// Since 1970.
    pub(crate) modified: Duration,
}

/// What was found, sorted by path, and what could not be read, each with the reason.
#[derive(Default)]
pub(crate) struct Files {
    pub(crate) found: Vec<File>,
    pub(crate) left_out: Vec<String>,
}

impl Files {
    /// All files below `roots`, but for those of the database `cache` itself:
    /// whoever opens and closes a file of SQLite's takes its locks away.
    pub(crate) fn below(roots: &[PathBuf], cache: &Path) -> Result<Files, String> {
        let mut files = Files::default();
        let cache = absolute(cache);
        for root in roots {
            let found = fs::canonicalize(root).and_then(|path| fs::metadata(&path).map(|kind| (path, kind)));
            let unread = |error| format!("{} cannot be read: {error}; name a directory that exists", root.display());
            let (path, kind) = found.map_err(unread)?;
            files.visit(path, &kind, &cache);
        }
        files.found.sort_by(|one, other| one.path.cmp(&other.path));
        Ok(files)
    }

    fn visit(&mut self, path: PathBuf, kind: &Metadata, cache: &Path) {
        if kind.is_file() && !belongs_to(&path, cache) {
            self.found.push(File { path, length: kind.len(), modified: modified(kind) });
        } else if kind.is_dir() && !path.join("CACHEDIR.TAG").exists() {
            self.visit_directory(&path, cache).unwrap_or_else(|error| self.leave_out(&path, &error));
        }
    }

    fn visit_directory(&mut self, directory: &Path, cache: &Path) -> io::Result<()> {
        for entry in fs::read_dir(directory)? {
            let path = entry?.path();
            match fs::symlink_metadata(&path) {
                Ok(kind) => self.visit(path, &kind, cache),
                Err(error) => self.leave_out(&path, &error),
            }
        }
        Ok(())
    }

    fn leave_out(&mut self, path: &Path, error: &io::Error) {
        self.left_out.push(format!("{}: {error}", path.display()));
    }
}

/// When a file was written last, since 1970; zero where nobody knows.
pub(crate) fn modified(kind: &Metadata) -> Duration {
    let since = kind.modified().ok().and_then(|time| time.duration_since(UNIX_EPOCH).ok());
    since.unwrap_or_default()
}

/// Whether `path` is the database or one of the files that SQLite keeps beside it.
fn belongs_to(path: &Path, database: &Path) -> bool {
    let names = path.file_name().zip(database.file_name());
    path.parent() == database.parent()
        && names.is_some_and(|(name, own)| name.as_encoded_bytes().starts_with(own.as_encoded_bytes()))
}

/// `path` in the form that the walk meets it in; the file itself need not exist.
fn absolute(path: &Path) -> PathBuf {
    let directory = path.parent().filter(|directory| !directory.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let directory = fs::canonicalize(directory).unwrap_or_else(|_| directory.to_path_buf());
    directory.join(path.file_name().unwrap_or_default())
}
