//! The examples as tests: each runs to its end, `checksums` and `redis` compute nothing the second time, and `simulate` is
//! right.

use crate::redis::Server;
use crate::tally::Tally;
use crate::workspace;
use std::fs;
use std::path::PathBuf;

/// Runs all of them; each that ends well counts as a test that passed.
pub(crate) fn run() -> Result<Tally, String> {
    let mut tally = Tally::default();
    for example in workspace::targets(&workspace::files(&[".rs"]), "examples") {
        let name = example.name;
        let result = match name.as_str() {
            "checksums" => checksums(),
            "redis" => redis(),
            "tools" => Server::start().and_then(|server| run_example("tools", &[&server.url()])).map(drop),
            "simulate" => simulate(),
            _ => run_example(&name, &[]).map(drop),
        };
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
    let directory = empty_directory("checksums")?;
    let cache = directory.join("checksums.db").to_string_lossy().into_owned();
    let arguments = ["--cache", cache.as_str(), "examples"];
    for expected in [", 0 from disk", ": 0 computed"] {
        run_ending_in("checksums", &arguments, expected)?;
    }
    match run_example("checksums", &["no-such-directory"]) {
        Err(message) if message.contains("no-such-directory") => Ok(()),
        other => Err(format!("a missing directory should be an error that names it, and gave {other:?}")),
    }
}

/// Twice before one server: computed first, remembered then. A third time before none, which is no error.
fn redis() -> Result<(), String> {
    let server = Server::start()?;
    let url = server.url();
    run_ending_in("redis", &[&url], " 0 faults, 20 computed here")?;
    run_ending_in("redis", &[&url], " 0 faults, 0 computed here")?;
    drop(server);
    run_ending_in("redis", &[&url], " 20 computed here")
}

/// A trace whose hit ratios can be counted on fingers, as a table and as a plot.
fn simulate() -> Result<(), String> {
    let directory = empty_directory("simulate")?;
    let named = |name: &str| directory.join(name).to_string_lossy().into_owned();
    let (keys, blocks, plot) = (named("keys"), named("blocks"), named("plot.svg"));
    for (file, text) in [(&keys, "a\nb\nc\n".repeat(10)), (&blocks, "7 3 0 0\n".repeat(10))] {
        fs::write(file, text).map_err(|error| format!("{file} cannot be written: {error}"))?;
    }
    let expected = ["maxsize 2 3", "Lru 0.00 90.00*", "Mru 46.67* 90.00*", "optimum 46.67 90.00"];
    let question = ["--policies", "lru,mru", "--sizes", "3,2", "--svg", plot.as_str()];
    for trace in [&["--arc", blocks.as_str()][..], &[keys.as_str()][..]] {
        let printed = run_example("simulate", &[&question, trace].concat())?;
        let lines = printed.lines().map(|line| line.split_whitespace().collect::<Vec<_>>().join(" "));
        let table: Vec<_> = lines.skip_while(|line| !line.starts_with("maxsize")).collect();
        if table != expected {
            return Err(format!("the table should be {expected:?}, and is {table:?}"));
        }
        let drawn = fs::read_to_string(&plot).map_err(|error| format!("{plot} cannot be read: {error}"))?;
        if !["<svg ", ">Lru<", ">Mru<", ">optimum<"].iter().all(|part| drawn.contains(part)) {
            return Err(format!("the plot should name both policies and the optimum, and is {drawn}"));
        }
    }
    let shown = run_example("simulate", &[])?;
    if !shown.contains("demonstration") {
        return Err(format!("without a trace there should be a demonstration, and there was {shown}"));
    }
    match (run_example("simulate", &["no-such-trace"]), run_example("simulate", &["--arc", &keys])) {
        (Err(missing), Err(wrong)) if missing.contains("no-such-trace") && wrong.contains("line 1 of") => Ok(()),
        other => {
            Err(format!("a missing trace and one of another form should be errors that say so, and gave {other:?}"))
        }
    }
}

fn empty_directory(example: &str) -> Result<PathBuf, String> {
    let directory = workspace::target().join("examples-run").join(example);
    if directory.exists() {
        fs::remove_dir_all(&directory)
            .map_err(|error| format!("{} cannot be emptied: {error}", directory.display()))?;
    }
    fs::create_dir_all(&directory).map_err(|error| format!("{} cannot be made: {error}", directory.display()))?;
    Ok(directory)
}

/// Runs the example, the last line of which holds `expected`.
fn run_ending_in(name: &str, arguments: &[&str], expected: &str) -> Result<(), String> {
    let printed = run_example(name, arguments)?;
    let last = printed.lines().last().unwrap_or_default();
    match last.contains(expected) {
        true => Ok(()),
        false => Err(format!("the run should end in a line with `{expected}`, and ended in `{last}`")),
    }
}

/// What the example prints.
fn run_example(name: &str, arguments: &[&str]) -> Result<String, String> {
    let mut all = vec!["run", "--quiet", "--all-features", "--example", name, "--"];
    all.extend_from_slice(arguments);
    workspace::cargo_output(&all)
}
