//! Rules about the Python files.

use super::Source;
use crate::workspace;
use std::fs;
use std::path::{Path, PathBuf};

const LONGEST_FILE: usize = 400;

/// The Python files below the workspace, each with its lines of code.
pub(crate) fn files() -> Result<Vec<(PathBuf, usize)>, String> {
    let files = workspace::files(&[".py", ".pyi"]);
    let counted = files.into_iter().map(|path| match fs::read_to_string(workspace::root().join(&path)) {
        Ok(text) => Ok((path, code_lines(&text))),
        Err(error) => Err(format!("{} cannot be read: {error}", path.display())),
    });
    counted.collect()
}

pub(super) fn long_files(_: &[Source]) -> Result<Vec<String>, String> {
    let long = files()?.into_iter().filter(|(path, lines)| !is_test(path) && *lines > LONGEST_FILE);
    Ok(long.map(|(path, lines)| format!("{}: {lines} lines of code; split it by idea", path.display())).collect())
}

fn is_test(path: &Path) -> bool {
    path.iter().any(|part| part == "tests")
}

/// Lines that are neither blank nor comment nor part of a text that stands alone, as docstrings do.
fn code_lines(text: &str) -> usize {
    let (mut lines, mut in_text) = (0, false);
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        let quotes = line.matches("\"\"\"").count();
        if in_text {
            in_text = quotes % 2 == 0;
        } else if line.starts_with("\"\"\"") || line.starts_with("r\"\"\"") {
            in_text = quotes == 1;
        } else if !line.starts_with('#') {
            lines += 1;
            in_text = quotes % 2 == 1;
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_lines_with_code_count() {
        let text =
            "\"\"\"Docs.\n\n# more\n\"\"\"\n\nimport a  # why\n# no\ndef f():\n    \"\"\"One.\"\"\"\n    return 1\n";
        assert_eq!(code_lines(text), 3);
        assert_eq!(code_lines("x = \"\"\"\na\n\"\"\"\ny = 1\n"), 2);
    }

    #[test]
    fn tests_may_be_long() {
        assert!(is_test(Path::new("cache-py/tests/test_a.py")) && !is_test(Path::new("cache-py/bench/a.py")));
    }
}
