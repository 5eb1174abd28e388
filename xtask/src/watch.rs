//! The shared map's tests with a tool that watches every access: it has `unsafe` code around memory that others change.
//!
//! The thread sanitizer is not among the tools. All accesses to the map are atomic, which it takes for right in any order,
//! and it sees no order in the `OnceLock`s of a standard library that was built without it.

use crate::tally::Tally;
use crate::{debian, workspace};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const TARGET: &str = "x86_64-unknown-linux-gnu";
/// The tests: a program, by its name up to the hash, and which of its tests.
const TESTS: &[(&str, &str)] = &[("memolith_backends", "shared::"), ("shared", ""), ("conformance", "shared::")];
/// What a tool must see: a copy of a value goes beyond its room.
const BUG: &str = "room for half of it";
/// A test that meets it.
const MEETS_IT: (&str, &str) = ("shared", "sharing::two_handles");

/// A tool.
struct Tool {
    name: &'static str,
    flags: &'static str,
    /// Stands before the program and its arguments.
    command: &'static [&'static str],
    /// Variables for the program.
    options: &'static [(&'static str, &'static str)],
    /// What it says about the planted bug.
    report: &'static str,
}

/// Accesses beyond an object or after its end, and leaks. A signal that is not ours is to end the process, as it does
/// where there is no sanitizer.
const ADDRESS: Tool = Tool {
    name: "the address sanitizer",
    flags: "-Zsanitizer=address -Cunsafe-allow-abi-mismatch=sanitizer",
    command: &[],
    options: &[("ASAN_OPTIONS", "handle_sigbus=0")],
    report: "AddressSanitizer: heap-buffer-overflow",
};

/// Bytes that nobody has set, and calls of the system with wrong memory. Other processes run without it. A load that ends
/// in a signal has to be repeated with the registers as they were.
const VALGRIND: Tool = Tool {
    name: "valgrind",
    flags: "",
    command: &[
        "valgrind",
        "--quiet",
        "--error-exitcode=9",
        "--trace-children=no",
        "--vex-iropt-register-updates=allregs-at-mem-access",
    ],
    options: &[],
    report: "Invalid write of size",
};

pub(crate) fn addresses() -> Result<Tally, String> {
    ADDRESS.check()
}

/// As [`addresses`]; valgrind is installed when it is not there.
pub(crate) fn valgrind() -> Result<Tally, String> {
    if Command::new("valgrind").arg("--version").output().is_err() {
        debian::install("valgrind");
        if Command::new("valgrind").arg("--version").output().is_err() {
            return Err(format!("valgrind cannot be installed, {}", debian::told("valgrind")));
        }
    }
    VALGRIND.check()
}

impl Tool {
    /// Runs the tests, which must pass unnoticed, and one with a planted bug, which must not.
    fn check(&self) -> Result<Tally, String> {
        let programs = self.build()?;
        let mut tally = Tally::default();
        for tests in TESTS {
            let (output, text) = self.run(*tests, &programs, "")?;
            let mut passed = Tally::default();
            text.lines().for_each(|line| passed.read(line));
            if !output.status.success() || passed.passed == 0 {
                return Err(format!("{} stops the tests of `{}` ({}):\n{text}", self.name, tests.0, output.status));
            }
            tally.add(&passed);
        }
        let (output, text) = self.run(MEETS_IT, &programs, BUG)?;
        if output.status.success() || !text.contains(self.report) {
            return Err(format!("{} does not see the planted bug \"{BUG}\":\n{text}", self.name));
        }
        Ok(tally)
    }

    /// The test programs of the map, in which a bug can be planted.
    fn build(&self) -> Result<Vec<PathBuf>, String> {
        let target = workspace::target().join("watched").join(self.name.rsplit(' ').next_back().unwrap_or_default());
        let build =
            "test --no-run --package memolith-backends --features shared --lib --test shared --test conformance";
        let output = workspace::cargo()
            .args(build.split(' '))
            .args(["--target", TARGET])
            .env("CARGO_TARGET_DIR", target)
            // Valgrind and the sanitizer are slow enough.
            .env("CARGO_PROFILE_DEV_OPT_LEVEL", "1")
            // The sanitizers are unstable options, which the stable compiler takes when it is told that it may.
            .env("RUSTC_BOOTSTRAP", "1")
            .env("RUSTFLAGS", format!("{} --cfg memolith_planted", self.flags))
            .output()
            .map_err(|error| format!("cargo cannot be started: {error}"))?;
        let text = String::from_utf8_lossy(&output.stderr);
        if output.status.success() { Ok(programs(&text)) } else { Err(format!("the tests do not build:\n{text}")) }
    }

    fn run(&self, (name, filter): (&str, &str), programs: &[PathBuf], bug: &str) -> Result<(Output, String), String> {
        let is_it = |path: &&PathBuf| {
            let file = path.file_name().unwrap_or_default().to_string_lossy();
            file.rsplit_once('-').is_some_and(|(built, _)| built == name)
        };
        let program = programs.iter().find(is_it).ok_or_else(|| format!("there are no tests `{name}`"))?;
        // Cargo names what lies in its own directory from there.
        let program = workspace::root().join(program);
        let mut words = self.command.iter().map(Path::new).chain([program.as_path()]);
        let first = words.next().unwrap_or(&program);
        let output = Command::new(first)
            .args(words.map(Path::as_os_str))
            .arg(filter)
            .current_dir(workspace::root().join("cache-backends"))
            .env("MEMOLITH_PLANTED", bug)
            .envs(self.options.iter().copied())
            .output()
            .map_err(|error| format!("{} cannot be started: {error}", first.display()))?;
        let text = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).join("\n");
        Ok((output, text))
    }
}

/// The programs that cargo says it has built.
fn programs(text: &str) -> Vec<PathBuf> {
    let lines = text.lines().filter(|line| line.trim_start().starts_with("Executable "));
    lines.filter_map(|line| Some(line.rsplit_once('(')?.1.trim_end_matches(')').into())).collect()
}

#[cfg(test)]
mod tests {
    use super::programs;
    use std::path::Path;

    #[test]
    fn programs_are_what_cargo_has_built() {
        let text = "   Compiling a v0.1.0 (a/b)\n    Finished `test` profile\n  \
            Executable unittests src/lib.rs (target/debug/deps/a-178e)\n  \
            Executable tests/shared/main.rs (target/debug/deps/shared-e6a0)\n";
        let expected = ["target/debug/deps/a-178e", "target/debug/deps/shared-e6a0"];
        assert_eq!(programs(text), expected.map(Path::new));
    }
}
