//! Runs a list of steps to its end and tells what came of it.

use crate::Outcome;
use crate::step::{Finished, Step};
use crate::tally::Tally;

/// Runs the steps named in `wanted`, or all when none is named; a failing step does not stop the others.
///
/// # Errors
/// When a step fails, a test fails or did not run, or a name is unknown.
pub(crate) fn run(steps: &[Step], wanted: &[String]) -> Outcome {
    if let Some(unknown) = wanted.iter().find(|name| steps.iter().all(|step| step.name != **name)) {
        let names: Vec<_> = steps.iter().map(|step| format!("`{}`", step.name)).collect();
        return Err(format!("there is no step `{unknown}`; the steps are {}", names.join(", ")));
    }
    let (chosen, left): (Vec<&Step>, Vec<&Step>) =
        steps.iter().partition(|step| wanted.is_empty() || wanted.contains(&step.name));
    let finished: Vec<_> = chosen.iter().map(|step| step.run()).collect();
    println!("\n{}", table(&finished));
    if !left.is_empty() {
        let names: Vec<_> = left.iter().map(|step| step.name.as_str()).collect();
        println!("not asked for: {}", names.join(", "));
    }
    let total = total(&finished);
    for test in &total.ignored {
        println!("did not run: {test}");
    }
    println!("{} passed, {} failed, {} skipped", total.passed, total.failed, total.ignored.len());
    if total.failed > 0 || finished.iter().any(|step| step.failure.is_some()) {
        return Err("something failed; the steps above say what".to_owned());
    }
    if !total.ignored.is_empty() {
        return Err("some tests did not run; make them run, or remove them".to_owned());
    }
    Ok(())
}

/// A step that fails without naming a test, because it did not build, counts as one failure.
fn total(finished: &[Finished]) -> Tally {
    let mut total = Tally::default();
    for step in finished {
        total.add(&step.tally);
        if step.failure.is_some() && step.tally.failed == 0 {
            total.failed += 1;
        }
    }
    total
}

fn table(finished: &[Finished]) -> String {
    let width = finished.iter().map(|step| step.name.len()).max().unwrap_or(0).max(4);
    let mut text = format!("{:<width$}  {:<6}  {:>7}  {:>7}\n", "step", "result", "tests", "seconds");
    for Finished { name, failure, tally, took } in finished {
        let result = if failure.is_none() && tally.failed == 0 { "ok" } else { "FAILED" };
        let tests =
            if tally.passed + tally.failed > 0 { (tally.passed + tally.failed).to_string() } else { "-".into() };
        let why = failure.as_deref().map(|why| format!("  {why}")).unwrap_or_default();
        text += &format!("{name:<width$}  {result:<6}  {tests:>7}  {:>7.1}{why}\n", took.as_secs_f64());
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn finished(failure: Option<&str>, failed: u64) -> Finished {
        let tally = Tally { passed: 2, failed, ignored: Vec::new() };
        Finished { name: "some step".into(), failure: failure.map(str::to_owned), tally, took: Duration::from_secs(1) }
    }

    #[test]
    fn a_step_that_does_not_build_counts_as_a_failure() {
        assert_eq!(total(&[finished(Some("no build"), 0)]).failed, 1);
        assert_eq!(total(&[finished(Some("tests failed"), 3)]).failed, 3);
        assert_eq!(total(&[finished(None, 0)]).failed, 0);
    }

    #[test]
    fn an_unknown_step_is_an_error_that_lists_the_steps() {
        let error = run(&[Step::cargo("fmt", "fmt --check")], &["ftm".to_owned()]);
        assert_eq!(error, Err("there is no step `ftm`; the steps are `fmt`".to_owned()));
    }

    #[test]
    fn the_table_names_each_step_and_its_failure() {
        let text = table(&[finished(Some("cargo ended with 101"), 1), finished(None, 0)]);
        let lines: Vec<_> = text.lines().collect();
        assert!(lines[1].contains("some step  FAILED") && lines[1].ends_with("cargo ended with 101"), "{text}");
        assert!(lines[2].contains("some step  ok"), "{text}");
    }
}
