//! Counts of tests, read from what the test harness prints.

/// How many tests passed, failed, and did not run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) passed: u64,
    pub(crate) failed: u64,
    /// Tests that exist but did not run, each with the reason that the harness gives.
    pub(crate) ignored: Vec<String>,
}

impl Tally {
    /// Takes one line of output into account.
    pub(crate) fn read(&mut self, line: &str) {
        if let Some(result) = line.strip_prefix("test result: ") {
            self.passed += count(result, "passed");
            self.failed += count(result, "failed");
            return;
        }
        let Some((name, verdict)) = line.strip_prefix("test ").and_then(|test| test.split_once(" ... ")) else {
            return;
        };
        let Some(reason) = verdict.strip_prefix("ignored") else { return };
        let reason = reason.trim_start_matches(',').trim();
        self.ignored.push(format!("{name}: {}", if reason.is_empty() { "ignored" } else { reason }));
    }

    /// Adds what another step counted.
    pub(crate) fn add(&mut self, other: &Tally) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored.extend_from_slice(&other.ignored);
    }
}

/// The number before `word` in `ok. 3 passed; 0 failed; ..`.
fn count(result: &str, word: &str) -> u64 {
    let mut before = "";
    for token in result.split([' ', ';', '.']).filter(|token| !token.is_empty()) {
        if token == word {
            return before.parse().unwrap_or(0);
        }
        before = token;
    }
    0
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(output: &str) -> Tally {
        let mut tally = Tally::default();
        output.lines().for_each(|line| tally.read(line));
        tally
    }

    #[test]
    fn adds_up_what_several_binaries_report() {
        let tally = read(
            "running 2 tests\ntest a ... ok\ntest b ... FAILED\n\
             test result: FAILED. 1 passed; 1 failed; 0 ignored; 0 measured; 0 filtered out; finished in 0.00s\n\
             test result: ok. 40 passed; 0 failed; 0 ignored; 0 measured; 3 filtered out; finished in 1.25s\n",
        );
        assert_eq!((tally.passed, tally.failed), (41, 1));
        assert_eq!(tally.ignored, Vec::<String>::new());
    }

    #[test]
    fn names_what_did_not_run_and_why() {
        let tally = read("test slow ... ignored, takes an hour\ntest src/lib.rs - (line 3) ... ignored\n");
        assert_eq!(tally.ignored, ["slow: takes an hour", "src/lib.rs - (line 3): ignored"]);
    }

    #[test]
    fn other_lines_count_nothing() {
        assert_eq!(read("7 passed\ntest of strength\nwarning: 3 failed\n"), Tally::default());
    }
}
