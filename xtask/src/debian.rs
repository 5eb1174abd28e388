//! Packages of the system, on Debian and its kin.

use crate::process;
use std::process::Command;

/// Tries to install `packages`, separated by blanks; whether they are there then is for the caller to see.
pub(crate) fn install(packages: &str) {
    println!("installing {packages}");
    // The lists of a fresh machine are empty or old; where they cannot be renewed, those that are there may do.
    let install = ["install", "--yes", "-qq", "--no-install-recommends"].into_iter().chain(packages.split(' '));
    for arguments in [vec!["update", "-qq"], install.collect()] {
        let mut command = Command::new("apt-get");
        let _ = process::succeed(command.args(arguments).env("DEBIAN_FRONTEND", "noninteractive"));
    }
}

/// What to do where it could not be done.
pub(crate) fn told(packages: &str) -> String {
    format!("`apt-get install {packages}` as root")
}
