//! Files that are deleted, replaced, read-only, full, or somebody else's.

use crate::support::*;
use memolith_backends::Sqlite;
use memolith_core::{Backend, ErrorKind};

/// A deleted file is noticed: the entries are gone, a new file is begun, and nothing is left of the old one.
#[test]
fn a_deleted_file_is_begun_anew() {
    for ends in [&["", "-wal", "-shm"][..], &[""]] {
        let (dir, space) = (Dir::new("deleted"), space(Some(100)));
        let backend = opened(&dir.file(), &space);
        put(&backend, &space, 1).unwrap();
        assert!(has(&backend, &space, 1), "it is there before");
        for end in ends {
            std::fs::remove_file(dir.0.join(format!("cache.db{end}"))).unwrap();
        }
        eventually("the new file is noticed", || !has(&backend, &space, 1));
        put(&backend, &space, 2).unwrap();
        assert!(has(&backend, &space, 2), "the new file is used");
        assert_eq!(number(&dir.file(), "SELECT count(*) FROM entries"), 1, "entries of the new file");
        drop(backend);
        assert_eq!(integrity(&dir.file()), "ok");
        let again = opened(&dir.file(), &space);
        assert!(has(&again, &space, 2), "closing the old file has not harmed the new one");
    }
}

/// A file that was replaced by another is the one that is used from then on.
#[test]
fn a_replaced_file_is_used() {
    let (dir, other, space) = (Dir::new("replaced"), Dir::new("replacement"), space(None));
    let replacement = opened(&other.file(), &space);
    put(&replacement, &space, 2).unwrap();
    drop(replacement);
    let backend = opened(&dir.file(), &space);
    put(&backend, &space, 1).unwrap();
    backend.flush().unwrap();
    for end in ["-wal", "-shm"] {
        std::fs::remove_file(dir.0.join(format!("cache.db{end}"))).unwrap();
    }
    std::fs::rename(other.file(), dir.file()).unwrap();
    eventually("the other file is noticed", || has(&backend, &space, 2));
    assert!(!has(&backend, &space, 1), "the old file is not read any more");
}

/// A file that somebody cuts or overwrites in place while it is in use is a damaged file, and no end of the process.
#[test]
fn a_file_cut_in_place_is_set_aside() {
    for rest in [0, 5_000, 40_000] {
        let (dir, space) = (Dir::new("cut"), space(None));
        let backend = opened(&dir.file(), &space);
        let get = |key: u64| backend.get(&space, &key.to_le_bytes(), now());
        for key in 0..1_500u64 {
            backend.put(&space, &key.to_le_bytes(), &record(sealed(key, 1)), now()).unwrap();
        }
        backend.flush().unwrap();
        assert!((0..1_500).all(|key| get(key).unwrap().is_some()));
        std::fs::OpenOptions::new().write(true).open(dir.file()).unwrap().set_len(rest).unwrap();
        eventually("the cache works again", || {
            for key in 0..1_500 {
                if let Ok(Some(found)) = get(key) {
                    assert!(is_right(key, &found.value));
                }
            }
            put(&backend, &space, 300).is_ok() && get(300).is_ok_and(|found| found.is_some())
        });
    }
}

/// Two backends of one path are one.
#[test]
fn one_path_is_one_backend() {
    let (dir, space) = (Dir::new("shared"), space(Some(3)));
    let (one, other) = (opened(&dir.file(), &space), opened(&dir.0.join(".").join("cache.db"), &space));
    for key in 0..10 {
        put(if key % 2 == 0 { &one } else { &other }, &space, key).unwrap();
        assert!(has(if key % 2 == 0 { &other } else { &one }, &space, key), "seen at once through the other");
    }
    assert_eq!((one.len(&space).unwrap(), other.len(&space).unwrap()), (3, 3));
    drop(one);
    put(&other, &space, 11).unwrap();
}

