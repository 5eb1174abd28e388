//! The table of figures.

use std::path::Path;
use std::time::Duration;

/// What was measured so far.
pub(crate) struct Said {
    pub(crate) quick: bool,
    save: bool,
    only: Vec<String>,
    rows: Vec<String>,
}

impl Said {
    /// As the command line has it; the process ends here if that says what nobody knows.
    pub(crate) fn from_args(parts: &[&str]) -> Self {
        let mut said = Said { quick: false, save: false, only: Vec::new(), rows: Vec::new() };
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            match word.as_str() {
                // What cargo says to all programs of this kind.
                "--bench" => {}
                "--quick" => said.quick = true,
                "--save" => said.save = true,
                // For another theme.
                "--traces" => drop(words.next()),
                part if parts.contains(&part) => said.only.push(word),
                _ => {
                    let usage = "Usage: cargo xtask bench redis_faults [PART]... [--quick] [--save]";
                    eprintln!("error: unexpected argument '{word}' found\n\n{usage}\n\nParts: {}", parts.join(", "));
                    std::process::exit(2)
                }
            }
        }
        said
    }

    pub(crate) fn wants(&self, part: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == part)
    }

    /// A figure, with what it should be, if anything.
    pub(crate) fn row(&mut self, what: &str, figure: impl Into<String>, goal: &str) {
        let row = format!("| {what} | {} | {goal} |", figure.into());
        println!("{row}");
        self.rows.push(row);
    }

    pub(crate) fn save(self) {
        if !self.save {
            return;
        }
        let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
        let load = load.split(' ').next().unwrap_or_default();
        let text = format!("Load at the end: {load}.\n\n| | | goal |\n|---|--:|--:|\n{}\n", self.rows.join("\n"));
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../benches/results/redis_faults.md");
        std::fs::write(&path, text).unwrap();
    }
}

/// As tables show it.
pub(crate) fn time(time: Duration) -> String {
    match time.as_micros() {
        0..1_000 => format!("{:.1} us", time.as_nanos() as f64 / 1e3),
        1_000..100_000 => format!("{:.1} ms", time.as_micros() as f64 / 1e3),
        _ => format!("{} ms", time.as_millis()),
    }
}

/// The time that so many of 1,000 do not exceed.
pub(crate) fn permille(times: &mut [Duration], share: usize) -> Duration {
    times.sort();
    times.get(times.len() * share / 1_000).or(times.last()).copied().unwrap_or_default()
}
