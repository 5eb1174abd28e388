//! Programs that are started and waited for.

use crate::Outcome;
use std::io::{BufRead, BufReader};
use std::process::{Command, Stdio};

/// Runs `command` to its end; what it prints goes past.
///
/// # Errors
/// When it cannot be started, or does not succeed.
pub(crate) fn succeed(command: &mut Command) -> Outcome {
    let name = command.get_program().to_string_lossy().into_owned();
    let status = command.status().map_err(|error| format!("{name} cannot be started: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{name} ended with {status}")) }
}

/// As [`succeed`], and shows `each` line of the standard output too.
pub(crate) fn lines(command: &mut Command, mut each: impl FnMut(&str)) -> Outcome {
    let name = command.get_program().to_string_lossy().into_owned();
    command.stdout(Stdio::piped());
    let mut child = command.spawn().map_err(|error| format!("{name} cannot be started: {error}"))?;
    let output = child.stdout.take().expect("the standard output is piped");
    for line in BufReader::new(output).lines() {
        let line = line.map_err(|error| format!("the output of {name} cannot be read: {error}"))?;
        println!("{line}");
        each(&line);
    }
    let status = child.wait().map_err(|error| format!("{name} cannot be waited for: {error}"))?;
    if status.success() { Ok(()) } else { Err(format!("{name} ended with {status}")) }
}

/// What `command` prints, without blanks around it; `None` when it cannot be started or fails.
pub(crate) fn output(command: &mut Command) -> Option<String> {
    let output = command.output().ok().filter(|output| output.status.success())?;
    Some(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
