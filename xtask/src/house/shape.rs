//! Rules about single files.

use super::Source;

const LONGEST_FILE: usize = 400;
const LONGEST_EXAMPLE: usize = 39;

/// Examples that are more than one idea: whole programs, and the jobs of the README.
const PROGRAMS: &[&str] = &["examples/checksums", "examples/jobs.rs", "examples/simulate"];

/// Where `unsafe` may stand; each place has a reason in ARCHITECTURE.md.
const UNSAFE_ROOMS: &[&str] = &[
    "cache-core/src/lock.rs",
    "cache-core/src/memory/index.rs",
    "cache-core/src/memory/segments.rs",
    "cache-core/src/memory/slab.rs",
    "cache-core/src/memory/stripes.rs",
    "cache-core/src/system.rs",
    "cache-backends/src/shared/",
    "cache-py/",
];

/// The room that may hold so many lines of it.
const BOUNDED_ROOM: &str = "cache-backends/src/shared/";
const MOST_UNSAFE: usize = 600;

/// Where a forked child must find no lock of `parking_lot`, whose waiters a whole process has in common.
const FIT_FOR_FORKS: &str = "cache-backends/src/redis/";

/// Crate roots that hold docs, `mod` and `pub use` alone. The macro crate's must hold its entry point.
const CRATE_ROOTS: &[&str] = &["src/lib.rs", "cache-core/src/lib.rs", "cache-backends/src/lib.rs"];

pub(super) fn long_files(sources: &[Source]) -> Result<Vec<String>, String> {
    let long = sources.iter().filter(|source| !source.is_test() && source.code_lines() > LONGEST_FILE);
    Ok(long
        .map(|source| format!("{}: {} lines of code; split it by idea", source.path.display(), source.code_lines()))
        .collect())
}

pub(super) fn long_examples(sources: &[Source]) -> Result<Vec<String>, String> {
    let mut faults = Vec::new();
    for source in sources.iter().filter(|source| source.path.starts_with("examples")) {
        let program = PROGRAMS.iter().any(|path| source.path.starts_with(path));
        if !program && source.code_lines() > LONGEST_EXAMPLE {
            faults.push(format!("{}: {} lines of code; show one idea", source.path.display(), source.code_lines()));
        }
    }
    Ok(faults)
}

pub(super) fn stray_unsafe(sources: &[Source]) -> Result<Vec<String>, String> {
    let mut faults = Vec::new();
    for source in sources.iter().filter(|source| !source.is_test()) {
        let path = source.path.to_string_lossy().replace('\\', "/");
        if UNSAFE_ROOMS.iter().any(|room| path.starts_with(room)) {
            continue;
        }
        for (at, line) in source.code.iter().enumerate().filter(|(_, line)| is_unsafe(line)) {
            faults.push(format!("{path}:{}: {}; write it safely", at + 1, line.trim()));
        }
    }
    Ok(faults)
}

pub(super) fn much_unsafe(sources: &[Source]) -> Result<Vec<String>, String> {
    let of_the_room = |source: &&Source| {
        !source.is_test() && source.path.to_string_lossy().replace('\\', "/").starts_with(BOUNDED_ROOM)
    };
    let lines: usize = sources.iter().filter(of_the_room).map(unsafe_lines).sum();
    if lines <= MOST_UNSAFE {
        return Ok(Vec::new());
    }
    Ok(vec![format!("{BOUNDED_ROOM}: {lines} lines of unsafe code; write some of it safely")])
}

/// Lines from the word `unsafe` to the end of the block, the function or the `impl` that it opens.
fn unsafe_lines(source: &Source) -> usize {
    let mut lines = 0;
    let mut open = None;
    for line in source.code.iter().filter(|line| !line.is_empty()) {
        let from = match open {
            Some(_) => line.as_str(),
            None if is_unsafe(line) => &line[line.find("unsafe").unwrap_or(0)..],
            None => continue,
        };
        lines += 1;
        open = after(from, open.unwrap_or(0));
    }
    lines
}

/// How many braces are open after `text`, if what they belong to goes on: `None` where the first is closed again, or a
/// semicolon comes before it.
fn after(text: &str, open: usize) -> Option<usize> {
    let mut depth = open;
    for letter in text.chars() {
        match letter {
            '{' => depth += 1,
            '}' if depth <= 1 => return None,
            '}' => depth -= 1,
            ';' if depth == 0 => return None,
            _ => {}
        }
    }
    Some(depth)
}

/// Whether a line opens unsafe code; `Token![unsafe]` does not.
fn is_unsafe(line: &str) -> bool {
    let forms = ["unsafe {", "unsafe fn", "unsafe impl", "unsafe trait", "unsafe extern", "[unsafe("];
    forms.iter().any(|form| line.contains(form)) || line.trim_end().ends_with(" unsafe")
}

