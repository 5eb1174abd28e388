//! `cargo xtask deny`: what `deny.toml` says about licences, sources and banned crates.

use crate::process::succeed;
use crate::{Outcome, workspace};
use std::process::Command;

/// Runs cargo-deny, and installs it below the target directory first when it is not there.
///
/// Advisories are left out: their database is not on a package registry.
pub(crate) fn run(_: &[String]) -> Outcome {
    let tools = workspace::target().join("tools");
    let program = tools.join("bin").join(format!("cargo-deny{}", std::env::consts::EXE_SUFFIX));
    if !program.exists() {
        println!("installing cargo-deny into {}: a few minutes, once", tools.display());
        let mut install = workspace::cargo();
        succeed(install.args(["install", "cargo-deny", "--locked", "--root"]).arg(&tools))?;
    }
    let mut check = Command::new(program);
    succeed(check.current_dir(workspace::root()).args(["--all-features", "check", "bans", "licenses", "sources"]))
}
