//! `cargo xtask house`: those rules of ARCHITECTURE.md and CONTRIBUTING.md that a machine can check.

mod graph;
mod layers;
mod places;
pub(crate) mod python;
mod shape;
pub(crate) mod source;

use crate::tally::Tally;
use crate::{Outcome, workspace};
use source::Source;

/// A rule finds faults, each a line that says where and what to do.
type Rule = (&'static str, fn(&[Source]) -> Result<Vec<String>, String>);

const RULES: &[Rule] = &[
    ("files are at most 400 lines of code", shape::long_files),
    ("Python files are at most 400 lines of code", python::long_files),
    ("unsafe code stays in its rooms", shape::stray_unsafe),
    ("unsafe code of the shared map is at most 600 lines", shape::much_unsafe),
    ("a forked child can use all locks of the servers", shape::locks_unfit_for_forks),
    ("a crate's lib.rs names what there is and does nothing", shape::busy_crate_roots),
    ("examples are under 40 lines of code", shape::long_examples),
    ("no module of the core or of the servers calls back up", layers::upward_imports),
    ("the core needs a hash table and a lock", graph::core_dependencies),
    ("one version of each crate", graph::duplicates),
    ("licences are those of deny.toml", graph::licences),
    ("no file names a place on somebody's machine", places::private_paths),
];

/// Checks all rules and lists what breaks them.
pub(crate) fn run(_: &[String]) -> Outcome {
    check().map(drop)
}

/// As [`run`], counting the rules.
pub(crate) fn check() -> Result<Tally, String> {
    let sources = Source::all(&workspace::files(&[".rs"]))?;
    let mut faults = 0;
    for (name, rule) in RULES {
        let found = rule(&sources)?;
        println!("{}  {name}", if found.is_empty() { "ok    " } else { "FAILED" });
        for fault in &found {
            println!("        {fault}");
        }
        faults += found.len();
    }
    if faults == 0 {
        Ok(Tally::default())
    } else {
        Err(format!("{faults} places break the rules of the house; they are listed above"))
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_house_is_in_order() {
        assert_eq!(super::run(&[]), Ok(()));
    }
}