#[cfg(unix)]
mod unix {
    use super::*;
    use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
    use std::path::Path;
    use std::process::Command;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o777
    }

    fn set_mode(path: &Path, mode: u32) {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).unwrap();
    }

    fn is_root(dir: &Dir) -> bool {
        std::fs::metadata(&dir.0).unwrap().uid() == 0
    }

    /// What is made is the owner's alone; what is there keeps its mode.
    #[test]
    fn files_are_private() {
        let (dir, space) = (Dir::new("private"), space(None));
        set_mode(&dir.0, 0o755);
        let path = dir.0.join("made").join("deeper").join("cache.db");
        let backend = opened(&path, &space);
        put(&backend, &space, 1).unwrap();
        for end in ["", "-wal", "-shm", ".lock"] {
            assert_eq!(mode(Path::new(&format!("{}{end}", path.display()))), 0o600, "mode of the file {end}");
        }
        assert_eq!(mode(path.parent().unwrap()), 0o700, "mode of the directory that was made");
        assert_eq!(mode(&dir.0.join("made")), 0o700, "mode of its parent that was made");
        assert_eq!(mode(&dir.0), 0o755, "mode of the directory that was there");
    }

    /// Links and what is no file are refused when the backend is made.
    #[test]
    fn links_and_directories_are_refused() {
        let dir = Dir::new("links");
        std::fs::write(dir.0.join("target"), b"").unwrap();
        symlink(dir.0.join("target"), dir.file()).unwrap();
        let error = Sqlite::open(dir.file()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Config, "{error}");
        assert_eq!(Sqlite::open(&dir.0).unwrap_err().kind(), ErrorKind::Config, "a directory");
        for end in ["-wal", "-shm", ".lock"] {
            let planted = Dir::new("planted");
            symlink(dir.0.join("target"), planted.0.join(format!("cache.db{end}"))).unwrap();
            assert_eq!(Sqlite::open(planted.file()).unwrap_err().kind(), ErrorKind::Config, "a link as {end}");
        }
        assert_eq!(std::fs::read(dir.0.join("target")).unwrap(), b"", "nothing was written through a link");
        // A link to the directory leads to the same file, and is the user's to make.
        let (real, space) = (Dir::new("real"), space(None));
        symlink(&real.0, dir.0.join("way")).unwrap();
        put(&opened(&dir.0.join("way").join("cache.db"), &space), &space, 1).unwrap();
        assert!(has(&opened(&real.file(), &space), &space, 1), "the same file");
        assert_eq!(Sqlite::open("").unwrap_err().kind(), ErrorKind::Config, "no name");
        assert_eq!(Sqlite::open("..").unwrap_err().kind(), ErrorKind::Config, "no name");
    }

    /// A link that is planted later is refused too.
    #[test]
    fn a_link_planted_later_is_refused() {
        let (dir, other, space) = (Dir::new("later"), Dir::new("elsewhere"), space(None));
        let backend = opened(&dir.file(), &space);
        put(&backend, &space, 1).unwrap();
        drop(opened(&other.file(), &space));
        let before = std::fs::read(other.file()).unwrap();
        std::fs::remove_file(dir.file()).unwrap();
        symlink(other.file(), dir.file()).unwrap();
        eventually("the link is refused", || {
            backend.get(&space, b"key", now()).is_err_and(|error| error.kind() == ErrorKind::Config)
        });
        assert_eq!(std::fs::read(other.file()).unwrap(), before, "nothing was written through the link");
    }

    /// A file of another user is refused.
    #[test]
    fn files_of_others_are_refused() {
        let dir = Dir::new("owner");
        if !is_root(&dir) {
            return skipped("only root can make a file another user's");
        }
        for end in ["", "-wal", "-shm", ".lock"] {
            let path = dir.0.join(format!("cache.db{end}"));
            std::fs::write(&path, b"").unwrap();
            chown(&path, Some(65_534), Some(65_534)).unwrap();
            let error = Sqlite::open(dir.file()).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Config, "{end}: {error}");
            assert!(error.to_string().contains("another user"), "{end}: {error}");
            std::fs::remove_file(&path).unwrap();
        }
        Sqlite::open(dir.file()).unwrap();
    }

    /// A file that can only be read is read, whether its log is there or not; puts say that they cannot.
    #[test]
    fn a_read_only_file_is_read() {
        if let Some(job) = job() {
            return read_only(Path::new(&job[0]));
        }
        for with_log in [false, true] {
            let dir = Dir::new("read-only");
            let mut worker = Worker::start("files::unix::a_read_only_file_is_written", &[dir.file().to_str().unwrap()]);
            worker.hear("ready");
            if with_log {
                worker.kill();
            } else {
                worker.end();
            }
            assert_eq!(dir.names().contains(&"cache.db-wal".into()), with_log, "{:?}", dir.names());
            std::fs::remove_file(dir.0.join("cache.db.lock")).unwrap();
            let root = is_root(&dir);
            for path in dir.names().iter().map(|name| dir.0.join(name)).chain([dir.0.clone()]) {
                set_mode(&path, if path == dir.0 { 0o555 } else { 0o444 });
                if root {
                    chown(&path, Some(65_534), Some(65_534)).unwrap();
                }
            }
            // Root may write everywhere, so that the child has to be somebody else.
            let me = std::env::current_exe().unwrap();
            let command = if root {
                let mut command = Command::new("setpriv");
                command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "--"]).arg(me);
                command
            } else {
                Command::new(me)
            };
            let worker =
                Worker::spawn(command, "files::unix::a_read_only_file_is_read", &[dir.file().to_str().unwrap()]);
            worker.end();
            set_mode(&dir.0, 0o755);
        }
    }

    /// The other half of the test above: fills a file, and ends cleanly or is killed.
    #[test]
    fn a_read_only_file_is_written() {
        // Not for one that is killed: it would stay.
        let own = job().is_none().then(|| Dir::new("written"));
        let path = own.as_ref().map_or_else(|| job().unwrap()[0].clone().into(), Dir::file);
        let space = space(Some(100));
        let backend = opened(&path, &space);
        for key in 0..150 {
            put(&backend, &space, key).unwrap();
        }
        if job().is_some() {
            say("ready");
            heard();
        }
        assert_eq!(backend.len(&space).unwrap(), 100);
    }

    fn read_only(path: &Path) {
        let space = space(Some(100));
        let backend = Sqlite::open(path).unwrap();
        Backend::open(&backend, &space).unwrap();
        for round in 0..3 {
            assert_eq!((50..150).filter(|key| has(&backend, &space, *key)).count(), 100, "round {round}");
            let error = put(&backend, &space, 1).unwrap_err();
            assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        }
        assert_eq!(backend.len(&space).unwrap(), 100);
    }

    /// A full disk: what was put stays, puts say that they cannot, and go through once there is space.
    #[test]
    fn a_full_disk_heals() {
        let (dir, space) = (Dir::new("full"), space(None));
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "tmpfs"]).arg(&dir.0).status();
        if !mounted.is_ok_and(|status| status.success()) {
            return skipped("a full disk needs a file system of one megabyte, which only root can mount");
        }
        let _mount = Mount(&dir.0);
        std::fs::write(dir.0.join("ballast"), vec![1; 300_000]).unwrap();
        let backend = opened(&dir.file(), &space);
        let full = (0..5_000).find_map(|key| put(&backend, &space, key).err().map(|error| (key, error)));
        let (kept, error) = full.unwrap();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        assert!(kept > 20, "{kept} puts before the disk was full");
        assert!((0..kept).all(|key| has(&backend, &space, key)), "what was put before is there");
        std::fs::remove_file(dir.0.join("ballast")).unwrap();
        eventually("puts go through again", || put(&backend, &space, 9_999).is_ok());
        assert!((0..kept).all(|key| has(&backend, &space, key)) && has(&backend, &space, 9_999), "nothing is lost");
        drop(backend);
        assert_eq!(integrity(&dir.file()), "ok");
    }

    struct Mount<'a>(&'a Path);

    impl Drop for Mount<'_> {
        fn drop(&mut self) {
            let _ = Command::new("umount").arg("-l").arg(self.0).status();
        }
    }

    /// Says why a test did not run; in CI, where everything must run, that is a failure.
    fn skipped(why: &str) {
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "not run: {why}");
        eprintln!("not run: {why}");
    }
}
