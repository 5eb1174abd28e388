//! `cargo xtask bench python`: the package beside functools and other caches.

use super::Venv;
use crate::{Outcome, process, workspace};

/// The other caches, pinned.
const RIVALS: &str = "cache-py/bench/requirements.txt";
/// Where the tables go with `--save`, as those of the other themes do.
const RESULT: &str = "benches/results/python.md";

/// Builds the package, installs the other caches beside it, and runs `python -m bench` with `arguments`.
pub(crate) fn bench(arguments: &[String]) -> Outcome {
    let venv = super::install()?;
    process::succeed(venv.program("python").args(["-m", "pip", "install", "--quiet", "-r", RIVALS]))?;
    process::succeed(&mut command(&venv, arguments))
}

fn command(venv: &Venv, arguments: &[String]) -> std::process::Command {
    let mut command = venv.program("python");
    command.current_dir(workspace::root().join("cache-py")).args(["-m", "bench"]);
    for word in arguments {
        command.arg(word);
        if word == "--save" {
            command.arg(workspace::root().join(RESULT));
        }
    }
    command
}
