//! Which Python there is.

use crate::{debian, process};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{env, fmt, fs};

/// The variable that names the Python to test with.
const VARIABLE: &str = "MEMOLITH_PYTHON";

/// Says what an interpreter is, in one line, if it can make virtual environments.
const PROBE: &str = "\
import ensurepip, sys, sysconfig, venv
free = 't' if sysconfig.get_config_var('Py_GIL_DISABLED') else ''
print(sys.implementation.name, sys.version_info[0], sys.version_info[1], '%d.%d.%d' % sys.version_info[:3] + free)
";

/// What has it, on Debian.
const PACKAGES: &str = "python3 python3-venv";

const OLDEST: (u32, u32) = (3, 10);

/// A CPython that the package supports and that can make virtual environments.
#[derive(Debug)]
pub(super) struct Interpreter {
    pub(super) program: PathBuf,
    /// `3.11.2`, with a `t` behind it for a free-threaded one.
    pub(super) version: String,
}

impl Interpreter {
    /// The one to test with: what `MEMOLITH_PYTHON` names, else the system's, else the first `python3` of the path.
    pub(super) fn main() -> Result<Interpreter, String> {
        if let Some(program) = env::var_os(VARIABLE) {
            return Interpreter::probe(Path::new(&program))
                .ok_or_else(|| format!("{VARIABLE} names {program:?}, which {}", missing()));
        }
        if let Some(found) = Interpreter::found() {
            return Ok(found);
        }
        debian::install(PACKAGES);
        Interpreter::found().ok_or_else(|| format!("python3 {}", missing()))
    }

    /// The system's is an optimised build, which the one of a version manager seldom is.
    fn found() -> Option<Interpreter> {
        ["/usr/bin/python3", "python3"].iter().find_map(|program| Interpreter::probe(Path::new(program)))
    }

    /// [`main`](Self::main), and those that pyenv has installed, one of each minor version.
    pub(super) fn all() -> Vec<Interpreter> {
        let mut found: Vec<Interpreter> = Interpreter::main().into_iter().collect();
        let Some(home) = env::home_dir() else { return found };
        let mut versions: Vec<_> = fs::read_dir(home.join(".pyenv/versions"))
            .into_iter()
            .flatten()
            .flatten()
            .map(|entry| entry.path())
            .collect();
        versions.sort();
        for interpreter in versions.iter().filter_map(|path| Interpreter::probe(&path.join("bin/python"))) {
            if found.iter().all(|other| other.minor() != interpreter.minor()) {
                found.push(interpreter);
            }
        }
        found
    }

    fn probe(program: &Path) -> Option<Interpreter> {
        let told = process::output(Command::new(program).args(["-c", PROBE]))?;
        let version = supported(&told)?;
        Some(Interpreter { program: program.to_path_buf(), version })
    }

    /// `3.11`, with a `t` behind it for a free-threaded one.
    fn minor(&self) -> String {
        let numbers: Vec<_> = self.version.trim_end_matches('t').split('.').take(2).collect();
        format!("{}{}", numbers.join("."), if self.version.ends_with('t') { "t" } else { "" })
    }
}

impl fmt::Display for Interpreter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CPython {} ({})", self.version, self.program.display())
    }
}

/// The version in what the probe told, if the package supports it.
fn supported(told: &str) -> Option<String> {
    let words: Vec<_> = told.split_whitespace().collect();
    let ["cpython", major, minor, version] = words[..] else { return None };
    let number = (major.parse().ok()?, minor.parse().ok()?);
    (number >= OLDEST).then(|| version.to_owned())
}

fn missing() -> String {
    let (major, minor) = OLDEST;
    format!(
        "is no CPython of {major}.{minor} or newer with `venv` and `ensurepip`; on Debian, {}; or name another \
         one in {VARIABLE}",
        debian::told(PACKAGES)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cpython_that_is_new_enough_is_supported() {
        assert_eq!(supported("cpython 3 10 3.10.13"), Some("3.10.13".to_owned()));
        assert_eq!(supported("cpython 3 14 3.14.0t"), Some("3.14.0t".to_owned()));
        for other in ["", "cpython 3 9 3.9.18", "pypy 3 11 3.11.13", "cpython 2 7 2.7.18"] {
            assert_eq!(supported(other), None, "{other}");
        }
    }

    #[test]
    fn builds_of_one_minor_version_are_told_apart_by_the_lock_alone() {
        let minor = |version: &str| Interpreter { program: "python".into(), version: version.into() }.minor();
        assert_eq!((minor("3.13.0"), minor("3.13.2t")), ("3.13".to_owned(), "3.13t".to_owned()));
    }
}