pub(super) fn locks_unfit_for_forks(sources: &[Source]) -> Result<Vec<String>, String> {
    let mut faults = Vec::new();
    for source in sources.iter().filter(|source| source.path.starts_with(FIT_FOR_FORKS)) {
        for (at, line) in source.code.iter().enumerate().filter(|(_, line)| line.contains("parking_lot")) {
            let place = format!("{}:{}", source.path.display(), at + 1);
            faults.push(format!("{place}: {}; take those of `redis/lock.rs`", line.trim()));
        }
    }
    Ok(faults)
}

pub(super) fn busy_crate_roots(sources: &[Source]) -> Result<Vec<String>, String> {
    let mut faults = Vec::new();
    for source in
        sources.iter().filter(|source| CRATE_ROOTS.iter().any(|root| source.path == std::path::Path::new(root)))
    {
        for (at, line) in source.code.iter().enumerate().filter(|(_, line)| has_function(line)) {
            faults.push(format!("{}:{}: {}; move it to a file of its own", source.path.display(), at + 1, line.trim()));
        }
    }
    Ok(faults)
}

fn has_function(line: &str) -> bool {
    let line = line.trim_start();
    ["fn ", "pub fn ", "pub(crate) fn ", "async fn ", "pub async fn ", "impl ", "impl<"]
        .iter()
        .any(|start| line.starts_with(start))
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    #[test]
    fn a_file_of_401_lines_of_code_is_too_long() {
        let lines = |count: usize| format!("//! Docs.\n\n{}", "let x = 1;\n".repeat(count));
        assert!(long_files(&[Source::new("src/a.rs", &lines(400))]).unwrap().is_empty());
        assert_eq!(
            long_files(&[Source::new("src/a.rs", &lines(401))]).unwrap(),
            ["src/a.rs: 401 lines of code; split it by idea"]
        );
        assert!(long_files(&[Source::new("tests/it/a.rs", &lines(401))]).unwrap().is_empty());
    }

    #[test]
    fn unsafe_code_is_found_outside_its_rooms_only() {
        let text = "// unsafe {\nlet token = Token![unsafe];\nlet x = unsafe { y() };\n";
        assert_eq!(
            stray_unsafe(&[Source::new("src/a.rs", text)]).unwrap(),
            ["src/a.rs:3: let x = unsafe { y() };; write it safely"]
        );
        assert!(stray_unsafe(&[Source::new("cache-backends/src/shared/map.rs", text)]).unwrap().is_empty());
    }

    #[test]
    fn a_lock_that_a_forked_child_cannot_use_is_found() {
        let faults = |path: &str, text| locks_unfit_for_forks(&[Source::new(path, text)]).unwrap().len();
        assert_eq!(faults("cache-backends/src/redis/keys/lent.rs", "use parking_lot::Mutex;"), 1);
        assert_eq!(faults("cache-backends/src/redis/lock.rs", "//! Not those of `parking_lot`.\nuse std::sync;"), 0);
        assert_eq!(faults("cache-backends/src/shared/board.rs", "use parking_lot::Mutex;"), 0);
    }

    #[test]
    fn lines_of_unsafe_code_are_those_of_its_blocks() {
        let text = "// unsafe {\nlet x = 1;\nlet x = unsafe { y() };\nlet z = unsafe {\n    // Why.\n    if a {\n        b()\n\
            \x20   }\n};\nunsafe impl Send for Map {}\nunsafe fn f(\n    a: u8,\n) {\n}\nfn g() {}\n";
        let source = Source::new("cache-backends/src/shared/map.rs", text);
        assert_eq!(unsafe_lines(&source), 1 + 5 + 1 + 4);
        assert!(much_unsafe(&[source]).unwrap().is_empty());
    }

    #[test]
    fn unsafe_code_of_601_lines_is_too_much() {
        let text = |lines: usize| format!("unsafe {{\n{}}}\n", "f();\n".repeat(lines - 2));
        let files =
            |lines: usize| [300, lines - 300].map(|lines| Source::new("cache-backends/src/shared/a.rs", &text(lines)));
        assert!(much_unsafe(&files(600)).unwrap().is_empty());
        assert!(much_unsafe(&files(601)).unwrap()[0].contains("601 lines"));
        let elsewhere = Source::new("cache-core/src/lock.rs", &text(700));
        assert!(much_unsafe(&[elsewhere]).unwrap().is_empty());
    }

    #[test]
    fn a_crate_root_with_a_function_is_busy() {
        let text = "//! Docs with fn main() {}.\nmod a;\npub use a::b;\npub fn c() {}\n";
        assert_eq!(busy_crate_roots(&[Source::new("src/lib.rs", text)]).unwrap().len(), 1);
        assert!(busy_crate_roots(&[Source::new("cache-macros/src/lib.rs", text)]).unwrap().is_empty());
    }

    #[test]
    fn an_example_shows_one_idea_and_a_program_may_be_longer() {
        let text = "f();\n".repeat(40);
        assert_eq!(long_examples(&[Source::new("examples/ttl.rs", &text)]).unwrap().len(), 1);
        assert!(long_examples(&[Source::new("examples/checksums/main.rs", &text)]).unwrap().is_empty());
    }
}
