//! What the command line asks for.

use memolith::backends::Sqlite;
use std::ffi::OsString;
use std::path::PathBuf;

pub(crate) const USAGE: &str = "usage: checksums [--cache FILE] [DIRECTORY..]

One checksum over all files below the directories, by default the current one.
Symbolic links are not followed; directories that a CACHEDIR.TAG marks as caches, such as `target`, are passed over.

  --cache FILE   where the checksum of each file is kept; by default below your cache directory";

/// A run, or a question.
pub(crate) enum Arguments {
    Help,
    Run { cache: PathBuf, directories: Vec<PathBuf> },
}

impl Arguments {
    pub(crate) fn parse(mut words: impl Iterator<Item = OsString>) -> Result<Arguments, String> {
        let (mut cache, mut directories) = (None, Vec::new());
        while let Some(word) = words.next() {
            match word.to_str() {
                Some("-h" | "--help") => return Ok(Arguments::Help),
                Some("--cache") => {
                    cache = Some(PathBuf::from(words.next().ok_or("--cache needs the name of a file")?));
                }
                Some(option) if option.starts_with("--") => {
                    return Err(format!("there is no option `{option}`\n\n{USAGE}"));
                }
                _ => directories.push(word.into()),
            }
        }
        if directories.is_empty() {
            directories.push(PathBuf::from("."));
        }
        let cache = match cache {
            Some(path) => path,
            None => Sqlite::default_place("memolith").map_err(|error| format!("{error}, with --cache"))?,
        };
        Ok(Arguments::Run { cache, directories })
    }
}
