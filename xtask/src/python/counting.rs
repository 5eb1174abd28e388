//! The package in an interpreter that counts all references, and that checks what an extension gives it.

use super::debian;
use crate::tally::Tally;
use crate::{Outcome, process, workspace};
use std::fs;
use std::path::Path;
use std::process::Command;

/// Calls of each kind of random program.
const CALLS: &str = "5000";
const SOURCES: &str = "cache-py/python/memolith";

/// Random programs, after which no reference is left over.
pub(crate) fn check() -> Result<Tally, String> {
    let python = debian::counting()?;
    let target = super::directory().join("counting");
    let mut build = workspace::cargo();
    build.args(["build", "--quiet", "-p", "memolith-py"]).env("CARGO_TARGET_DIR", &target).env("PYO3_PYTHON", python);
    process::succeed(&mut build)?;
    let package = target.join("package/memolith");
    stage(&target.join("debug/lib_memolith.so"), &package)
        .map_err(|error| format!("{} cannot be filled: {error}", package.display()))?;
    fuzz(python, &target.join("package"))?;
    Ok(Tally::default())
}

fn fuzz(python: &str, packages: &Path) -> Outcome {
    let mut command = Command::new(python);
    command.args(["-X", "dev", "-m", "fuzz", CALLS]).current_dir(workspace::root().join("cache-py/tests"));
    process::succeed(command.env("PYTHONPATH", packages))
}

/// Puts the library among the Python files of the package.
fn stage(library: &Path, package: &Path) -> std::io::Result<()> {
    fs::create_dir_all(package)?;
    for file in fs::read_dir(workspace::root().join(SOURCES))? {
        let file = file?;
        if file.path().is_file() {
            fs::copy(file.path(), package.join(file.file_name()))?;
        }
    }
    fs::copy(library, package.join("_memolith.so")).map(drop)
}
