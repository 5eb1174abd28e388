//! Rules about the crates that memolith is built from.

use super::Source;
use crate::{deps, workspace};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;

/// All that the core may stand on with its features off: `hashbrown`, `parking_lot`, and what these need on some system.
const CORE: &[&str] = &[
    "memolith-core",
    "hashbrown",
    "foldhash",
    "parking_lot",
    "lock_api",
    "scopeguard",
    "parking_lot_core",
    "cfg-if",
    "libc",
    "smallvec",
    "redox_syscall",
    "bitflags",
    "windows-link",
];

/// Second versions that a dependency forces on us, each with its reason in deny.toml.
const TOLERATED: &[&str] = &["getrandom v0.2.", "syn v2."];

pub(super) fn core_dependencies(_: &[Source]) -> Result<Vec<String>, String> {
    let crates = deps::crates("memolith-core", &["--no-default-features"])?;
    let names = crates.iter().filter_map(|line| line.split(' ').next());
    let strangers = names.filter(|name| !CORE.contains(name));
    Ok(strangers
        .map(|name| format!("cache-core: depends on `{name}` with its features off; put it behind a feature"))
        .collect())
}

pub(super) fn duplicates(_: &[Source]) -> Result<Vec<String>, String> {
    let mut faults = Vec::new();
    for package in ["memolith", "memolith-py"] {
        faults.extend(twice(&deps::crates(package, &["--all-features"])?));
    }
    faults.sort();
    faults.dedup();
    Ok(faults)
}

/// A fault for each crate of which there is more than one version.
fn twice(crates: &BTreeSet<String>) -> Vec<String> {
    let mut versions: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for package in crates.iter().filter(|package| !TOLERATED.iter().any(|start| package.starts_with(start))) {
        versions.entry(package.split(' ').next().unwrap_or_default()).or_default().push(package);
    }
    let twice = versions.into_values().filter(|packages| packages.len() > 1);
    twice.map(|packages| format!("{} are in one graph; bring them together", packages.join(" and "))).collect()
}

pub(super) fn licences(_: &[Source]) -> Result<Vec<String>, String> {
    let path = workspace::root().join("deny.toml");
    let text = fs::read_to_string(&path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    let (allowed, exceptions) = (allowed(&text), exceptions(&text));
    let tree = workspace::cargo_output(&[
        "tree",
        "--workspace",
        "--all-features",
        "--edges",
        "normal,build",
        "--prefix",
        "none",
        "--no-dedupe",
        "--format",
        "{l}|{p}",
    ])?;
    let mut faults = Vec::new();
    for (licence, package) in tree.lines().filter_map(|line| line.split_once('|')) {
        let excepted = exceptions.iter().find(|(name, _)| package.split(' ').next() == Some(name));
        let its_own = excepted.is_some_and(|(_, allowed)| satisfied(licence, allowed));
        if !its_own && !satisfied(licence, &allowed) {
            faults.push(format!("{package}: its licence `{licence}` is not in deny.toml"));
        }
    }
    faults.sort();
    faults.dedup();
    Ok(faults)
}

/// The strings of the `allow = [..]` list below `[licenses]`.
fn allowed(deny: &str) -> Vec<&str> {
    let section = deny.split("[licenses]").nth(1).unwrap_or_default();
    let list = section.split("allow = [").nth(1).and_then(|rest| rest.split(']').next()).unwrap_or_default();
    list.split('"').skip(1).step_by(2).collect()
}

/// The crates of the `exceptions = [..]` list, one a line, and what each is allowed beside.
fn exceptions(deny: &str) -> Vec<(&str, Vec<&str>)> {
    let list = deny.split("\nexceptions = [\n").nth(1).and_then(|rest| rest.split("\n]").next()).unwrap_or_default();
    list.lines().filter_map(exception).collect()
}

fn exception(line: &str) -> Option<(&str, Vec<&str>)> {
    let mut quoted = line.split('"').skip(1).step_by(2);
    Some((quoted.next()?, quoted.collect()))
}

/// Whether one side of an expression of licences with `OR` (or the old `/`) is allowed as a whole.
fn satisfied(expression: &str, allowed: &[&str]) -> bool {
    let expression = expression.replace(['(', ')'], "").replace('/', " OR ");
    expression.split(" OR ").any(|side| side.split(" AND ").all(|licence| allowed.contains(&licence.trim())))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_versions_are_a_fault_and_a_tolerated_one_is_none() {
        let crates = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        assert_eq!(twice(&crates(&["syn v2.0.1", "syn v3.0.2", "serde v1.0.0"])), Vec::<String>::new());
        assert_eq!(twice(&crates(&["serde v1.0.0", "serde v2.0.0"])).len(), 1);
    }

    #[test]
    fn a_licence_is_satisfied_by_one_side_or_by_an_exception() {
        let allowed = allowed("[bans]\n[licenses]\nallow = [\n  \"MIT\",\n  \"Unicode-3.0\",\n]\n");
        assert_eq!(allowed, ["MIT", "Unicode-3.0"]);
        for good in ["MIT", "MIT OR Apache-2.0", "Apache-2.0/MIT", "(MIT OR Apache-2.0) AND Unicode-3.0"] {
            assert!(satisfied(good, &allowed), "{good}");
        }
        let deny = "allow = [\n]\nexceptions = [\n  { crate = \"a\", allow = [\"0BSD\"] },\n]\n";
        assert_eq!(exceptions(deny), [("a", vec!["0BSD"])]);
        for bad in ["", "GPL-3.0", "Apache-2.0", "MIT AND GPL-3.0"] {
            assert!(!satisfied(bad, &allowed), "{bad}");
        }
    }
}
