//! Options of the form `--name value`.

use crate::Outcome;
use std::collections::BTreeMap;

/// What was said on the command line.
#[derive(Clone, Debug, Default)]
pub(crate) struct Options(BTreeMap<String, String>);

impl Options {
    /// Reads pairs of `--name value`, where `known` lists the names.
    pub(crate) fn parse(words: &[String], known: &[&str]) -> Outcome<Options> {
        let mut options = Options::default();
        let mut words = words.iter();
        while let Some(word) = words.next() {
            let Some(name) = word.strip_prefix("--").filter(|name| known.contains(name)) else {
                let known: Vec<_> = known.iter().map(|name| format!("--{name}")).collect();
                return Err(format!("`{word}` is no option here; the options are {}", known.join(", ")));
            };
            let Some(value) = words.next() else {
                return Err(format!("`--{name}` has no value; write it after the name"));
            };
            options.0.insert(name.to_owned(), value.clone());
        }
        Ok(options)
    }

    /// The value of `name` as a number.
    pub(crate) fn number(&self, name: &str, default: u64) -> Outcome<u64> {
        let Some(value) = self.0.get(name) else { return Ok(default) };
        value.replace('_', "").parse().map_err(|_| format!("`--{name}` takes a number, and was given `{value}`"))
    }

    /// The value of `name` as it was written.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::*;

    fn parse(line: &str) -> Outcome<Options> {
        let words: Vec<_> = line.split_whitespace().map(str::to_owned).collect();
        Options::parse(&words, &["count", "dir"])
    }

    #[test]
    fn names_take_values_and_others_are_refused() {
        let options = parse("--count 20_000 --dir /x").unwrap();
        assert_eq!((options.number("count", 1), options.number("none", 7)), (Ok(20_000), Ok(7)));
        assert_eq!(options.text("dir"), Some("/x"));
        assert!(parse("--cuont 3").unwrap_err().contains("--count, --dir"));
        assert!(parse("--count").unwrap_err().contains("no value"));
        assert!(parse("--count x").unwrap().number("count", 1).is_err());
    }
}
