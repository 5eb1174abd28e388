//! `cargo xtask loc`: lines of code, where they are, and which files are longest.

use crate::house::python;
use crate::house::source::Source;
use crate::{Outcome, workspace};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// Prints lines that are neither blank nor comment, by directory, then the ten longest files.
pub(crate) fn run(_: &[String]) -> Outcome {
    let sources = Source::all(&workspace::files(&[".rs"]))?;
    let mut files: Vec<(PathBuf, usize)> =
        sources.iter().map(|source| (source.path.clone(), source.code_lines())).collect();
    files.extend(python::files()?);
    let mut directories: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for (path, lines) in &files {
        let (count, sum) = directories.entry(directory(path)).or_default();
        *count += 1;
        *sum += lines;
    }
    println!("{:<28}{:>6}{:>8}", "directory", "files", "lines");
    for (name, (files, lines)) in &directories {
        println!("{name:<28}{files:>6}{lines:>8}");
    }
    println!("{:<28}{:>6}{:>8}", "", files.len(), files.iter().map(|(_, lines)| lines).sum::<usize>());
    files.sort_by_key(|(path, lines)| (std::cmp::Reverse(*lines), path.clone()));
    println!("\nlongest");
    for (path, lines) in files.iter().take(10) {
        println!("{lines:>6}  {}", path.display());
    }
    Ok(())
}

/// The two directories at the top of a path, or the one if there is but one.
fn directory(path: &Path) -> String {
    let directories = path.parent().into_iter().flat_map(Path::iter).take(2);
    let parts: Vec<_> = directories.map(|part| part.to_string_lossy()).collect();
    if parts.is_empty() { ".".to_owned() } else { parts.join("/") }
}
