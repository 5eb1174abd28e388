//! What a theme is told on the command line.

use std::path::PathBuf;
use std::time::Duration;

/// `--quick`, `--save`, `--traces DIR`; the other words are the theme's own.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Short races: whether everything runs, not how fast.
    pub quick: bool,
    /// Tables and plots are written to `benches/results`.
    pub save: bool,
    /// A folder with traces.
    pub traces: Option<PathBuf>,
    /// The rest, in order.
    pub words: Vec<String>,
}

impl Options {
    /// Of the running program.
    #[must_use]
    pub fn from_args() -> Self {
        let mut options = Options::default();
        let mut words = std::env::args().skip(1);
        while let Some(word) = words.next() {
            match word.as_str() {
                "--quick" => options.quick = true,
                "--save" => options.save = true,
                "--traces" => options.traces = words.next().map(PathBuf::from),
                _ => options.words.push(word),
            }
        }
        options
    }

    /// How often each contender has its turn in a race.
    #[must_use]
    pub fn rounds(&self) -> usize {
        if self.quick { 3 } else { 21 }
    }

    /// How long a turn is, about.
    #[must_use]
    pub fn turn(&self) -> Duration {
        Duration::from_millis(if self.quick { 2 } else { 10 })
    }

    /// `full`, or a tenth of it in a quick run.
    #[must_use]
    pub fn scaled(&self, full: usize) -> usize {
        if self.quick { full / 10 } else { full }
    }
}
