//! A Rust file as the rules see it: its code without comments and without the contents of literals.

use crate::workspace;
use std::fs;
use std::path::{Path, PathBuf};

/// One file.
pub(crate) struct Source {
    /// Relative to the workspace.
    pub(crate) path: PathBuf,
    /// The lines of the file, comments and the contents of literals taken out.
    pub(crate) code: Vec<String>,
}

impl Source {
    /// Reads `files`, given relative to the workspace.
    pub(crate) fn all(files: &[PathBuf]) -> Result<Vec<Source>, String> {
        let read = |path: &PathBuf| match fs::read_to_string(workspace::root().join(path)) {
            Ok(text) => Ok(Source::new(path, &text)),
            Err(error) => Err(format!("{} cannot be read: {error}", path.display())),
        };
        files.iter().map(read).collect()
    }

    /// A file called `path` that holds `text`.
    pub(crate) fn new(path: impl AsRef<Path>, text: &str) -> Source {
        let code = strip(text).lines().map(|line| line.trim_end().to_owned()).collect();
        Source { path: path.as_ref().to_path_buf(), code }
    }

    /// Lines that are neither blank nor comment.
    pub(crate) fn code_lines(&self) -> usize {
        self.code.iter().filter(|line| !line.is_empty()).count()
    }

    /// Whether the file holds nothing but tests, benchmarks or fuzz targets.
    pub(crate) fn is_test(&self) -> bool {
        let test_directory = |part: &std::ffi::OsStr| part == "tests" || part == "benches" || part == "fuzz";
        let name = self.path.file_stem().unwrap_or_default().to_string_lossy();
        self.path.iter().any(test_directory) || name == "tests" || name.ends_with("_tests")
    }
}

/// `text` without comments and without what stands between quotes; line breaks stay.
fn strip(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let length = match first {
            '/' if rest.starts_with("//") => rest.find('\n').unwrap_or(rest.len()),
            '/' if rest.starts_with("/*") => block_comment(rest),
            '"' => literal(rest, 0),
            '\'' => character(rest),
            _ => match word(rest) {
                0 => {
                    out.push(first);
                    rest = &rest[first.len_utf8()..];
                    continue;
                }
                length => {
                    out.push_str(&rest[..length]);
                    rest = &rest[length..];
                    rest = &rest[raw(&out, rest)..];
                    continue;
                }
            },
        };
        out.extend(rest[..length].chars().filter(|&letter| letter == '\n'));
        rest = &rest[length..];
    }
    out
}

/// The length of the word at the start of `rest`; zero when there is none.
fn word(rest: &str) -> usize {
    rest.find(|letter: char| !letter.is_alphanumeric() && letter != '_').unwrap_or(rest.len())
}

/// The length of the rest of a raw string, whose prefix `out` ends in; zero when there is none.
fn raw(out: &str, rest: &str) -> usize {
    let prefix = ["r", "br", "cr"].iter().any(|prefix| {
        out.strip_suffix(prefix)
            .is_some_and(|before| !before.ends_with(|letter: char| letter.is_alphanumeric() || letter == '_'))
    });
    let hashes = rest.len() - rest.trim_start_matches('#').len();
    if prefix && rest[hashes..].starts_with('"') { hashes + literal(&rest[hashes..], hashes + 1) } else { 0 }
}

/// The length of the string literal at the start of `rest`; `raw` is one more than the hashes of a raw one, zero for others.
fn literal(rest: &str, raw: usize) -> usize {
    if raw > 0 {
        let end = format!("\"{}", "#".repeat(raw - 1));
        return rest[1..].find(&end).map_or(rest.len(), |at| 1 + at + end.len());
    }
    let mut escaped = false;
    for (at, letter) in rest.char_indices().skip(1) {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '"' => return at + 1,
            _ => {}
        }
    }
    rest.len()
}

/// The length of the character literal at the start of `rest`, or of the quote alone when it starts a lifetime.
fn character(rest: &str) -> usize {
    let mut letters = rest.char_indices().skip(1);
    match (letters.next(), letters.next()) {
        (Some((_, '\\')), _) => rest[3.min(rest.len())..].find('\'').map_or(rest.len(), |at| 3 + at + 1),
        (Some(_), Some((at, '\''))) => at + 1,
        _ => 1,
    }
}

/// The length of the block comment at the start of `rest`; they nest.
fn block_comment(rest: &str) -> usize {
    let (mut depth, mut at) = (0_usize, 0);
    while at < rest.len() {
        let here = &rest.as_bytes()[at..];
        let (change, step) = match here {
            [b'/', b'*', ..] => (1, 2),
            [b'*', b'/', ..] => (-1, 2),
            _ => (0, 1),
        };
        depth = depth.saturating_add_signed(change);
        at += step;
        if depth == 0 {
            return at;
        }
    }
    rest.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_literals_go_and_code_stays() {
        let cases = [
            ("let x = 1; // unsafe", "let x = 1; "),
            ("a /* b /* c */ d */ e", "a  e"),
            ("a /* b\n c */ d", "a \n d"),
            (r#"f("unsafe { \" }", 'x', '\'', '"')"#, "f(, , , )"),
            (r##"let r = r#"unsafe " {"#; x"##, "let r = r; x"),
            ("fn f<'a>(x: &'a str)", "fn f<a>(x: &a str)"),
            (r#"let x = br"\"; y"#, "let x = br; y"),
            (r#"for"a""#, "for"),
            ("'é' 'b' \"ü\"", "  "),
        ];
        for (text, code) in cases {
            assert_eq!(strip(text), code, "{text}");
        }
    }

    #[test]
    fn only_lines_with_code_count() {
        let source = Source::new("a.rs", "//! Docs.\n\nfn f() {\n    // why\n    g(\n        \"a\n b\"\n    )\n}\n");
        assert_eq!(source.code_lines(), 4);
    }

    #[test]
    fn test_files_are_known_by_their_place_or_name() {
        for path in [
            "tests/it/main.rs",
            "cache-core/src/bytes/tests.rs",
            "cache-core/src/memory/expiry_tests.rs",
            "benches/a.rs",
        ] {
            assert!(Source::new(path, "").is_test(), "{path}");
        }
        assert!(!Source::new("cache-core/src/cache.rs", "").is_test());
    }
}
