//! What the figures were measured on and with.

use std::path::PathBuf;
use std::process::Command;
use std::{env, fs};

/// The packages whose versions matter, as the lock file calls them.
const RIVALS: &[&str] = &[
    "cached",
    "fjall",
    "foyer-memory",
    "hashbrown",
    "heed",
    "memoize",
    "moka",
    "papaya",
    "quick_cache",
    "redis",
    "rusqlite",
    "schnellru",
];

/// Cores that this program may use.
#[must_use]
pub fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// A sentence for the machine and one for the versions.
pub(crate) fn described() -> String {
    let cpu = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let cpu = cpu.lines().find_map(|line| line.strip_prefix("model name")?.split_once(": ")).map(|(_, name)| name);
    let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let load = load.split(' ').next().filter(|load| !load.is_empty()).unwrap_or("not known");
    let rustc = Command::new(env::var_os("RUSTC").unwrap_or_else(|| "rustc".into())).arg("--version").output();
    let rustc = rustc.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_owned());
    format!(
        "{cpu}, {cores} cores, {system}; load at the start: {load}; {rustc}.\n{versions}.\n",
        cpu = cpu.unwrap_or(env::consts::ARCH).trim(),
        cores = cores(),
        system = env::consts::OS,
        rustc = rustc.unwrap_or_else(|_| "rustc".to_owned()),
        versions = versions().join(", "),
    )
}

/// The directory of the workspace.
///
/// # Panics
///
/// If the program was not started by cargo, whose files it belongs to.
pub fn workspace() -> PathBuf {
    let manifest = env::var_os("CARGO_MANIFEST_DIR").expect("cargo says where the package is: use `cargo run`");
    PathBuf::from(manifest).join("../..")
}

fn versions() -> Vec<String> {
    if env::var_os("CARGO_MANIFEST_DIR").is_none() {
        return vec!["versions as in Cargo.lock".to_owned()];
    }
    let lock = fs::read_to_string(workspace().join("Cargo.lock")).unwrap_or_default();
    let value = |line: &str, field: &str| Some(line.strip_prefix(field)?.trim_matches('"').to_owned());
    let mut versions: Vec<(String, String)> = Vec::new();
    for package in lock.split("[[package]]") {
        let field = |name: &str| package.lines().find_map(|line| value(line, name));
        let (Some(name), Some(version)) = (field("name = "), field("version = ")) else { continue };
        if RIVALS.contains(&name.as_str()) {
            // Of several versions the newest, which is the last, is the one that this crate asks for.
            versions.retain(|(other, _)| *other != name);
            versions.push((name, version));
        }
    }
    versions.into_iter().map(|(name, version)| format!("{name} {version}")).collect()
}
