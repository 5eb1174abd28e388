//! The interpreter's own tests, which Debian packs apart.

use super::Venv;
use crate::{Outcome, process};
use std::process::Command;

/// Sees to it that the tests of functools can be imported: on Debian and its kin by installing their package.
pub(super) fn provide(venv: &Venv) -> Outcome {
    if is_there(venv) {
        return Ok(());
    }
    let package = package(venv)?;
    println!("installing {package}");
    // The lists of a fresh machine are empty or old; where they cannot be renewed, those that are there may do.
    let _ = apt_get(&["update", "-qq"]);
    let _ = apt_get(&["install", "-y", "-qq", "--no-install-recommends", &package]);
    if is_there(venv) {
        return Ok(());
    }
    Err(format!(
        "the interpreter's own tests are missing, `apt-get install {package}`, or name one that has them in MEMOLITH_PYTHON"
    ))
}

fn is_there(venv: &Venv) -> bool {
    process::output(venv.program("python").args(["-c", "import test.test_functools"])).is_some()
}

fn package(venv: &Venv) -> Result<String, String> {
    let program = "import sys; print('libpython%d.%d-testsuite' % sys.version_info[:2])";
    process::output(venv.program("python").args(["-c", program]))
        .ok_or_else(|| "the environment's python does not run, remove `target/python`".to_owned())
}

fn apt_get(arguments: &[&str]) -> Outcome {
    process::succeed(Command::new("apt-get").args(arguments).env("DEBIAN_FRONTEND", "noninteractive"))
}
