//! `cargo xtask`: the one script that contributors and CI share.

mod bench;
mod ci;
mod debian;
mod deny;
mod deps;
mod examples;
mod house;
mod loc;
mod process;
mod python;
mod redis;
mod report;
mod sanitizer;
mod step;
mod tables;
mod tally;
mod test;
mod torment;
mod watch;
mod workspace;

use std::env;
use std::process::ExitCode;

/// Why a command did not succeed; the text says what failed, then what to do.
type Outcome = Result<(), String>;

struct Command {
    name: &'static str,
    arguments: &'static str,
    about: &'static str,
    run: fn(&[String]) -> Outcome,
}

const COMMANDS: &[Command] = &[
    Command { name: "test", arguments: "[STEP..]", about: "every test there is, or the steps named", run: test::run },
    Command { name: "ci", arguments: "[STEP..]", about: "all that a change must pass; contains `test`", run: ci::run },
    Command {
        name: "bench",
        arguments: "[THEME] [--save] [--quick]",
        about: "benchmarks, all or one theme",
        run: bench::run,
    },
    Command {
        name: "torment",
        arguments: "[ORDEAL..] [--quick]",
        about: "kills, crash points, storms and damage for the shared map",
        run: torment::run,
    },
    Command {
        name: "house",
        arguments: "",
        about: "the rules of ARCHITECTURE.md that a machine can check",
        run: house::run,
    },
    Command {
        name: "deps",
        arguments: "[--build]",
        about: "crates of each feature set; with --build their cost",
        run: deps::run,
    },
    Command {
        name: "python",
        arguments: "[--all]",
        about: "the Python package: wheel, tests, types; with --all, for each Python that is found",
        run: python::run,
    },
    Command { name: "deny", arguments: "", about: "licences, sources and bans, by cargo-deny", run: deny::run },
    Command { name: "loc", arguments: "", about: "lines of code by directory, and the longest files", run: loc::run },
];

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    ExitCode::from(dispatch(&arguments))
}

/// Runs a command; the result is 0, 1 when it fails, or 2 when there is no such command.
fn dispatch(arguments: &[String]) -> u8 {
    let (name, rest) = match arguments.split_first() {
        None => ("help", &[][..]),
        Some((name, rest)) => (name.as_str(), rest),
    };
    let asks_for_help = |word: &str| matches!(word, "help" | "--help" | "-h");
    if asks_for_help(name) || rest.first().is_some_and(|word| asks_for_help(word)) {
        print!("{}", help());
        return 0;
    }
    let Some(command) = COMMANDS.iter().find(|command| command.name == name) else {
        eprintln!("error: there is no command `{name}`\n\n{}", help());
        return 2;
    };
    match (command.run)(rest) {
        Ok(()) => 0,
        Err(message) => {
            eprintln!("error: {message}");
            1
        }
    }
}

fn help() -> String {
    let mut text = String::from("usage: cargo xtask COMMAND\n\n");
    for Command { name, arguments, about, .. } in COMMANDS {
        text += &format!("  {:<18}{about}\n", format!("{name} {arguments}"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(words: &[&str]) -> u8 {
        dispatch(&words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>())
    }

    #[test]
    fn help_is_no_failure_and_an_unknown_command_is_a_usage_error() {
        assert_eq!((status(&[]), status(&["help"]), status(&["ci", "--help"])), (0, 0, 0));
        assert_eq!(status(&["tset"]), 2);
        assert_eq!((status(&["deps", "--fast"]), status(&["bench", "no such theme"])), (1, 1));
    }

    #[test]
    fn help_names_every_command() {
        let help = help();
        assert!(COMMANDS.iter().all(|command| help.contains(command.name) && help.contains(command.about)), "{help}");
    }
}
