//! What Debian and its kin pack apart from the interpreter.

use super::Venv;
use crate::debian::{install, told};
use crate::{Outcome, process};
use std::process::Command;

/// Sees to it that the interpreter's own tests of functools can be imported.
pub(super) fn testsuite(venv: &Venv) -> Outcome {
    let is_there = || process::output(venv.program("python").args(["-c", "import test.test_functools"])).is_some();
    if is_there() {
        return Ok(());
    }
    let program = "import sys; print('libpython%d.%d-testsuite' % sys.version_info[:2])";
    let package = process::output(venv.program("python").args(["-c", program]))
        .ok_or("the environment's python does not run, remove `target/python`")?;
    install(&package);
    if is_there() { Ok(()) } else { Err(format!("the interpreter's own tests are missing, {}", told(&package))) }
}

/// An interpreter that counts all references.
pub(super) fn counting() -> Result<&'static str, String> {
    const PROGRAM: &str = "/usr/bin/python3-dbg";
    const PACKAGE: &str = "python3-dbg";
    let program = "import sys; sys.gettotalrefcount()";
    let is_there = || process::output(Command::new(PROGRAM).args(["-c", program])).is_some();
    if !is_there() {
        install(PACKAGE);
    }
    if is_there() { Ok(PROGRAM) } else { Err(format!("{PROGRAM} is missing, {}", told(PACKAGE))) }
}
