//! Where things are, and how to ask cargo about them.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;
use std::{env, fs};

/// The directory of the workspace.
pub(crate) fn root() -> &'static Path {
    static ROOT: LazyLock<PathBuf> = LazyLock::new(|| {
        // Cargo says where it runs us from; a program in a target directory that two checkouts share may be the other's.
        let manifest = env::var_os("CARGO_MANIFEST_DIR").unwrap_or_else(|| env!("CARGO_MANIFEST_DIR").into());
        Path::new(&manifest).parent().expect("xtask is a directory of the workspace").to_path_buf()
    });
    &ROOT
}

/// Where cargo puts what it builds.
pub(crate) fn target() -> PathBuf {
    match env::var_os("CARGO_TARGET_DIR") {
        Some(path) => root().join(path),
        None => root().join("target"),
    }
}

/// The cargo that runs us, in the workspace's directory.
pub(crate) fn cargo() -> Command {
    let mut command = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    command.current_dir(root());
    command
}

/// What a cargo command prints.
pub(crate) fn cargo_output(arguments: &[&str]) -> Result<String, String> {
    let output = cargo().args(arguments).output().map_err(|error| format!("cargo cannot be started: {error}"))?;
    if !output.status.success() {
        let told = String::from_utf8_lossy(&output.stderr);
        return Err(format!("cargo {} failed: {}", arguments.join(" "), told.trim()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// The names in the `[features]` table of a manifest, in its order, without `default`.
pub(crate) fn features(package: &str) -> Result<Vec<String>, String> {
    let path = root().join(package).join("Cargo.toml");
    let text = fs::read_to_string(&path).map_err(|error| format!("{} cannot be read: {error}", path.display()))?;
    let table = text.lines().skip_while(|line| line.trim() != "[features]").skip(1);
    let lines = table.take_while(|line| !line.starts_with('[')).filter(|line| !line.starts_with('#'));
    let names = lines.filter_map(|line| line.split_once('=')).map(|(name, _)| name.trim().to_owned());
    Ok(names.filter(|name| name != "default").collect())
}

/// The tracked and not ignored files whose name ends in one of `endings`, relative to the root, sorted.
pub(crate) fn files(endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![root().to_path_buf()];
    while let Some(directory) = open.pop() {
        for entry in fs::read_dir(&directory).into_iter().flatten().flatten() {
            let path = entry.path();
            let name = entry.file_name().to_string_lossy().into_owned();
            let hidden = name.starts_with('.') && name != ".ci";
            if path.is_dir() && !hidden && name != "target" {
                open.push(path);
            } else if path.is_file() && endings.iter().any(|ending| name.ends_with(ending)) {
                found.extend(path.strip_prefix(root()).map(Path::to_path_buf));
            }
        }
    }
    found.sort();
    found
}

/// A program in a `benches` or an `examples` directory, and the directory of its package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) name: String,
    pub(crate) package: PathBuf,
}

/// `KIND/NAME.rs` and `KIND/NAME/main.rs` among `files`, as cargo finds them.
pub(crate) fn targets(files: &[PathBuf], kind: &str) -> Vec<Target> {
    let mut targets = Vec::new();
    for file in files {
        let path = if file.ends_with("main.rs") { file.parent().unwrap_or(file) } else { file };
        let Some(directory) = path.parent().filter(|directory| directory.ends_with(kind)) else { continue };
        let Some(name) = path.file_stem() else { continue };
        let package = directory.parent().unwrap_or(Path::new("")).to_path_buf();
        targets.push(Target { name: name.to_string_lossy().into_owned(), package });
    }
    targets
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_a_file_or_a_directory_with_a_main() {
        let files =
            ["benches/hits.rs", "benches/disk/main.rs", "benches/disk/raw.rs", "core/benches/wheel.rs", "src/lib.rs"];
        let found = targets(&files.map(PathBuf::from), "benches");
        let expected = [("hits", ""), ("disk", ""), ("wheel", "core")];
        let expected = expected.map(|(name, package)| Target { name: name.to_owned(), package: package.into() });
        assert_eq!(found, expected);
    }

    #[test]
    fn features_are_read_from_a_manifest() {
        let features = features("cache-core").expect("the core has a manifest");
        assert!(features.contains(&"serde".to_owned()) && !features.contains(&"default".to_owned()), "{features:?}");
    }
}
