//! The README and the documentation show code that is compiled and run, and no more of it than they say.

const README: &str = include_str!("../../README.md");
const JOBS: &str = include_str!("../../examples/jobs.rs");
const OWN_BACKEND: &str = include_str!("../../examples/own_backend.rs");
const BACKEND: &str = include_str!("../../cache-core/src/backend.rs");

/// Lines that count: neither blank nor the documentation of the file.
fn lines(text: &str) -> Vec<&str> {
    text.lines().filter(|line| !line.trim().is_empty() && !line.starts_with("//!")).collect()
}

/// What stands in the code blocks of a page.
fn code(page: &str) -> String {
    page.split("```rust\n").skip(1).filter_map(|rest| rest.split("```").next()).collect()
}

/// The part of the README between its two marks.
fn jobs_of_the_readme() -> String {
    let (_, rest) = README.split_once("<!-- jobs").expect("the README marks where the jobs begin");
    let (jobs, _) = rest.split_once("<!-- end of jobs -->").expect("the README marks where the jobs end");
    code(jobs)
}

#[test]
fn the_jobs_of_the_readme_are_the_example() {
    let (jobs, _) = JOBS.split_once("// What follows is not in the README").expect("the example says where it goes on");
    assert_eq!(lines(&jobs_of_the_readme()), lines(jobs));
}

#[test]
fn eight_jobs_take_forty_lines_with_their_imports() {
    let jobs = jobs_of_the_readme();
    let attributes = jobs.matches("#[lru_cache").count();
    assert_eq!(attributes, 7, "the eighth job is the one that looks at the counters");
    let count = lines(&jobs).len();
    assert!(count <= 40, "the jobs take {count} lines");
}

#[test]
fn the_documentation_of_backend_shows_the_example() {
    let documented: Vec<_> = BACKEND.lines().filter_map(|line| line.strip_prefix("///")).map(str::trim).collect();
    let (_, example) = OWN_BACKEND.split_once("impl Backend for Shelf").expect("the example is a shelf");
    let (example, _) = example.split_once("\n}\n").expect("the implementation ends");
    for line in example.lines().skip(1) {
        assert!(documented.contains(&line.trim()), "not in the documentation: {line}");
    }
}
