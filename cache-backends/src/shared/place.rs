//! Where the file of a region lies, and whose it is.

use super::sys;
use memolith_core::{Error, ErrorKind, Result};
use std::ffi::OsStr;
use std::fs::{self, DirBuilder, File, Metadata, OpenOptions};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// With room for what the temporary name adds.
const LONGEST_NAME: usize = 200;
/// May be read or written by others.
const ANYBODY: u32 = 0o077;
/// May be written by others.
const WRITTEN_BY_ANYBODY: u32 = 0o022;

/// The file that `name` means: a plain name lies in this user's directory of the machine's shared memory, or in the
/// cache directory where there is none; anything with a `/` is a path. The directory is made.
///
/// # Errors
/// `Config` when it names no file, or lies in a directory that others may write to.
pub(super) fn named(name: &Path) -> Result<PathBuf> {
    let whole = name.as_os_str().as_bytes();
    let file = if whole.contains(&b'/') {
        name.file_name().filter(|_| !whole.ends_with(b"/"))
    } else {
        Some(name.as_os_str())
    };
    let Some(file) = file.filter(|file| is_plain(file)) else {
        return Err(refused(
            name,
            "has no plain file name, write one of up to 200 bytes that does not start with a dot",
        ));
    };
    let (dir, others) = match name.parent().filter(|_| whole.contains(&b'/')) {
        Some(dir) => (dir.to_owned(), WRITTEN_BY_ANYBODY),
        None => (default_dir()?, ANYBODY),
    };
    make_dir(&dir).map_err(|error| refused(name, "needs a directory that cannot be made").with_source(error))?;
    let dir = if others == ANYBODY { Ok(dir) } else { dir.canonicalize() };
    let dir = dir.map_err(|error| refused(name, "lies in a directory that cannot be entered").with_source(error))?;
    let found = directory(&dir).and_then(|dir| dir.metadata());
    let found =
        found.map_err(|error| refused(name, "lies in a directory that cannot be entered").with_source(error))?;
    if found.uid() != sys::user() {
        return Err(refused(name, "lies in a directory of another user, name a path in one of your own"));
    }
    if found.mode() & others != 0 {
        return Err(refused(name, "lies in a directory that is open to others, run `chmod 700` on it"));
    }
    Ok(dir.join(file))
}

/// The directory itself, for a lock on it; not what a link leads to.
pub(super) fn directory(dir: &Path) -> io::Result<File> {
    OpenOptions::new().read(true).custom_flags(libc::O_DIRECTORY | libc::O_NOFOLLOW).open(dir)
}

/// Opens the file of a region; none if there is none.
///
/// # Errors
/// `Config` for what must not be replaced either: a link, no file, somebody else's. `Unavailable` else.
pub(super) fn existing(path: &Path) -> Result<Option<(File, Metadata)>> {
    // Without waiting: a pipe would wait for its other end.
    let opened = OpenOptions::new().read(true).write(true).custom_flags(libc::O_NOFOLLOW | libc::O_NONBLOCK).open(path);
    let file = match opened {
        Ok(file) => file,
        Err(error) => return missing(path, error),
    };
    let found = file.metadata().map_err(|error| unavailable(path, "cannot be examined").with_source(error))?;
    match () {
        () if !found.is_file() => Err(refused(path, "is no file, name another path")),
        () if found.uid() != sys::user() => Err(refused(path, "belongs to another user, name another path")),
        () if found.mode() & ANYBODY != 0 => {
            Err(refused(path, "is open to others, run `chmod 600` on it or remove it"))
        }
        () if found.nlink() > 1 => Err(refused(path, "has a second name, remove it or name another path")),
        // It was removed just now.
        () if found.nlink() == 0 => Ok(None),
        () => Ok(Some((file, found))),
    }
}

/// Makes a file that only its owner may read, in place of what a dead process may have left.
pub(super) fn fresh(path: &Path) -> io::Result<File> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)
}

/// Which file it is: one that has replaced it differs.
pub(super) fn identity(found: &Metadata) -> (u64, u64) {
    (found.dev(), found.ino())
}

pub(super) fn refused(path: &Path, why: &str) -> Error {
    Error::new(ErrorKind::Config, format!("the shared map {} {why}", path.display()))
}

pub(super) fn unavailable(path: &Path, why: &str) -> Error {
    Error::new(ErrorKind::Unavailable, format!("the shared map {} {why}", path.display()))
}

fn missing(path: &Path, error: io::Error) -> Result<Option<(File, Metadata)>> {
    match error.raw_os_error() {
        Some(libc::ENOENT) => Ok(None),
        Some(libc::ELOOP) => Err(refused(path, "is a symbolic link, name the file that it leads to")),
        Some(libc::EISDIR | libc::ENXIO) => Err(refused(path, "is no file, name another path")),
        Some(libc::EACCES) => Err(refused(path, "cannot be opened by its user, remove it or name another path")),
        _ => Err(unavailable(path, "cannot be opened").with_source(error)),
    }
}

fn is_plain(name: &OsStr) -> bool {
    let name = name.as_bytes();
    !name.is_empty() && name.len() <= LONGEST_NAME && name[0] != b'.' && !name.contains(&0)
}

fn default_dir() -> Result<PathBuf> {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() {
        return Ok(memory.join(format!("memolith-{}", sys::user())));
    }
    let from = |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|dir| dir.is_absolute());
    let dir = from("XDG_CACHE_HOME").or_else(|| from("HOME").map(|home| home.join(".cache")));
    let unknown = "there is neither shared memory nor a cache directory, name the shared map by a path";
    Ok(dir.ok_or_else(|| Error::new(ErrorKind::Config, unknown))?.join("memolith"))
}

fn make_dir(dir: &Path) -> io::Result<()> {
    // Only what is made here; a directory that is there keeps its mode.
    DirBuilder::new().recursive(true).mode(0o700).create(dir)
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::trial::Scratch;
    use super::*;
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;

    #[test]
    fn a_plain_name_lies_in_a_directory_of_the_users_own() {
        let path = named(Path::new("some-name")).unwrap();
        let dir = fs::metadata(path.parent().unwrap()).unwrap();
        assert_eq!((dir.mode() & 0o7777, dir.uid()), (0o700, sys::user()));
        assert_eq!(path.file_name().unwrap(), "some-name");
    }

    #[test]
    fn what_is_no_plain_name_is_refused() {
        let long = "x".repeat(LONGEST_NAME + 1);
        for name in ["", ".", "..", ".x", "../.x", "x/", "/", "a\0b", "a/..", long.as_str()] {
            let error = named(Path::new(name)).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config, "{name:?}: {error}");
        }
    }

    #[test]
    fn a_path_needs_a_directory_that_others_do_not_write_to() {
        let scratch = Scratch::new();
        let inside = scratch.path("new/dir");
        let path = inside.join("region");
        assert_eq!(named(&path).unwrap(), path);
        assert_eq!(fs::metadata(&inside).unwrap().mode() & 0o7777, 0o700);
        fs::set_permissions(&inside, Permissions::from_mode(0o755)).unwrap();
        assert_eq!(named(&path).unwrap(), path);
        fs::set_permissions(&inside, Permissions::from_mode(0o777)).unwrap();
        assert!(named(&path).unwrap_err().to_string().contains("chmod 700"));
        fs::write(scratch.path("file"), "").unwrap();
        assert_eq!(named(&scratch.path("file/region")).unwrap_err().kind(), ErrorKind::Config);
    }
}
