//! What the command line asks for.

use memolith::Policy;
use std::ffi::{OsStr, OsString};
use std::path::PathBuf;

pub(crate) const USAGE: &str = "usage: simulate [--arc] [--policies LIST] [--sizes LIST] [--svg FILE] [FILE]

The hit ratio of every policy over a range of sizes, for the trace of keys in FILE, `-` for standard input:
one key a line, in the order of requests. Without FILE it is shown on a trace that is made up.

  --arc             each line is `first count ..` and stands for the blocks from `first` on, as in the ARC traces
  --policies LIST   such as lru,sieve; by default all
  --sizes LIST      values of maxsize such as 1000,2000; by default eight, the largest half of the keys
  --svg FILE        where a plot is written

A trace is held in memory, with 8 bytes a request.";

/// How many sizes there are if none are given.
const SIZES: u32 = 8;

/// A run, or a question about it.
pub(crate) enum Arguments {
    Help,
    Run(Question),
}

pub(crate) struct Question {
    /// None is the demonstration.
    pub(crate) file: Option<PathBuf>,
    pub(crate) form: Form,
    pub(crate) policies: Vec<Policy>,
    pub(crate) maxsizes: Option<Vec<usize>>,
    pub(crate) svg: Option<PathBuf>,
}

/// What a line of a trace is.
#[derive(Clone, Copy)]
pub(crate) enum Form {
    Key,
    FirstAndCount,
}

impl Arguments {
    pub(crate) fn parse(mut words: impl Iterator<Item = OsString>) -> Result<Arguments, String> {
        let mut question =
            Question { file: None, form: Form::Key, policies: Policy::ALL.to_vec(), maxsizes: None, svg: None };
        while let Some(word) = words.next() {
            match word.to_str() {
                Some("-h" | "--help") => return Ok(Arguments::Help),
                Some("--arc") => question.form = Form::FirstAndCount,
                Some("--policies") => question.policies = list(words.next(), "--policies", policy)?,
                Some("--sizes") => {
                    let mut sizes = list(words.next(), "--sizes", size)?;
                    sizes.sort_unstable();
                    sizes.dedup();
                    question.maxsizes = Some(sizes);
                }
                Some("--svg") => question.svg = Some(words.next().ok_or("--svg needs the name of a file")?.into()),
                Some(option) if option.starts_with('-') && option != "-" => {
                    return Err(format!("there is no option `{option}`\n\n{USAGE}"));
                }
                _ if question.file.is_some() => return Err("there are two traces; name one".to_owned()),
                _ => question.file = Some(word.into()),
            }
        }
        Ok(Arguments::Run(question))
    }
}

/// Doubling sizes up to half of `keys`, with two digits that count.
pub(crate) fn sizes_for(keys: usize) -> Vec<usize> {
    let rounded = |size: usize| {
        let unit = 10_usize.pow((size.max(1).ilog10()).saturating_sub(1));
        (size / unit * unit).max(1)
    };
    let mut sizes: Vec<_> = (1..=SIZES).rev().map(|halved| rounded(keys >> halved)).collect();
    sizes.dedup();
    sizes
}

/// What stands between commas.
fn list<T>(word: Option<OsString>, option: &str, one: fn(&str) -> Result<T, String>) -> Result<Vec<T>, String> {
    let word = word.as_deref().and_then(OsStr::to_str).ok_or_else(|| format!("{option} needs a list"))?;
    word.split(',').map(one).collect()
}

fn policy(word: &str) -> Result<Policy, String> {
    let names = || Policy::ALL.iter().map(|policy| format!("{policy:?}"));
    let found = Policy::ALL.iter().zip(names()).find(|(_, name)| name.eq_ignore_ascii_case(word));
    let (policy, _) = found.ok_or_else(|| {
        let names: Vec<_> = names().collect();
        format!("there is no policy `{word}`; there are {}", names.join(", "))
    })?;
    Ok(*policy)
}

fn size(word: &str) -> Result<usize, String> {
    word.parse().map_err(|_| format!("`{word}` is no size; give numbers with commas between them"))
}
