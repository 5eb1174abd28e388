//! The memory tier under the thread sanitizer: the one place with `unsafe` code that threads share.

use crate::tally::Tally;
use crate::workspace;
use std::process::Stdio;

const TARGET: &str = "x86_64-unknown-linux-gnu";

/// Runs its tests; any race that is reported in our own code is a failure.
///
/// The standard library is not instrumented, so handles of threads that have ended look like races there. The sanitizer
/// is an unstable option, which the stable compiler takes when it is told that it may.
pub(crate) fn run() -> Result<Tally, String> {
    let directory = workspace::target().join("sanitizer");
    let arguments = ["test", "--package", "memolith-core", "--lib", "--target", TARGET, "memory::"];
    let output = workspace::cargo()
        .args(arguments)
        .env("CARGO_TARGET_DIR", directory)
        .env("RUSTC_BOOTSTRAP", "1")
        .env("RUSTFLAGS", "-Zsanitizer=thread -Cunsafe-allow-abi-mismatch=sanitizer")
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cargo cannot be started: {error}"))?;
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).join("\n");
    let mut tally = Tally::default();
    text.lines().for_each(|line| tally.read(line));
    let races = races(&text);
    if tally.passed == 0 || tally.failed > 0 {
        return Err(format!("the tests did not pass under the sanitizer:\n{text}"));
    }
    if !races.is_empty() {
        return Err(format!("the sanitizer found races:\n{}", races.join("\n")));
    }
    Ok(tally)
}

/// The reports about our own code.
fn races(text: &str) -> Vec<&str> {
    text.lines()
        .filter(|line| line.starts_with("SUMMARY: ThreadSanitizer") && line.contains("cache-core/src"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::races;

    #[test]
    fn races_of_the_standard_library_are_not_ours() {
        let text = "SUMMARY: ThreadSanitizer: data race /rustc/5/library/alloc/src/sync.rs:2854:18 in drop\n\
            SUMMARY: ThreadSanitizer: data race somewhere/cache-core/src/memory/lock.rs:110:18 in deref\n";
        assert_eq!(races(text).len(), 1);
    }
}
