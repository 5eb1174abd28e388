//! `cargo xtask bench`: measurements, a program or a file of benchmarks for each theme.

use crate::{Outcome, python, tables, workspace};
use std::path::PathBuf;

/// A theme, and what runs it.
struct Theme {
    name: String,
    work: Work,
}

enum Work {
    /// Cargo, with these arguments.
    Cargo(Vec<String>),
    /// The Python package's own benchmarks.
    Python,
}

/// Runs all themes, or the one named first; what follows is for the theme itself.
///
/// With `--save` the themes write their tables to `benches/results`, and BENCHMARKS.md gets them.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let themes = themes(&workspace::files(&[".rs"]));
    let names: Vec<_> = themes.iter().map(|theme| theme.name.clone()).collect();
    let (wanted, rest) = split(arguments);
    if wanted.is_some_and(|name| !names.contains(name)) || names.is_empty() {
        let name = wanted.map_or("all", String::as_str);
        return Err(format!("there is no theme `{name}`; the themes are {}", names.join(", ")));
    }
    for theme in themes.iter().filter(|theme| wanted.is_none_or(|name| theme.name == *name)) {
        println!("=== {}", theme.name);
        theme.run(rest)?;
    }
    if rest.iter().any(|word| word == "--save") { tables::renew() } else { Ok(()) }
}

impl Theme {
    fn run(&self, rest: &[String]) -> Outcome {
        let Work::Cargo(arguments) = &self.work else { return python::bench(rest) };
        let status = workspace::cargo().args(arguments).arg("--").args(rest).status();
        let status = status.map_err(|error| format!("cargo cannot be started: {error}"))?;
        if status.success() { Ok(()) } else { Err(format!("the theme `{}` ended with {status}", self.name)) }
    }
}

/// The theme, if the first word is one and no option, and what it is told; a `--` between them may stand or be left out.
fn split(arguments: &[String]) -> (Option<&String>, &[String]) {
    let (wanted, rest) = match arguments.split_first() {
        Some((name, rest)) if !name.starts_with("--") => (Some(name), rest),
        _ => (None, arguments),
    };
    match rest.split_first() {
        Some((dashes, rest)) if dashes == "--" => (wanted, rest),
        _ => (wanted, rest),
    }
}

/// The programs of `benches/compare`, which race us against others, what stands in other `benches` directories, and
/// the Python package.
fn themes(files: &[PathBuf]) -> Vec<Theme> {
    let races = workspace::targets(files, "benches/compare/src/bin").into_iter().map(|race| Theme {
        work: Work::Cargo(words(&[
            "run",
            "--quiet",
            "--profile",
            "bench",
            "--package",
            "memolith-compare",
            "--bin",
            &race.name,
        ])),
        name: race.name,
    });
    let benches = workspace::targets(files, "benches").into_iter().map(|bench| {
        let manifest = bench.package.join("Cargo.toml").to_string_lossy().into_owned();
        let arguments =
            words(&["bench", "--quiet", "--all-features", "--manifest-path", &manifest, "--bench", &bench.name]);
        Theme { name: bench.name, work: Work::Cargo(arguments) }
    });
    let python = Theme { name: "python".to_owned(), work: Work::Python };
    races.chain(benches).chain([python]).collect()
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_theme_comes_first_and_options_need_none() {
        let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
        for (line, theme, rest) in [
            ("hits --quick", Some("hits"), "--quick"),
            ("hits -- --quick", Some("hits"), "--quick"),
            ("--save --quick", None, "--save --quick"),
            ("-- --save", None, "--save"),
        ] {
            let line = words(line);
            let (found, told) = split(&line);
            assert_eq!((found.map(String::as_str), told.join(" ").as_str()), (theme, rest));
        }
    }

    #[test]
    fn a_theme_is_a_race_or_a_bench() {
        let files = ["benches/compare/src/bin/hits.rs", "benches/compare/src/lib.rs", "cache-core/benches/wheel.rs"];
        let themes = themes(&files.map(PathBuf::from));
        let command = |theme: &Theme| match &theme.work {
            Work::Cargo(arguments) => arguments.join(" "),
            Work::Python => theme.name.clone(),
        };
        let commands: Vec<_> = themes.iter().map(command).collect();
        let expected = [
            "run --quiet --profile bench --package memolith-compare --bin hits",
            "bench --quiet --all-features --manifest-path cache-core/Cargo.toml --bench wheel",
            "python",
        ];
        assert_eq!(commands, expected);
    }
}
