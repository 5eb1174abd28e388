//! `cargo xtask ci`: all that a change must pass. To add a check, add a line to [`steps`].

use crate::step::Step;
use crate::{Outcome, house, python, report, sanitizer, test, torment, watch, workspace};

/// The packages whose features are checked one by one, by directory.
const PACKAGES: &[(&str, &str)] =
    &[("memolith", "."), ("memolith-core", "cache-core"), ("memolith-backends", "cache-backends")];

/// Runs the steps, or those named.
///
/// The oldest supported compiler is not run: clippy's `incompatible_msrv` refuses what it does not have.
pub(crate) fn run(wanted: &[String]) -> Outcome {
    report::run(&steps()?, wanted)
}

fn steps() -> Result<Vec<Step>, String> {
    let mut steps = vec![
        Step::cargo("format", "fmt --all --check"),
        Step::here("house", house::check),
        Step::cargo("clippy", "clippy --workspace --all-targets --all-features -- -D warnings"),
        Step::cargo("clippy, memory only", "clippy --no-default-features --all-targets -p memolith -- -D warnings"),
        Step::cargo("docs", "doc --no-deps --all-features").with("RUSTDOCFLAGS", "-D warnings"),
    ];
    for (package, directory) in PACKAGES {
        let features = workspace::features(directory)?;
        for feature in [String::new()].into_iter().chain(features) {
            let name = format!("{package} with {}", if feature.is_empty() { "no feature" } else { &feature });
            let arguments = format!("check -p {package} --no-default-features --features={feature}");
            steps.push(Step::cargo(name, &arguments).with("RUSTFLAGS", "-D warnings"));
        }
        let all = format!("check -p {package} --all-features");
        steps.push(Step::cargo(format!("{package} with all features"), &all).with("RUSTFLAGS", "-D warnings"));
    }
    steps.extend(test::steps());
    if cfg!(target_os = "linux") {
        steps.push(Step::here("python, references counted", python::counting));
        steps.extend(torment::quick());
    }
    if cfg!(all(target_os = "linux", target_arch = "x86_64")) {
        steps.push(Step::here("thread sanitizer", sanitizer::threads));
        steps.push(Step::here("address sanitizer", sanitizer::addresses));
        steps.push(Step::here("address sanitizer, shared map", watch::addresses));
        steps.push(Step::here("valgrind, shared map", watch::valgrind));
    }
    Ok(steps)
}
