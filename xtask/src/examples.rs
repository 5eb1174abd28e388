//! The examples as tests: each runs to its end, and `checksums` computes nothing the second time.

use crate::tally::Tally;
use crate::workspace;
use std::fs;

/// Runs all of them; each that ends well counts as a test that passed.
pub(crate) fn run() -> Result<Tally, String> {
    let mut tally = Tally::default();
    for example in workspace::targets(&workspace::files(&[".rs"]), "examples") {
        let name = example.name;
        let result = if name == "checksums" { checksums() } else { run_example(&name, &[]).map(drop) };
        match result {
            Ok(()) => {
                tally.passed += 1;
                println!("example {name} ... ok");
            }
            Err(message) => {
                tally.failed += 1;
                println!("example {name} ... FAILED\n{message}");
            }
        }
    }
    Ok(tally)
}

/// Twice over the same files with a fresh cache: computed first, remembered then.
fn checksums() -> Result<(), String> {
    let directory = workspace::target().join("examples-run");
    if directory.exists() {
        fs::remove_dir_all(&directory)
            .map_err(|error| format!("{} cannot be emptied: {error}", directory.display()))?;
    }
    fs::create_dir_all(&directory).map_err(|error| format!("{} cannot be made: {error}", directory.display()))?;
    let cache = directory.join("checksums.db").to_string_lossy().into_owned();
    let arguments = ["--cache", cache.as_str(), "examples"];
    for (run, expected) in [("first", ", 0 from disk"), ("second", ": 0 computed")] {
        let printed = run_example("checksums", &arguments)?;
        let last = printed.lines().last().unwrap_or_default();
        if !last.contains(expected) {
            return Err(format!("the {run} run should end in a line with `{expected}`, and ended in `{last}`"));
        }
    }
    match run_example("checksums", &["no-such-directory"]) {
        Err(message) if message.contains("no-such-directory") => Ok(()),
        other => Err(format!("a missing directory should be an error that names it, and gave {other:?}")),
    }
}

/// What the example prints.
fn run_example(name: &str, arguments: &[&str]) -> Result<String, String> {
    let mut all = vec!["run", "--quiet", "--all-features", "--example", name, "--"];
    all.extend_from_slice(arguments);
    workspace::cargo_output(&all)
}
