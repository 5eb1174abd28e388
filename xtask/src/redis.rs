//! The tests of the backends, for which there must be a server of Redis or Valkey to start.

use crate::debian::{install_idle, told};
use crate::tally::Tally;
use crate::{Outcome, process, workspace};
use std::env;
use std::process::Command;

const PACKAGE: &str = "redis-server";

/// Runs them, with a server that is installed if there is none.
pub(crate) fn backends() -> Result<Tally, String> {
    server()?;
    let mut tally = Tally::default();
    let mut command = workspace::cargo();
    command.args(["test", "--no-fail-fast", "-p", "memolith-backends", "--all-features"]);
    let outcome = process::lines(&mut command, |line| tally.read(line));
    // A failing test is in the tally, whose report names the step; without one they have not been built.
    if tally.failed == 0 {
        outcome?;
    }
    Ok(tally)
}

/// Sees to it that the tests have a program to start; they never use a server that is running already.
fn server() -> Outcome {
    if let Some(program) = env::var_os("MEMOLITH_VALKEY_SERVER") {
        return match is_there(Command::new(&program)) {
            true => Ok(()),
            false => {
                Err(format!("{} does not run, set MEMOLITH_VALKEY_SERVER to a `valkey-server`", program.display()))
            }
        };
    }
    if !is_there(Command::new(PACKAGE)) {
        install_idle(PACKAGE);
    }
    match is_there(Command::new(PACKAGE)) {
        true => Ok(()),
        false => Err(format!("{PACKAGE} is missing, {}", told(PACKAGE))),
    }
}

fn is_there(mut program: Command) -> bool {
    process::output(program.arg("--version")).is_some()
}
