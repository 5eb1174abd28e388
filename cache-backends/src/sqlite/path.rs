//! Where the file lies, and whose it is.

use memolith_core::{Error, ErrorKind, Result};
use std::ffi::OsString;
use std::fs::{self, Metadata};
use std::io;
use std::path::{Path, PathBuf};

/// What a database is kept in.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Place {
    /// The memory of this process.
    Memory,
    /// A file, by its canonical directory and its name.
    File(PathBuf),
}

/// Which file lies under a path: a deleted or replaced one differs.
pub(super) type Identity = (u64, u64);

/// The files that belong to a database, by what follows its name.
const FAMILY: [&str; 4] = ["", "-wal", "-shm", ".lock"];

impl Place {
    /// The place that `path` names; makes the directory if there is none.
    ///
    /// # Errors
    /// `Config` when the path has no file name, its directory cannot be made, or a file is there that is refused.
    pub(super) fn named(path: &Path) -> Result<Place> {
        if path == Path::new(":memory:") {
            return Ok(Place::Memory);
        }
        let Some(name) = path.file_name().filter(|_| !path.as_os_str().as_encoded_bytes().contains(&0)) else {
            return Err(refused(path, "has no file name, name a file"));
        };
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
        make_dir(dir).map_err(|error| refused(path, "needs a directory that cannot be made").with_source(error))?;
        let dir = dir.canonicalize();
        let dir =
            dir.map_err(|error| refused(path, "lies in a directory that cannot be entered").with_source(error))?;
        let place = Place::File(dir.join(name));
        place.check()?;
        Ok(place)
    }

    /// Refuses links, what is no file, and files of other users: their owner could read or plant results.
    pub(super) fn check(&self) -> Result<()> {
        let Place::File(path) = self else { return Ok(()) };
        for end in FAMILY {
            let file = beside(path, end);
            let Ok(found) = fs::symlink_metadata(&file) else { continue };
            if found.is_symlink() {
                return Err(refused(&file, "is a symbolic link, name the file that it leads to"));
            }
            if !found.is_file() {
                return Err(refused(&file, "is no file, name another path"));
            }
            if owner(&found).is_some_and(|owner| user().is_some_and(|user| user != owner)) {
                return Err(refused(&file, "belongs to another user, name another path"));
            }
        }
        Ok(())
    }

    /// The file that is there now; none for memory.
    pub(super) fn identity(&self) -> Option<Identity> {
        match self {
            Place::Memory => None,
            Place::File(path) => fs::symlink_metadata(path).ok().and_then(|found| identity(&found)),
        }
    }
}

/// `path` with `end` behind its name.
pub(super) fn beside(path: &Path, end: &str) -> PathBuf {
    let mut name: OsString = path.as_os_str().to_owned();
    name.push(end);
    name.into()
}

/// The file `memolith/cache.db` of `app` in the user's cache directory.
pub(super) fn default_place(app: &str) -> Result<PathBuf> {
    let from = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|dir| dir.is_absolute());
    let home = || from("HOME");
    let dir = if cfg!(windows) {
        from("LOCALAPPDATA")
    } else if cfg!(target_os = "macos") {
        home().map(|home| home.join("Library/Caches"))
    } else {
        from("XDG_CACHE_HOME").or_else(|| home().map(|home| home.join(".cache")))
    };
    let unknown = || Error::new(ErrorKind::Config, "the user has no cache directory, name the file to cache in");
    Ok(dir.ok_or_else(unknown)?.join(app).join("cache.db"))
}

/// Opens a file that only its owner may read, made if it is not there.
pub(super) fn private(path: &Path) -> io::Result<fs::File> {
    owned().create(true).truncate(false).open(path)
}

/// Makes a file that only its owner may read. One that is there already is not opened.
pub(super) fn fresh(path: &Path) -> io::Result<()> {
    match owned().create_new(true).open(path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    }
}

fn owned() -> fs::OpenOptions {
    let mut options = fs::OpenOptions::new();
    options.read(true).write(true);
    #[cfg(unix)]
    std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options
}

fn make_dir(dir: &Path) -> io::Result<()> {
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    // Only what is made here; a directory of the user's keeps its mode.
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(dir)
}

fn refused(path: &Path, why: &str) -> Error {
    Error::new(ErrorKind::Config, format!("the cache file {} {why}", path.display()))
}

#[cfg(unix)]
fn identity(found: &Metadata) -> Option<Identity> {
    use std::os::unix::fs::MetadataExt;
    Some((found.dev(), found.ino()))
}

/// Elsewhere an open file can be neither deleted nor replaced.
#[cfg(not(unix))]
fn identity(_: &Metadata) -> Option<Identity> {
    Some((0, 0))
}

#[cfg(unix)]
fn owner(found: &Metadata) -> Option<u32> {
    Some(std::os::unix::fs::MetadataExt::uid(found))
}

#[cfg(not(unix))]
fn owner(_: &Metadata) -> Option<u32> {
    None
}

/// The user of this process: the owner of a file it makes, since the standard library does not say.
fn user() -> Option<u32> {
    static USER: std::sync::OnceLock<Option<u32>> = std::sync::OnceLock::new();
    *USER.get_or_init(|| {
        let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_nanos();
        let probe = std::env::temp_dir().join(format!("memolith-{}-{nanos}", std::process::id()));
        let made = fs::OpenOptions::new().write(true).create_new(true).open(&probe);
        let found = made.and_then(|file| file.metadata());
        // Also when asking failed: the probe may have been made.
        let _ = fs::remove_file(&probe);
        found.or_else(|_| fs::metadata("/proc/self")).ok().and_then(|found| owner(&found))
    })
}
