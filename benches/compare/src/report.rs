//! Where tables and plots go: to the screen, and with `--save` to `benches/results`.

use crate::{Chart, Options, Table, machine};
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};

/// What a theme has to say.
#[derive(Debug)]
pub struct Report {
    theme: String,
    folder: Option<PathBuf>,
    text: String,
    /// Names of files and what goes into them.
    plots: Vec<(String, String)>,
}

impl Report {
    /// An empty one; the machine is described at once, before the races put load on it.
    #[must_use]
    pub fn new(theme: &str, options: &Options) -> Self {
        let folder = options.save.then(|| machine::workspace().join("benches/results"));
        let mut report = Report { theme: theme.to_owned(), folder, text: String::new(), plots: Vec::new() };
        report.say(&machine::described());
        report
    }

    /// A table under a heading; `note` is a sentence or two between them, and may be empty.
    pub fn table(&mut self, title: &str, note: &str, table: &Table) {
        let note = if note.is_empty() { String::new() } else { format!("{note}\n\n") };
        self.say(&format!("### {title}\n\n{note}{table}"));
    }

    /// The same, and its plot.
    pub fn plotted(&mut self, title: &str, note: &str, (table, chart): (&Table, &Chart)) {
        self.table(title, note, table);
        let name = format!("{}-{}.svg", self.theme, slug(title));
        let _ = writeln!(self.text, "![{title}]({name})\n");
        self.plots.push((name, chart.svg(title)));
    }

    /// Text.
    pub fn say(&mut self, text: &str) {
        println!("{text}");
        self.text += text;
        self.text.push('\n');
    }

    /// Writes the files, where that was asked for. A run that is broken off leaves those of the last one.
    pub fn save(self) {
        let Some(folder) = &self.folder else { return };
        self.clear(folder);
        write(folder, &format!("{}.md", self.theme), &self.text);
        self.plots.iter().for_each(|(name, svg)| write(folder, name, svg));
    }

    /// Removes the plots of an earlier run, which may have had other titles.
    fn clear(&self, folder: &Path) {
        let start = format!("{}-", self.theme);
        for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if name.starts_with(&start) && name.ends_with(".svg") {
                let _ = fs::remove_file(entry.path());
            }
        }
    }
}

fn write(folder: &Path, name: &str, text: &str) {
    let written = fs::create_dir_all(folder).and_then(|()| fs::write(folder.join(name), text));
    if let Err(error) = written {
        eprintln!("{name} cannot be written: {error}");
    }
}

/// A title as a name of a file.
fn slug(title: &str) -> String {
    let words = title.to_lowercase().replace(',', "");
    let words = words.split(|letter: char| !letter.is_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("-")
}
