//! What a theme is told on the command line.

use std::path::{Path, PathBuf};
use std::process::exit;
use std::time::Duration;

/// `--quick`, `--save`, `--traces DIR`, and what the theme takes besides.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// Short races: whether everything runs, not how fast.
    pub quick: bool,
    /// Tables and plots are written to `benches/results`.
    pub save: bool,
    /// A folder with traces.
    pub traces: Option<PathBuf>,
    /// Where the theme's files lie, if it was said.
    pub dir: Option<PathBuf>,
    /// Those that were named; all, if none was.
    parts: Vec<String>,
}

/// What a theme takes besides the options of all themes.
#[derive(Clone, Copy, Debug)]
pub struct Theme<'a> {
    /// Its name, which is that of its program.
    pub name: &'a str,
    /// The names of what it consists of, if it does parts alone.
    pub parts: &'a [&'a str],
    /// Whether it is told where its files lie.
    pub takes_dir: bool,
}

impl Options {
    /// Of the running program, a theme without parts.
    #[must_use]
    pub fn from_args(name: &str) -> Self {
        Theme { name, parts: &[], takes_dir: false }.options()
    }

    /// Whether this part of the theme is wanted.
    #[must_use]
    pub fn wants(&self, part: &str) -> bool {
        self.parts.is_empty() || self.parts.iter().any(|wanted| wanted == part)
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

impl Theme<'_> {
    /// Of the running program, which ends here if it was told what the theme does not know, or asked for help.
    #[must_use]
    pub fn options(&self) -> Options {
        match self.read(std::env::args().skip(1)) {
            Ok(Some(options)) => options,
            Ok(None) => {
                println!("{}", self.usage());
                exit(0)
            }
            Err(message) => {
                eprintln!("error: {message}\n\n{}", self.usage());
                exit(2)
            }
        }
    }

    /// Nothing where help is asked for.
    fn read(&self, mut words: impl Iterator<Item = String>) -> Result<Option<Options>, String> {
        let mut options = Options::default();
        while let Some(word) = words.next() {
            match word.as_str() {
                "--help" | "-h" => return Ok(None),
                "--quick" => options.quick = true,
                "--save" => options.save = true,
                "--traces" => {
                    let folder = words.next().filter(|word| !word.starts_with('-'));
                    options.traces = Some(folder.map(PathBuf::from).ok_or("`--traces` needs a folder behind it")?);
                }
                part if self.parts.contains(&part) => options.parts.push(word),
                dir if self.takes_dir && options.dir.is_none() && !dir.starts_with('-') => {
                    let dir = Some(Path::new(dir)).filter(|dir| dir.is_dir()).map(Path::to_path_buf);
                    options.dir = Some(dir.ok_or_else(|| format!("'{word}' is neither a part nor a directory"))?);
                }
                _ => return Err(format!("unexpected argument '{word}' found")),
            }
        }
        Ok(Some(options))
    }

    fn usage(&self) -> String {
        let dir = if self.takes_dir { " [DIR]" } else { "" };
        let parts = if self.parts.is_empty() { "" } else { " [PART]..." };
        let mut usage = format!("Usage: cargo xtask bench {}{dir}{parts} [--quick] [--save] [--traces DIR]", self.name);
        if !self.parts.is_empty() {
            usage.push_str("\n\nParts: ");
            usage.push_str(&self.parts.join(", "));
        }
        usage
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THEME: Theme<'static> = Theme { name: "redis", parts: &["hits", "puts", "tasks"], takes_dir: false };

    fn read(theme: &Theme<'_>, line: &str) -> Result<Option<Options>, String> {
        theme.read(line.split_whitespace().map(str::to_owned))
    }

    fn taken(theme: &Theme<'_>, line: &str) -> Options {
        read(theme, line).ok().flatten().expect("the theme knows it")
    }

    fn refused(theme: &Theme<'_>, line: &str) -> String {
        read(theme, line).expect_err("the theme does not know it")
    }

    fn wanted(options: &Options) -> Vec<&'static str> {
        THEME.parts.iter().copied().filter(|part| options.wants(part)).collect()
    }

    #[test]
    fn parts_that_are_named_run_and_without_one_all() {
        for (line, parts) in [
            ("", &["hits", "puts", "tasks"][..]),
            ("--quick", &["hits", "puts", "tasks"]),
            ("puts", &["puts"]),
            ("tasks --quick hits", &["hits", "tasks"]),
        ] {
            let options = taken(&THEME, line);
            assert_eq!(wanted(&options), parts, "{line}");
            assert_eq!(options.quick, line.contains("--quick"));
        }
    }

    #[test]
    fn what_nobody_knows_is_refused() {
        for (line, word) in [("--rounds 3", "--rounds"), ("hits 3", "3"), ("hits gets", "gets"), ("-q", "-q")] {
            assert_eq!(refused(&THEME, line), format!("unexpected argument '{word}' found"));
        }
        let bare = Theme { name: "hits", parts: &[], takes_dir: false };
        assert!(refused(&bare, "hits").contains("unexpected argument 'hits'"));
        assert!(taken(&bare, "--save").save);
    }

    #[test]
    fn a_directory_is_one_that_is_there() {
        let theme = Theme { takes_dir: true, ..THEME };
        let here = std::env::temp_dir();
        let options = taken(&theme, &format!("{} puts", here.display()));
        assert_eq!((wanted(&options), options.dir), (vec!["puts"], Some(here.clone())));
        assert_eq!(taken(&theme, "puts").dir, None);
        assert!(refused(&theme, "gest").contains("'gest' is neither a part nor a directory"));
        assert!(refused(&theme, &format!("{0} {0}", here.display())).contains("unexpected argument"));
        assert!(refused(&theme, "--rounds").contains("unexpected argument '--rounds'"));
    }

    #[test]
    fn traces_need_a_folder() {
        assert_eq!(taken(&THEME, "--traces t").traces, Some(PathBuf::from("t")));
        for line in ["--traces", "--traces --quick"] {
            assert!(refused(&THEME, line).contains("needs a folder"), "{line}");
        }
    }

    #[test]
    fn help_names_the_parts() {
        assert!(read(&THEME, "hits --help").is_ok_and(|options| options.is_none()));
        let usage = THEME.usage();
        assert!(usage.starts_with("Usage: cargo xtask bench redis [PART]... [--quick]"), "{usage}");
        assert!(usage.ends_with("Parts: hits, puts, tasks"), "{usage}");
    }
}
