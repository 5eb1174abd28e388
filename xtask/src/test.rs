//! `cargo xtask test`: every test there is. To add a suite, add a line to [`steps`].

use crate::step::Step;
use crate::{Outcome, examples, python, redis, report, workspace};

/// A model is run a hundred thousand times: what takes a minute unoptimized takes five seconds.
const OPTIMIZED: &str = "CARGO_PROFILE_DEV_OPT_LEVEL";

/// Runs the steps, or those named.
pub(crate) fn run(wanted: &[String]) -> Outcome {
    report::run(&steps(), wanted)
}

/// All that is run, in order.
pub(crate) fn steps() -> Vec<Step> {
    // Everything is compiled anew for a model checker: in a directory of its own, so that the next step finds its own.
    let [shuttle, loom] = ["shuttle", "loom"].map(|name| workspace::target().join(name).to_string_lossy().into_owned());
    let mut steps = vec![
        Step::cargo("default features", "test --no-fail-fast"),
        Step::cargo(
            "all features",
            "test --no-fail-fast --all-features -p memolith -p memolith-core -p memolith-macros",
        ),
        Step::here("backends, all features", redis::backends),
        Step::cargo("memory only", "test --no-fail-fast -p memolith -p memolith-core --no-default-features"),
        Step::cargo("renamed dependency", "test --no-fail-fast -p renamed"),
        Step::cargo("models", "test --no-fail-fast -p memolith-core --lib models")
            .with("RUSTFLAGS", "--cfg shuttle")
            .with("CARGO_TARGET_DIR", shuttle),
        Step::cargo("loom models", "test --no-fail-fast -p memolith-core --lib loom_models")
            .with("RUSTFLAGS", "--cfg loom")
            .with(OPTIMIZED, "1")
            .with("CARGO_TARGET_DIR", &loom),
        Step::cargo(
            "loom models, shared map",
            "test --no-fail-fast -p memolith-backends --features shared --lib loom_models",
        )
        .with("RUSTFLAGS", "--cfg loom")
        .with(OPTIMIZED, "1")
        .with("CARGO_TARGET_DIR", loom),
        Step::cargo("xtask", "test --no-fail-fast -p xtask"),
        Step::cargo("races", "test --no-fail-fast -p memolith-compare --lib"),
        Step::cargo("torment", "test --no-fail-fast -p memolith-torment"),
        Step::here("examples", examples::run),
    ];
    steps.extend(python::steps());
    steps
}
