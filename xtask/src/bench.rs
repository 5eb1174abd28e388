//! `cargo xtask bench`: each file in a `benches` directory is a theme.

use crate::{Outcome, workspace};

/// Runs all themes, or the one named first; what follows is for the benchmark itself.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    let themes = workspace::targets(&workspace::files(&[".rs"]), "benches");
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
