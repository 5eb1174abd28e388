//! Torments the shared map: kills, crash points, storms, damaged files, races.
//!
//! Every subcommand prints a table, and ends with 1 when it has found a fault. The region lies in shared memory,
//! or below `--dir`, in a directory that is removed in the end.
#![cfg(target_os = "linux")]

mod audit;
mod child;
mod counts;
mod creators;
mod crew;
mod damage;
mod field;
mod fill;
mod kill;
mod ledger;
mod once;
mod options;
mod points;
mod random;
mod region;
mod report;
mod site;
mod stopwatch;
mod storm;
#[cfg(test)]
mod tests;
mod worker;

use options::Options;
use std::fmt::Display;

/// A result whose error says what failed, then what to do.
type Outcome<T = ()> = Result<T, String>;

struct Command {
    name: &'static str,
    options: &'static [&'static str],
    about: &'static str,
    run: fn(&Options) -> Outcome,
}

const COMMANDS: &[Command] = &[
    Command {
        name: "kill",
        options: &["count", "writers", "threads", "seconds-limit", "seed", "dir"],
        about: "kills random writers at random moments, while a reader checks every value",
        run: kill::run,
    },
    Command {
        name: "points",
        options: &["rounds", "seed", "dir"],
        about: "ends a process before each of its stores in turn; needs `--cfg memolith_crash`",
        run: points::run,
    },
    Command {
        name: "storm",
        options: &["processes", "seconds", "seed", "dir"],
        about: "each second a tenth of the processes is killed or stopped",
        run: storm::run,
    },
    Command {
        name: "damage",
        options: &["count", "live", "seed", "dir"],
        about: "opens damaged copies of a region; with --live, damages one that is in use",
        run: damage::run,
    },
    Command {
        name: "creators",
        options: &["processes", "rounds", "dir"],
        about: "processes that create a region at the same moment agree on one",
        run: creators::run,
    },
    Command {
        name: "once",
        options: &["processes", "rounds", "dir"],
        about: "processes that want one key compute it once",
        run: once::run,
    },
    Command {
        name: "fill",
        options: &["entries", "mib", "seed", "dir"],
        about: "values of mixed sizes, ten times what the region holds: nothing is refused, little is wasted",
        run: fill::run,
    },
];

/// Runs the subcommand that is named first.
///
/// The result is 0, 1 when there was a fault, 2 when there is no such subcommand, or what a child says.
pub fn dispatch(words: &[String]) -> u8 {
    let (name, rest) = match words.split_first() {
        None => ("help", &[][..]),
        Some((name, rest)) => (name.as_str(), rest),
    };
    if name == "child" {
        return child::run(rest);
    }
    let asks_for_help = |word: &str| matches!(word, "help" | "--help" | "-h");
    if asks_for_help(name) || rest.first().is_some_and(|word| asks_for_help(word)) {
        print!("{}", help());
        return 0;
    }
    let Some(command) = COMMANDS.iter().find(|command| command.name == name) else {
        eprintln!("error: there is no subcommand `{name}`\n\n{}", help());
        return 2;
    };
    match Options::parse(rest, command.options).and_then(|options| (command.run)(&options)) {
        Ok(()) => 0,
        Err(message) => {
            eprintln!("error: {message}");
            1
        }
    }
}

fn help() -> String {
    let mut text = String::from("usage: memolith-torment SUBCOMMAND [--OPTION VALUE ..]\n\n");
    for Command { name, options, about, .. } in COMMANDS {
        let options: Vec<_> = options.iter().map(|name| format!("--{name}")).collect();
        text += &format!("  {name:<10}{about}\n  {:<10}{}\n", "", options.join(" "));
    }
    text
}

/// Puts what failed before the reason.
fn because<E: Display>(what: &str) -> impl Fn(E) -> String {
    move |error| format!("{what}: {error}")
}
