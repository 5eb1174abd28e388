//! `cargo xtask loc`: lines of code, where they are, and which files are longest.

use crate::house::source::Source;
use crate::{Outcome, workspace};
use std::collections::BTreeMap;

/// Prints lines that are neither blank nor comment, by directory, then the ten longest files.
pub(crate) fn run(_: &[String]) -> Outcome {
    let sources = Source::all(&workspace::files(&[".rs"]))?;
    let mut directories: BTreeMap<String, (usize, usize)> = BTreeMap::new();
    for source in &sources {
        let top = source.path.components().take(2).map(|part| part.as_os_str().to_string_lossy()).collect::<Vec<_>>();
        let name = if top.len() > 1 && !top[1].ends_with(".rs") { top.join("/") } else { top[0].to_string() };
        let (files, lines) = directories.entry(name).or_default();
        *files += 1;
        *lines += source.code_lines();
    }
    println!("{:<28}{:>6}{:>8}", "directory", "files", "lines");
    for (name, (files, lines)) in &directories {
        println!("{name:<28}{files:>6}{lines:>8}");
    }
    println!("{:<28}{:>6}{:>8}", "", sources.len(), sources.iter().map(Source::code_lines).sum::<usize>());
    let mut longest: Vec<_> = sources.iter().map(|source| (source.code_lines(), &source.path)).collect();
    longest.sort_by(|one, other| other.cmp(one));
    println!("\nlongest");
    for (lines, path) in longest.iter().take(10) {
        println!("{lines:>6}  {}", path.display());
    }
    Ok(())
}
