//! The memory engine under the sanitizers: it has `unsafe` code on the path of every hit.

use crate::tally::Tally;
use crate::workspace;
use std::process::{Output, Stdio};

const TARGET: &str = "x86_64-unknown-linux-gnu";
/// The tests that are run.
const TESTS: &str = "memory::stress";
/// Runs within which a planted bug must show.
const RUNS: usize = 5;

/// A sanitizer and what is compiled for it.
struct Sanitizer {
    name: &'static str,
    flags: &'static str,
    /// Planted to see that the sanitizer, or a value that checks itself, finds it.
    bug: &'static str,
}

/// Races. Readers fence themselves here, as they do where there is no asymmetric fence, which the sanitizer cannot see.
const THREAD: Sanitizer = Sanitizer { name: "thread", flags: "--cfg memolith_fenced", bug: "no second look" };
/// Uses after a drop, and leaks; with the asymmetric fence.
const ADDRESS: Sanitizer = Sanitizer { name: "address", flags: "", bug: "hazards unseen" };

pub(crate) fn threads() -> Result<Tally, String> {
    THREAD.check()
}

pub(crate) fn addresses() -> Result<Tally, String> {
    ADDRESS.check()
}

impl Sanitizer {
    /// Runs the tests, which must pass, and once more with a planted bug, when they must not.
    ///
    /// The standard library is not instrumented, so handles of threads that have ended look like races there: any report
    /// about our own code is a failure.
    fn check(&self) -> Result<Tally, String> {
        let (output, text) = self.run("")?;
        let mut tally = Tally::default();
        text.lines().for_each(|line| tally.read(line));
        let reports = reports(&text);
        if !reports.is_empty() {
            return Err(format!("the {} sanitizer reports:\n{}", self.name, reports.join("\n")));
        }
        if tally.passed == 0 || tally.failed > 0 {
            return Err(format!(
                "the tests did not pass under the {} sanitizer ({}):\n{text}",
                self.name, output.status
            ));
        }
        for _ in 0..RUNS {
            let (planted, text) = self.run(self.bug)?;
            // A compiler that fails has found nothing.
            if text.contains("running ") && (!planted.status.success() || !self::reports(&text).is_empty()) {
                return Ok(tally);
            }
        }
        Err(format!("the {} sanitizer does not see the planted bug \"{}\"", self.name, self.bug))
    }

    /// The sanitizers are unstable options, which the stable compiler takes when it is told that it may.
    fn run(&self, bug: &str) -> Result<(Output, String), String> {
        let Sanitizer { name, flags, .. } = self;
        let flags = format!("-Zsanitizer={name} -Cunsafe-allow-abi-mismatch=sanitizer --cfg memolith_planted {flags}");
        let output = workspace::cargo()
            .args(["test", "--package", "memolith-core", "--lib", "--target", TARGET, TESTS])
            .env("CARGO_TARGET_DIR", workspace::target().join("sanitizer").join(name))
            .env("RUSTC_BOOTSTRAP", "1")
            .env("RUSTFLAGS", flags)
            .env("MEMOLITH_PLANTED", bug)
            .stdin(Stdio::null())
            .output()
            .map_err(|error| format!("cargo cannot be started: {error}"))?;
        let text = [&output.stdout, &output.stderr].map(|bytes| String::from_utf8_lossy(bytes).into_owned()).join("\n");
        Ok((output, text))
    }
}

/// The reports about our own code, and those that end the program.
fn reports(text: &str) -> Vec<&str> {
    text.lines()
        .filter(|line| {
            let ours = line.contains("cache-core/src");
            (line.starts_with("SUMMARY: ThreadSanitizer") && ours) || line.starts_with("SUMMARY: AddressSanitizer")
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::reports;

    #[test]
    fn races_of_the_standard_library_are_not_ours() {
        let text = "SUMMARY: ThreadSanitizer: data race /rustc/5/library/alloc/src/sync.rs:2854:18 in drop\n\
            SUMMARY: ThreadSanitizer: data race somewhere/cache-core/src/memory/slab.rs:110:18 in open\n\
            SUMMARY: AddressSanitizer: 64 byte(s) leaked in 1 allocation(s).\n";
        assert_eq!(reports(text).len(), 2);
    }
}
