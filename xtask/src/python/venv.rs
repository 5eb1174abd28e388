//! A virtual environment of the tests' own.

use super::Interpreter;
use crate::{Outcome, process, workspace};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fs};

/// What the tests need, pinned.
const REQUIREMENTS: &str = "cache-py/tests/requirements.txt";

/// An environment in which the requirements are installed.
pub(super) struct Venv {
    path: PathBuf,
}

impl Venv {
    /// The one of the tests and of the benchmarks, made if it is not there.
    pub(super) fn main() -> Result<Venv, String> {
        Venv::at(super::directory().join("venv"), &Interpreter::main()?)
    }

    /// One for `interpreter`.
    pub(super) fn of(interpreter: &Interpreter) -> Result<Venv, String> {
        Venv::at(super::directory().join(&interpreter.version), interpreter)
    }

    /// Builds the package as users do, and installs it.
    pub(super) fn install(&self) -> Outcome {
        let mut command = self.program("pip");
        command.args(["install", "--quiet", "--force-reinstall", "--no-deps", "--no-build-isolation", "./cache-py"]);
        process::succeed(command.env("CARGO_TARGET_DIR", workspace::target()))
    }

    /// Whether the package was ever installed.
    pub(super) fn has_package(&self) -> bool {
        process::output(self.program("python").args(["-c", "import memolith"])).is_some()
    }

    /// The environment's interpreter.
    pub(super) fn python(&self) -> PathBuf {
        self.bin().join("python")
    }

    /// A program of the environment, in the workspace's directory.
    pub(super) fn program(&self, name: &str) -> Command {
        let mut command = Command::new(self.bin().join(name));
        command.current_dir(workspace::root());
        // As if it were activated: build tools look there, and must not find another environment's.
        let path = env::var_os("PATH").unwrap_or_default();
        let path = env::join_paths([self.bin()].into_iter().chain(env::split_paths(&path)));
        command.envs(path.map(|path| ("PATH", path))).env("VIRTUAL_ENV", &self.path);
        for variable in ["PYTHONPATH", "PYTHONHOME", "PYO3_PYTHON"] {
            command.env_remove(variable);
        }
        command
    }

    fn bin(&self) -> PathBuf {
        self.path.join(if cfg!(windows) { "Scripts" } else { "bin" })
    }

    /// The environment at `path`, made anew when the interpreter or the requirements are others than they were.
    fn at(path: PathBuf, interpreter: &Interpreter) -> Result<Venv, String> {
        let venv = Venv { path };
        let wanted = format!("{interpreter}\n{}", read(&workspace::root().join(REQUIREMENTS))?);
        let stamp = venv.path.join("requirements.stamp");
        if fs::read_to_string(&stamp).is_ok_and(|found| found == wanted) {
            return Ok(venv);
        }
        println!("making {} with {interpreter}", venv.path.display());
        process::succeed(Command::new(&interpreter.program).args(["-m", "venv", "--clear"]).arg(&venv.path))?;
        process::succeed(venv.program("python").args(["-m", "pip", "install", "--quiet", "-r", REQUIREMENTS]))?;
        // Last, so that an environment that was not finished is made anew.
        fs::write(&stamp, wanted).map_err(|error| format!("{} cannot be written: {error}", stamp.display()))?;
        Ok(venv)
    }
}

fn read(path: &Path) -> Result<String, String> {
    fs::read_to_string(path).map_err(|error| format!("{} cannot be read: {error}", path.display()))
}
