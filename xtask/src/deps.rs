//! `cargo xtask deps`: what each feature set brings along, in crates and in time to build.

use crate::{Outcome, workspace};
use std::collections::BTreeSet;
use std::fs;
use std::time::Instant;

/// What is built, by name: a package, and the arguments that select its features.
const SETS: &[(&str, &str, &[&str])] = &[
    ("macro and memory", "memolith", &["--no-default-features"]),
    ("redis alone", "memolith", &["--no-default-features", "--features", "redis"]),
    ("default", "memolith", &[]),
    ("all features", "memolith", &["--all-features"]),
    ("python package", "memolith-py", &[]),
];

/// Prints a line for each feature set; with `--build`, the cost of a cold debug build too.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let build = match arguments {
        [] => false,
        [word] if word == "--build" => true,
        _ => return Err("`deps` takes nothing but `--build`".to_owned()),
    };
    for (name, package, set) in SETS {
        let crates = crates(package, set)?.len();
        if !build {
            println!("{name:<18}{crates:>4} crates");
            continue;
        }
        let (wall, cpu) = cold_build(package, set)?;
        let cpu = cpu.map_or("not known on this system".to_owned(), |cpu| format!("{cpu:.1} s"));
        println!("{name:<18}{crates:>4} crates, cold debug build: CPU {cpu}, wall {wall:.1} s");
    }
    Ok(())
}

/// The names and versions of the crates that `package` is built from, itself included.
pub(crate) fn crates(package: &str, set: &[&str]) -> Result<BTreeSet<String>, String> {
    let mut arguments = vec!["tree", "-p", package, "--edges", "normal,build", "--prefix", "none", "--format", "{p}"];
    arguments.extend_from_slice(set);
    let tree = workspace::cargo_output(&arguments)?;
    let names = tree.lines().filter_map(|line| line.split(" (").next()).filter(|line| !line.is_empty());
    Ok(names.map(|line| line.trim().to_owned()).collect())
}

/// Wall seconds, and CPU seconds where the system tells, of a build into an empty directory.
fn cold_build(package: &str, set: &[&str]) -> Result<(f64, Option<f64>), String> {
    let target = workspace::target().join("cold");
    if target.exists() {
        fs::remove_dir_all(&target).map_err(|error| format!("{} cannot be emptied: {error}", target.display()))?;
    }
    // Fetching is not building.
    workspace::cargo_output(&["fetch"])?;
    let (start, before) = (Instant::now(), cpu_of_children());
    let mut command = workspace::cargo();
    let command = command.args(["build", "--quiet", "-p", package]).args(set).env("CARGO_TARGET_DIR", &target);
    let status = command.status().map_err(|error| format!("cargo cannot be started: {error}"))?;
    if !status.success() {
        return Err(format!("the build ended with {status}"));
    }
    let cpu = cpu_of_children().zip(before).map(|(after, before)| after - before);
    Ok((start.elapsed().as_secs_f64(), cpu))
}

/// User and system seconds of the children waited for so far, and of theirs. Linux counts them in hundredths.
fn cpu_of_children() -> Option<f64> {
    let stat = fs::read_to_string("/proc/self/stat").ok()?;
    let (_, after_name) = stat.rsplit_once(')')?;
    let fields: Vec<&str> = after_name.split_whitespace().collect();
    let ticks: f64 = fields.get(13)?.parse::<f64>().ok()? + fields.get(14)?.parse::<f64>().ok()?;
    Some(ticks / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_core_alone_is_a_few_crates() {
        let crates = crates("memolith-core", &["--no-default-features"]).expect("cargo tree works here");
        assert!(crates.iter().any(|name| name.starts_with("hashbrown ")), "{crates:?}");
        assert!(crates.len() < 15, "{crates:?}");
    }
}
