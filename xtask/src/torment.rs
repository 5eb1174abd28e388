//! `cargo xtask torment`: the shared map under kills, at crash points, in storms, and with damaged files; servers of Redis
//! that are killed, stopped and cut off.

use crate::step::Step;
use crate::{Outcome, report, workspace};

/// What is done to the map, a subcommand of the package `memolith-torment`, or to servers, by tests of the backend; and
/// how much of it.
struct Ordeal {
    name: &'static str,
    full: &'static str,
    quick: &'static str,
}

const ORDEALS: &[Ordeal] = &[
    Ordeal { name: "kill", full: "--count 20000", quick: "--count 500" },
    Ordeal { name: "points", full: "--rounds 30", quick: "--rounds 1" },
    Ordeal { name: "storm", full: "--processes 64 --seconds 60", quick: "--processes 16 --seconds 5" },
    Ordeal { name: "damage", full: "--count 20000 --live 5000", quick: "--count 400 --live 200" },
    Ordeal { name: "creators", full: "--processes 64 --rounds 100", quick: "--processes 32 --rounds 6" },
    Ordeal { name: "once", full: "--rounds 20", quick: "--rounds 4" },
    Ordeal { name: "fill", full: "--entries 1000000 --mib 64", quick: "--entries 100000 --mib 6" },
    Ordeal { name: SERVERS, full: "--seconds 300 --kills 10", quick: "--seconds 20 --kills 3" },
];

/// The ordeal of servers, for which they must be installed.
const SERVERS: &str = "redis";

/// The word that asks for less.
const QUICK: &str = "--quick";

/// Runs all ordeals, or those named; with one alone, further options are for it.
pub(crate) fn run(arguments: &[String]) -> Outcome {
    report::run(&steps(arguments)?, &[])
}

/// The small sizes of all, for CI.
pub(crate) fn quick() -> Vec<Step> {
    ORDEALS.iter().map(|ordeal| ordeal.step(ordeal.quick)).collect()
}

fn steps(arguments: &[String]) -> Result<Vec<Step>, String> {
    let first_option = arguments.iter().position(|word| word.starts_with("--")).unwrap_or(arguments.len());
    let (names, options) = arguments.split_at(first_option);
    let names: Vec<_> = names.iter().filter(|name| *name != "all").collect();
    if let Some(unknown) = names.iter().find(|name| ORDEALS.iter().all(|ordeal| ordeal.name != **name)) {
        let known: Vec<_> = ORDEALS.iter().map(|ordeal| ordeal.name).collect();
        return Err(format!("there is no ordeal `{unknown}`; there are {}", known.join(", ")));
    }
    let own: Vec<_> = options.iter().filter(|word| *word != QUICK).map(String::as_str).collect();
    if names.len() != 1 && !own.is_empty() {
        return Err(format!("options such as `{}` are for one ordeal, name it", own[0]));
    }
    let chosen = ORDEALS.iter().filter(|ordeal| names.is_empty() || names.iter().any(|name| *name == ordeal.name));
    Ok(chosen
        .map(|ordeal| {
            let size = if options.iter().any(|word| word == QUICK) { ordeal.quick } else { ordeal.full };
            ordeal.step(&format!("{size} {}", own.join(" ")))
        })
        .collect())
}

impl Ordeal {
    /// Builds the program as users build theirs, and runs it; for crash points, with the map that can end at a store.
    fn step(&self, options: &str) -> Step {
        if self.name == SERVERS {
            return servers(options);
        }
        let arguments = format!("run --quiet --release -p memolith-torment -- {} {options}", self.name);
        let step = Step::cargo(format!("torment: {}", self.name), &arguments);
        if self.name != "points" {
            return step;
        }
        let target = workspace::target().join("crash").to_string_lossy().into_owned();
        step.with("RUSTFLAGS", "--cfg memolith_crash").with("CARGO_TARGET_DIR", target)
    }
}

/// The tests take their sizes from the environment: `--seconds 9` is `MEMOLITH_REDIS_SECONDS=9`.
fn servers(options: &str) -> Step {
    const KNOWN: [(&str, &str); 3] = [
        ("--seconds", "MEMOLITH_REDIS_SECONDS"),
        ("--kills", "MEMOLITH_REDIS_KILLS"),
        ("--seed", "MEMOLITH_REDIS_SEED"),
    ];
    let words: Vec<&str> = options.split_whitespace().collect();
    let (pairs, known) = (words.chunks(2), |name| KNOWN.iter().find(|(known, _)| *known == name));
    // The harness says what it makes of an option that is none here.
    let others: Vec<&str> = pairs.clone().filter(|pair| known(pair[0]).is_none()).flatten().copied().collect();
    let arguments = "test --release -p memolith-backends --features redis --test redis -- --nocapture --test-threads=1";
    let arguments = format!("{arguments} torment failover {}", others.join(" "));
    pairs.fold(Step::cargo(format!("torment: {SERVERS}"), &arguments), |step, pair| {
        match (known(pair[0]), pair.get(1)) {
            (Some((_, variable)), Some(value)) => step.with(variable, *value),
            _ => step,
        }
    })
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn names(line: &str) -> Result<Vec<String>, String> {
        let words: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
        Ok(steps(&words)?.into_iter().map(|step| step.name).collect())
    }

    #[test]
    fn ordeals_are_all_or_those_named() {
        let all = names("").unwrap();
        assert_eq!((names("all --quick").unwrap(), quick().len()), (all.clone(), all.len()));
        assert_eq!(names("kill fill").unwrap(), ["torment: kill", "torment: fill"]);
        assert_eq!(names("kill --quick --seed 7").unwrap(), ["torment: kill"]);
    }

    #[test]
    fn unknown_ordeals_and_stray_options_are_errors() {
        assert!(names("kil").unwrap_err().contains("kill, points"));
        assert!(names("kill storm --seed 7").unwrap_err().contains("--seed"));
    }
}
