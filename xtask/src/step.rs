//! One step of a run: what it is called, what it does, what came of it.

use crate::tally::Tally;
use crate::{process, workspace};
use std::time::{Duration, Instant};

/// A thing to run, as data.
pub(crate) struct Step {
    pub(crate) name: String,
    work: Work,
}

enum Work {
    Cargo { arguments: Vec<String>, environment: Vec<(&'static str, String)> },
    Here(fn() -> Result<Tally, String>),
}

/// What came of a step.
pub(crate) struct Finished {
    pub(crate) name: String,
    pub(crate) failure: Option<String>,
    pub(crate) tally: Tally,
    pub(crate) took: Duration,
}

impl Step {
    /// Runs cargo with `arguments`, separated by spaces.
    pub(crate) fn cargo(name: impl Into<String>, arguments: &str) -> Self {
        let arguments = arguments.split_whitespace().map(str::to_owned).collect();
        Step { name: name.into(), work: Work::Cargo { arguments, environment: Vec::new() } }
    }

    /// Runs a function of this program.
    pub(crate) fn here(name: impl Into<String>, work: fn() -> Result<Tally, String>) -> Self {
        Step { name: name.into(), work: Work::Here(work) }
    }

    /// Sets an environment variable for a cargo step.
    pub(crate) fn with(mut self, variable: &'static str, value: impl Into<String>) -> Self {
        if let Work::Cargo { environment, .. } = &mut self.work {
            environment.push((variable, value.into()));
        }
        self
    }

    /// Says what it runs, runs it, and shows what it prints.
    pub(crate) fn run(&self) -> Finished {
        println!("\n=== {}: {}", self.name, self.command());
        let start = Instant::now();
        let mut tally = Tally::default();
        let failure = match &self.work {
            Work::Cargo { arguments, environment } => cargo(arguments, environment, &mut tally).err(),
            Work::Here(work) => match work() {
                Ok(counted) => {
                    tally = counted;
                    None
                }
                Err(message) => {
                    eprintln!("error: {message}");
                    Some(message.lines().next().unwrap_or_default().to_owned())
                }
            },
        };
        Finished { name: self.name.clone(), failure, tally, took: start.elapsed() }
    }

    fn command(&self) -> String {
        let Work::Cargo { arguments, environment } = &self.work else {
            return "in this process".to_owned();
        };
        let mut text = String::new();
        for (variable, value) in environment {
            text += &format!("{variable}={value:?} ");
        }
        text + "cargo " + &arguments.join(" ")
    }
}

/// Test results come on standard output; what the compiler says goes past on standard error.
fn cargo(arguments: &[String], environment: &[(&str, String)], tally: &mut Tally) -> Result<(), String> {
    let mut command = workspace::cargo();
    command.args(arguments).envs(environment.iter().map(|(variable, value)| (variable, value)));
    process::lines(&mut command, |line| tally.read(line))
}
