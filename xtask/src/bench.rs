//! `cargo xtask bench`: each file in a `benches` directory is a theme.

use crate::{Outcome, workspace};
use std::path::Path;

/// A file of benchmarks: its name, and the directory of its package.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Theme {
    name: String,
    package: String,
}

/// Runs all themes, or the one named first; what follows is for the benchmark itself.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let themes = themes(&workspace::files(&[".rs"]));
    if themes.is_empty() {
        return Err("there are no benchmarks; add a file to `benches` and a `[[bench]]` entry for it".to_owned());
    }
    let (wanted, rest) = match arguments.split_first() {
        None => (themes, &[][..]),
        Some((name, rest)) => {
            let chosen: Vec<_> = themes.iter().filter(|theme| theme.name == *name).cloned().collect();
            if chosen.is_empty() {
                let names: Vec<_> = themes.iter().map(|theme| theme.name.as_str()).collect();
                return Err(format!("there is no theme `{name}`; the themes are {}", names.join(", ")));
            }
            (chosen, rest)
        }
    };
    for theme in wanted {
        let manifest = workspace::root().join(&theme.package).join("Cargo.toml");
        let mut command = workspace::cargo();
        command.args(["bench", "--all-features", "--bench", &theme.name, "--manifest-path"]).arg(manifest);
        let status =
            command.arg("--").args(rest).status().map_err(|error| format!("cargo cannot be started: {error}"))?;
        if !status.success() {
            return Err(format!("the benchmark `{}` ended with {status}", theme.name));
        }
    }
    Ok(())
}

/// `benches/NAME.rs` and `benches/NAME/main.rs`, in the package that has the directory.
fn themes(files: &[impl AsRef<Path>]) -> Vec<Theme> {
    let mut themes = Vec::new();
    for file in files {
        let file = file.as_ref();
        let path = if file.ends_with("main.rs") { file.parent().unwrap_or(file) } else { file };
        let Some(directory) = path.parent().filter(|directory| directory.ends_with("benches")) else { continue };
        let Some(name) = path.file_stem() else { continue };
        let package = directory.parent().unwrap_or(Path::new("")).to_string_lossy().into_owned();
        themes.push(Theme { name: name.to_string_lossy().into_owned(), package });
    }
    themes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_theme_is_a_file_or_a_directory_in_benches() {
        let files = [
            "benches/hits.rs",
            "benches/disk/main.rs",
            "benches/disk/raw.rs",
            "cache-core/benches/wheel.rs",
            "src/lib.rs",
        ];
        let found: Vec<_> = themes(&files).into_iter().map(|theme| (theme.name, theme.package)).collect();
        let expected = [("hits", ""), ("disk", ""), ("wheel", "cache-core")];
        assert_eq!(found, expected.map(|(name, package)| (name.to_owned(), package.to_owned())));
    }
}
