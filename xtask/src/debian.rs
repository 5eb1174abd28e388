//! Packages of the system, on Debian and its kin.

use crate::process;
use std::fs::{self, File};
use std::io::Write;
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

/// As [`install`], and does not let the packages start the services that they bring.
pub(crate) fn install_idle(packages: &str) {
    // What Debian asks before it starts one; who has an answer already has said no, or wants what they get.
    const POLICY: &str = "/usr/sbin/policy-rc.d";
    let file = File::create_new(POLICY);
    let is_ours = file.and_then(|mut file| file.write_all(b"#!/bin/sh\nexit 101\n")).is_ok();
    if is_ours {
        let _ = process::succeed(Command::new("chmod").args(["755", POLICY]));
    }
    install(packages);
    if is_ours {
        let _ = fs::remove_file(POLICY);
    }
}

/// What to do where it could not be done.
pub(crate) fn told(packages: &str) -> String {
    format!("`apt-get install {packages}` as root")
}
