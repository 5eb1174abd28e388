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

    /// As [`read`](Self::read), of what pytest prints with `-q -rsxX`.
    pub(crate) fn read_pytest(&mut self, line: &str) {
        let line = line.trim_matches(['=', ' ']);
        if let Some(skipped) = line.strip_prefix("SKIPPED [") {
            let (number, reason) = skipped.split_once("] ").unwrap_or(("1", skipped));
            self.ignored.extend((0..number.parse().unwrap_or(1)).map(|_| reason.to_owned()));
            return;
        }
        // A test that is expected to fail proves nothing, whatever comes of it.
        if let Some(excused) = line.strip_prefix("XFAIL ").or_else(|| line.strip_prefix("XPASS ")) {
            self.ignored.push(excused.to_owned());
            return;
        }
        let Some(counts) = summary(line) else { return };
        self.passed += count(counts, "passed");
        self.failed += count(counts, "failed") + count(counts, "error") + count(counts, "errors");
        self.ignored.extend((0..count(counts, "deselected")).map(|_| "deselected".to_owned()));
    }

    /// Adds what another step counted.
    pub(crate) fn add(&mut self, other: &Tally) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.ignored.extend_from_slice(&other.ignored);
    }
}

/// The counts in pytest's last line, `3 passed, 1 skipped in 0.12s`.
fn summary(line: &str) -> Option<&str> {
    let (counts, time) = line.rsplit_once(" in ")?;
    let seconds = time.split(' ').next()?.strip_suffix('s')?;
    let is_count = |part: &str| part.split_once(' ').is_some_and(|(number, _)| number.parse::<u64>().is_ok());
    (seconds.parse::<f64>().is_ok() && counts.split(", ").all(is_count)).then_some(counts)
}

/// The number before `word` in `ok. 3 passed; 0 failed; ..`.
fn count(result: &str, word: &str) -> u64 {
    let mut before = "";
    for token in result.split([' ', ';', '.', ',']).filter(|token| !token.is_empty()) {
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
    fn reads_what_pytest_prints() {
        let mut tally = Tally::default();
        let output = "..F.s [100%]\nSKIPPED [2] tests/test_a.py:3: no numpy\nXFAIL tests/test_b.py::test_c - why\n\
                      1 failed in tests\n4 passed in 3 seconds or so, 2 of them\n\
                      ==== 1 failed, 12 passed, 2 skipped, 1 xfailed, 3 warnings, 2 errors in 63.21s (0:01:03) ====\n";
        output.lines().for_each(|line| tally.read_pytest(line));
        assert_eq!((tally.passed, tally.failed), (12, 3));
        assert_eq!(
            tally.ignored,
            ["tests/test_a.py:3: no numpy", "tests/test_a.py:3: no numpy", "tests/test_b.py::test_c - why"]
        );
    }

    #[test]
    fn other_lines_count_nothing() {
        assert_eq!(read("7 passed\ntest of strength\nwarning: 3 failed\n"), Tally::default());
    }
}
