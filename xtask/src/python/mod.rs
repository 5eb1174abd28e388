//! The Python package: its wheel, its tests, its types.

mod bench;
mod counting;
mod debian;
mod interpreter;
mod venv;
mod versions;

use crate::step::Step;
use crate::tally::Tally;
use crate::{Outcome, process, redis, report, workspace};
pub(crate) use bench::bench;
pub(crate) use counting::check as counting;
use interpreter::Interpreter;
use venv::Venv;

/// What `cargo xtask test` runs of it.
pub(crate) fn steps() -> Vec<Step> {
    vec![
        Step::here("python wheel", || install().map(|_| Tally::default())),
        Step::here("pytest", || pytest(&installed()?)),
        Step::here("python format", || black(&Venv::main()?)),
        Step::here("mypy", || mypy(&installed()?)),
        Step::here("stubtest", || stubtest(&installed()?)),
        Step::here("pyright", || pyright(&installed()?)),
        Step::here("every python compiles", versions::check),
    ]
}

/// `cargo xtask python`: the steps above that need a Python, with one; with `--all`, with each that is found.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    match arguments {
        [] => report::run(&steps(), &[]),
        [word] if word == "--all" => every(),
        _ => Err("`python` takes nothing but `--all`".to_owned()),
    }
}

/// Builds and tests with each interpreter that is found; a failing one does not stop the others.
fn every() -> Outcome {
    let mut told = Vec::new();
    for interpreter in Interpreter::all() {
        println!("\n=== {interpreter}");
        let outcome = Venv::of(&interpreter).and_then(|venv| {
            venv.install()?;
            pytest(&venv)
        });
        told.push(match outcome {
            Ok(tally) if tally.failed == 0 => {
                format!("ok      {interpreter}: {} passed, {} skipped", tally.passed, tally.ignored.len())
            }
            Ok(tally) => format!("FAILED  {interpreter}: {} passed, {} failed", tally.passed, tally.failed),
            Err(message) => format!("FAILED  {interpreter}: {}", message.lines().next().unwrap_or_default()),
        });
    }
    println!("\n{}", told.join("\n"));
    if told.iter().any(|line| line.starts_with("FAILED")) {
        return Err("not every Python passed; the lines above say which".to_owned());
    }
    Ok(())
}

/// The environment of the tests, with the package built anew.
fn install() -> Result<Venv, String> {
    let venv = Venv::main()?;
    venv.install()?;
    Ok(venv)
}

/// The environment of the tests, with the package as it was built last.
fn installed() -> Result<Venv, String> {
    let venv = Venv::main()?;
    if venv.has_package() { Ok(venv) } else { install() }
}

fn pytest(venv: &Venv) -> Result<Tally, String> {
    debian::testsuite(venv)?;
    redis::server()?;
    let mut tally = Tally::default();
    let mut command = venv.program("pytest");
    command.args(["-q", "-rsxX", "-p", "no:cacheprovider", "cache-py/tests"]);
    let outcome = process::lines(&mut command, |line| tally.read_pytest(line));
    // A failing test is in the tally, whose report names the step; without one pytest itself has failed.
    if tally.failed == 0 {
        outcome?;
    }
    if tally.passed + tally.failed == 0 {
        return Err("pytest found no test".to_owned());
    }
    Ok(tally)
}

fn black(venv: &Venv) -> Result<Tally, String> {
    let mut command = venv.program("black");
    process::succeed(command.args(["--check", "--quiet", "--diff", "--config", "cache-py/pyproject.toml", "cache-py"]))
        .map_err(|error| format!("{error}; format with `target/python/venv/bin/black cache-py`"))?;
    Ok(Tally::default())
}

/// The package as installed, and the typed tests, each of which says what it expects of the checker.
fn mypy(venv: &Venv) -> Result<Tally, String> {
    let config = ["--config-file", "cache-py/pyproject.toml"];
    process::succeed(venv.program("mypy").args(config).args(["cache-py/tests/typing"]))?;
    process::succeed(venv.program("mypy").args(config).args(["-p", "memolith"]))?;
    Ok(Tally::default())
}

/// The stubs name what the built module has, with its parameters.
fn stubtest(venv: &Venv) -> Result<Tally, String> {
    let mut command = venv.program("stubtest");
    command.args(["memolith", "--mypy-config-file", "cache-py/pyproject.toml"]);
    command.args(["--allowlist", "cache-py/tests/typing/stubtest.txt", "--ignore-disjoint-bases"]);
    // `memolith.django` is imported too, and Django wants settings first.
    process::succeed(command.env("DJANGO_SETTINGS_MODULE", "django.conf.global_settings"))?;
    Ok(Tally::default())
}

fn pyright(venv: &Venv) -> Result<Tally, String> {
    let mut command = venv.program("pyright");
    command.arg("--pythonpath").arg(venv.python()).args(["--project", "cache-py"]);
    // The version is pinned in the requirements: there is none to ask for.
    process::succeed(command.env("PYRIGHT_PYTHON_IGNORE_WARNINGS", "1"))?;
    Ok(Tally::default())
}

/// Where all that is built for Python lies.
fn directory() -> std::path::PathBuf {
    workspace::target().join("python")
}
