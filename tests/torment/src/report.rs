//! What comes of a subcommand: a table, the faults, and a line that goes on while it runs.

use crate::site::Site;
use crate::{Outcome, because};
use std::collections::BTreeMap;
use std::fmt::Display;
use std::fs;
use std::io::{IsTerminal, Write};
use std::time::{Duration, Instant};

/// Kinds of lines of the journal that are no faults.
const HARMLESS: &[&str] = &["queued", "failed", "note"];
/// Lines of each kind that are shown.
const SHOWN: usize = 5;

/// Rows to print, and faults.
#[derive(Debug)]
pub(crate) struct Report {
    title: String,
    start: Instant,
    rows: Vec<(String, String)>,
    faults: Vec<String>,
    shown: Instant,
}

impl Report {
    pub(crate) fn new(title: impl Into<String>) -> Self {
        let now = Instant::now();
        Report { title: title.into(), start: now, rows: Vec::new(), faults: Vec::new(), shown: now }
    }

    /// A line of the table.
    pub(crate) fn row(&mut self, name: &str, value: impl Display) {
        self.rows.push((name.to_owned(), value.to_string()));
    }

    /// Something that must not be.
    pub(crate) fn fault(&mut self, what: impl Into<String>) {
        self.faults.push(what.into());
    }

    /// A fault unless `holds`.
    pub(crate) fn check(&mut self, holds: bool, what: impl FnOnce() -> String) {
        if !holds {
            self.fault(what());
        }
    }

    /// Tells a person who watches how far it is.
    pub(crate) fn progress(&mut self, done: impl Display, all: impl Display) {
        if self.shown.elapsed() < Duration::from_millis(200) || !std::io::stderr().is_terminal() {
            return;
        }
        self.shown = Instant::now();
        let mut out = std::io::stderr();
        // A terminal that is gone is no reason to stop.
        let _ = write!(out, "\r\x1b[K{} {done} of {all}, {} s", self.title, self.start.elapsed().as_secs());
        let _ = out.flush();
    }

    /// Takes over what the children wrote: a row with the number of lines of each kind; all but harmless ones are faults.
    pub(crate) fn journal(&mut self, site: &Site) -> Outcome {
        let text = match fs::read_to_string(site.journal()) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
            read => read.map_err(because("the journal cannot be read"))?,
        };
        let mut kinds: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for (kind, line) in text.lines().filter_map(|line| line.split_once(' ')) {
            kinds.entry(kind).or_default().push(line);
        }
        for kind in ["wrong", "hang"] {
            self.row(kind, kinds.get(kind).map_or(0, Vec::len));
        }
        for (kind, lines) in kinds {
            let shown = lines.iter().take(SHOWN).map(|line| format!("{kind}: {line}"));
            let more = lines.len().saturating_sub(SHOWN);
            let rest = (more > 0).then(|| format!("{kind}: {more} more"));
            if HARMLESS.contains(&kind) {
                self.row(kind, lines.len());
                shown.chain(rest).for_each(|line| eprintln!("  {line}"));
            } else {
                self.faults.extend(shown.chain(rest));
            }
        }
        Ok(())
    }

    /// Prints the table.
    ///
    /// # Errors
    /// When there are faults.
    pub(crate) fn finish(self) -> Outcome {
        if std::io::stderr().is_terminal() {
            eprint!("\r\x1b[K");
        }
        println!("{} ({:.1} s)", self.title, self.start.elapsed().as_secs_f64());
        let width = self.rows.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        for (name, value) in &self.rows {
            println!("  {name:<width$}  {value}");
        }
        for fault in &self.faults {
            println!("  FAULT  {fault}");
        }
        match self.faults.len() {
            0 => Ok(()),
            count => Err(format!("{}: {count} faults, see above", self.title)),
        }
    }
}
