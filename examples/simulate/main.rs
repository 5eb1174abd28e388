//! Which size, which policy? The hit ratio of every policy over a range of sizes, for a trace of keys.

mod arguments;
mod plot;
mod table;
mod trace;

use arguments::{Arguments, Question};
use indicatif::{ProgressBar, ProgressStyle};
use memolith::{Policy, Simulated, optimum, simulate};
use std::process::ExitCode;
use std::{fs, slice, thread};

/// Requests between two looks at the progress bar.
const STEP: usize = 4096;

/// The answer: a row for each policy, a column for each size.
struct Answer {
    title: String,
    maxsizes: Vec<usize>,
    rows: Vec<(Policy, Vec<f64>)>,
    /// What no policy can exceed.
    optimum: Vec<f64>,
}

fn main() -> ExitCode {
    let question = match Arguments::parse(std::env::args_os().skip(1)) {
        Ok(Arguments::Help) => {
            println!("{}", arguments::USAGE);
            return ExitCode::SUCCESS;
        }
        Ok(Arguments::Run(question)) => question,
        // As for any command line: 2 is a wrong command, 1 one that failed.
        Err(message) => return failed(&message, 2),
    };
    match run(&question) {
        Ok(text) => {
            print!("{text}");
            ExitCode::SUCCESS
        }
        Err(message) => failed(&message, 1),
    }
}

fn failed(message: &str, code: u8) -> ExitCode {
    eprintln!("error: {message}");
    ExitCode::from(code)
}

fn run(question: &Question) -> Result<String, String> {
    let trace = match &question.file {
        Some(file) => trace::read(file, question.form)?,
        None => trace::demonstration(),
    };
    let keys = trace::unique(&trace);
    let maxsizes = question.maxsizes.clone().unwrap_or_else(|| arguments::sizes_for(keys));
    let rows = play(&trace, &question.policies, &maxsizes);
    let name = question.file.as_ref().map_or("a demonstration".into(), |file| file.display().to_string());
    let title = format!("{name}: {} requests for {} keys", table::grouped(trace.len()), table::grouped(keys));
    let optimum = optimum(&trace, &maxsizes);
    let answer = Answer { title, maxsizes, rows, optimum };
    if let Some(file) = &question.svg {
        let written = fs::write(file, plot::svg(&answer));
        written.map_err(|error| format!("{} cannot be written: {error}", file.display()))?;
    }
    Ok(table::text(&answer))
}

/// Each policy on a thread of its own.
fn play(trace: &[u64], policies: &[Policy], maxsizes: &[usize]) -> Vec<(Policy, Vec<f64>)> {
    let bar = ProgressBar::new((trace.len() * policies.len()) as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {percent}% simulated, {eta} left") {
        bar.set_style(style);
    }
    let requests = || trace.chunks(STEP).inspect(|chunk| bar.inc(chunk.len() as u64)).flatten();
    let ratios = |results: Vec<Simulated>| results.iter().map(|result| result.hit_ratio).collect();
    let rows = thread::scope(|scope| {
        let run = |policy| scope.spawn(move || simulate(requests(), slice::from_ref(policy), maxsizes));
        let runs: Vec<_> = policies.iter().map(run).collect();
        let ended = runs.into_iter().map(|run| run.join().expect("a simulation does not panic"));
        policies.iter().copied().zip(ended.map(ratios)).collect()
    });
    bar.finish_and_clear();
    rows
}
