//! The directory of a run: the region and the notes of those who use it.

use crate::{Options, Outcome, because};
use std::fs;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

/// How the directories of runs are called, before the number of the process.
const PREFIX: &str = "memolith-torment-";

/// A directory of our own that is removed in the end.
#[derive(Debug)]
pub(crate) struct Site {
    root: PathBuf,
    ours: Ours,
}

/// Whether a process made the directory, and so removes it.
#[derive(Debug, PartialEq, Eq)]
enum Ours {
    Made,
    Joined,
}

impl Site {
    /// A fresh directory below `--dir`, or in shared memory, or where temporary files go.
    pub(crate) fn new(options: &Options) -> Outcome<Site> {
        let parent = match options.text("dir") {
            Some(path) => PathBuf::from(path),
            None if Path::new("/dev/shm").is_dir() => PathBuf::from("/dev/shm"),
            None => std::env::temp_dir(),
        };
        static MADE: AtomicU64 = AtomicU64::new(0);
        let number = MADE.fetch_add(1, Ordering::Relaxed);
        forget_the_dead(&parent);
        let root = parent.join(format!("{PREFIX}{}-{number}", std::process::id()));
        let site = Site { root, ours: Ours::Made };
        site.renew()?;
        Ok(site)
    }

    /// The directory that the parent made.
    pub(crate) fn join(options: &Options) -> Outcome<Site> {
        let root = options.text("site").ok_or("a child is told its `--site`")?;
        Ok(Site { root: root.into(), ours: Ours::Joined })
    }

    /// Starts over with empty directories.
    pub(crate) fn renew(&self) -> Outcome {
        let _ = fs::remove_dir_all(&self.root);
        let mut builder = fs::DirBuilder::new();
        builder.recursive(true).mode(0o700);
        builder.create(self.root.join("shared")).map_err(because("the directory of the run cannot be made"))
    }

    pub(crate) fn root(&self) -> &Path {
        &self.root
    }

    /// Where the region lies, alone in its directory.
    pub(crate) fn region(&self) -> PathBuf {
        self.root.join("shared/region")
    }

    /// Versions and counts.
    pub(crate) fn ledger(&self) -> PathBuf {
        self.root.join("ledger")
    }

    /// What children have to tell.
    pub(crate) fn journal(&self) -> PathBuf {
        self.root.join("journal")
    }

    /// The names of the files beside the region and of itself.
    pub(crate) fn files(&self) -> Vec<String> {
        let entries = fs::read_dir(self.root.join("shared")).into_iter().flatten().flatten();
        let mut names: Vec<_> = entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }
}

/// Removes what runs have left that were interrupted.
fn forget_the_dead(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let process = name.strip_prefix(PREFIX).and_then(|rest| rest.split('-').next()?.parse::<u32>().ok());
        if process.is_some_and(|process| !Path::new(&format!("/proc/{process}")).exists()) {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if self.ours == Ours::Made {
            let _ = fs::remove_dir_all(&self.root);
        }
    }
}
