//! Directories and processes for the tests of this folder.

use super::file;
use super::layout::Layout;
use super::session::{Region, Session};
use std::fs::{self, Permissions};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

const ROLE: &str = "MEMOLITH_TRIAL_ROLE";
const PLACE: &str = "MEMOLITH_TRIAL_PLACE";

/// A directory of one test, removed with what is in it.
pub(super) struct Scratch(pub(super) PathBuf);

impl Scratch {
    pub(super) fn new() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let next = NEXT.fetch_add(1, Ordering::Relaxed);
        let dir = std::env::temp_dir().join(format!("memolith-trial-{}-{next}", std::process::id()));
        fs::create_dir(&dir).expect("the name is new");
        fs::set_permissions(&dir, Permissions::from_mode(0o700)).expect("it is ours");
        Scratch(dir.canonicalize().expect("it is there"))
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

pub(super) fn small() -> Layout {
    Layout::of_bytes(1 << 20).expect("a megabyte is enough")
}

pub(super) fn region(path: &Path) -> Arc<Region> {
    let map = file::open(path, small(), file::MAKING).expect("nothing is in the way");
    Arc::new(Region { session: Session::new(&map), map })
}

/// Another process that runs the same test, in a role and with a place.
pub(super) struct Other {
    pub(super) process: Child,
    says: BufReader<ChildStdout>,
}

impl Other {
    pub(super) fn start(test: &str, role: &str, place: &Path) -> Other {
        let mut process = Command::new(std::env::current_exe().expect("a test knows its program"));
        let process = process.args(["--exact", test, "--nocapture"]).env(ROLE, role).env(PLACE, place);
        let mut process = process.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts again");
        let says = BufReader::new(process.stdout.take().expect("it was asked for"));
        Other { process, says }
    }

    /// What it says next with [`say`].
    pub(super) fn hear(&mut self) -> String {
        let mut line = String::new();
        while self.says.read_line(&mut line).expect("it writes text") > 0 {
            if let Some(said) = line.rsplit_once("says ") {
                return said.1.trim_end().to_owned();
            }
            line.clear();
        }
        panic!("it has ended without a word")
    }

    /// Has its [`wait`] end.
    pub(super) fn go_on(&mut self) {
        drop(self.process.stdin.take());
    }

    pub(super) fn signal(&self, signal: &str) {
        let id = self.process.id().to_string();
        let sent = Command::new("kill").args(["-s", signal, &id]).status().expect("there is a `kill`");
        assert!(sent.success());
    }

    pub(super) fn kill(mut self) {
        self.process.kill().expect("it is ours");
        self.process.wait().expect("it is ours");
    }
}

impl Drop for Other {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// The role and the place of this process, if another has started it.
pub(super) fn role() -> Option<(String, PathBuf)> {
    Some((std::env::var(ROLE).ok()?, std::env::var_os(PLACE)?.into()))
}

/// Tells the process that started this one.
pub(super) fn say(what: impl std::fmt::Display) {
    println!("says {what}");
}

/// Waits for the process that started this one.
pub(super) fn wait() {
    let _ = std::io::stdin().read_line(&mut String::new());
}
