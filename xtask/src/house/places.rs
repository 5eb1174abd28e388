//! The text is about the project alone: no path of the machine it was written on.

use super::Source;
use crate::workspace;
use std::fs;

/// Directories at the root of a system in which people keep their work, or try things out.
const PRIVATE: &[&str] = &["home", "root", "Users", "work", "mnt", "tmp"];

pub(super) fn private_paths(_: &[Source]) -> Result<Vec<String>, String> {
    let mut faults = Vec::new();
    for path in workspace::files(&[".rs", ".md", ".toml", ".sh", ".yml", "run", ".stderr", ".txt", ".py", ".pyi"]) {
        let Ok(text) = fs::read_to_string(workspace::root().join(&path)) else { continue };
        for (at, line) in text.lines().enumerate() {
            if let Some(place) = private_path(line) {
                faults.push(format!("{}:{}: names `{place}`; say it without a place", path.display(), at + 1));
            }
        }
    }
    Ok(faults)
}

/// An absolute path below one of the private directories. In a URL or a relative path the slash follows a word.
fn private_path(line: &str) -> Option<String> {
    for directory in PRIVATE {
        let start = format!("/{directory}/");
        for (at, _) in line.match_indices(&start) {
            let before = line[..at].chars().next_back();
            if !before.is_some_and(|letter| letter.is_alphanumeric() || ".-_~*}>)/".contains(letter)) {
                return Some(start);
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absolute_private_paths_are_found_and_others_are_not() {
        for directory in PRIVATE {
            let path = format!("open(\"/{directory}/me/cache.db\")");
            assert_eq!(private_path(&path), Some(format!("/{directory}/")), "{path}");
        }
        for fine in ["https://example.org/work/1", "a relative/home/page", "/etc/hosts", "~/work/x"] {
            assert_eq!(private_path(fine), None, "{fine}");
        }
    }
}
