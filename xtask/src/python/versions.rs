//! The package compiles for every CPython that it supports, without having them.

use crate::tally::Tally;
use crate::{process, workspace};
use std::fs;

/// Minor versions of CPython 3, and whether without the global lock.
const VERSIONS: &[(u32, Lock)] = &[
    (10, Lock::Global),
    (11, Lock::Global),
    (12, Lock::Global),
    (13, Lock::Global),
    (14, Lock::Global),
    (14, Lock::None),
];

#[derive(Clone, Copy, PartialEq, Eq)]
enum Lock {
    Global,
    None,
}

/// Type checks the crate for each, and goes on after one that fails.
pub(super) fn check() -> Result<Tally, String> {
    let directory = super::directory().join("versions");
    fs::create_dir_all(&directory).map_err(|error| format!("{} cannot be made: {error}", directory.display()))?;
    let mut failed = Vec::new();
    for &(minor, lock) in VERSIONS {
        let name = format!("3.{minor}{}", if lock == Lock::None { "t" } else { "" });
        println!("CPython {name}");
        let config = directory.join(format!("{name}.txt"));
        fs::write(&config, description(minor, lock))
            .map_err(|error| format!("{} cannot be written: {error}", config.display()))?;
        let mut command = workspace::cargo();
        command.args(["check", "--quiet", "-p", "memolith-py"]).env("PYO3_CONFIG_FILE", config);
        // In a directory of its own: nothing else must be compiled anew for another interpreter.
        command.env("CARGO_TARGET_DIR", directory.join("target")).env("RUSTFLAGS", "-D warnings");
        if process::succeed(&mut command).is_err() {
            failed.push(name);
        }
    }
    if failed.is_empty() {
        Ok(Tally::default())
    } else {
        Err(format!("does not compile for CPython {}; the messages above say why", failed.join(", ")))
    }
}

/// An interpreter as PyO3's build script would find it.
fn description(minor: u32, lock: Lock) -> String {
    let flags = if lock == Lock::None { "Py_GIL_DISABLED" } else { "" };
    format!(
        "implementation=CPython\nversion=3.{minor}\nshared=true\npointer_width=64\nbuild_flags={flags}\n\
         suppress_build_script_link_lines=true\n"
    )
}
