//! Traces of keys, each a number in place of its key.

use crate::arguments::Form;
use indicatif::{ProgressBar, ProgressStyle};
use std::collections::HashSet;
use std::fs::File;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, BufRead, BufReader, Read};
use std::path::Path;

/// More blocks than that in one line are a line of another form.
const MOST: u64 = 1 << 24;

/// The requests in `file`, or in standard input if it is `-`.
pub(crate) fn read(file: &Path, form: Form) -> Result<Vec<u64>, String> {
    let unread = |error: io::Error| format!("{} cannot be read: {error}", file.display());
    let (source, length): (Box<dyn Read>, u64) = if file.as_os_str() == "-" {
        (Box::new(io::stdin()), 0)
    } else {
        let opened = File::open(file).map_err(unread)?;
        let length = opened.metadata().map_or(0, |about| about.len());
        (Box::new(opened), length)
    };
    let bar = ProgressBar::new(length);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {bytes} read, {eta} left") {
        bar.set_style(style);
    }
    let (mut lines, mut line, mut trace) =
        (BufReader::with_capacity(1 << 16, bar.wrap_read(source)), Vec::new(), Vec::new());
    for number in 1.. {
        line.clear();
        if lines.read_until(b'\n', &mut line).map_err(unread)? == 0 {
            break;
        }
        match (line.trim_ascii_end(), form) {
            ([], _) => {}
            (key, Form::Key) => trace.push(hash(key)),
            (line, Form::FirstAndCount) => {
                let blocks = blocks(line).ok_or_else(|| {
                    format!(
                        "line {number} of {} is no `first count`; leave --arc out if lines are keys",
                        file.display()
                    )
                })?;
                trace.extend(blocks);
            }
        }
    }
    bar.finish_and_clear();
    Ok(trace)
}

/// A shop: some articles are always popular, others are new and forgotten, and at times somebody looks at all of them.
pub(crate) fn demonstration() -> Vec<u64> {
    let (mut random, mut trace) = (Random(2026), Vec::new());
    for day in 0..10 {
        for _ in 0..4_000 {
            trace.push(random.popular(4_000));
            trace.push(10_000 + 200 * day + random.popular(400));
        }
        trace.extend(10_000..10_800);
    }
    trace
}

pub(crate) fn unique(trace: &[u64]) -> usize {
    trace.iter().collect::<HashSet<_>>().len()
}

fn hash(key: &[u8]) -> u64 {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    hasher.finish()
}

/// The blocks that a line stands for; what follows the two numbers does not matter.
fn blocks(line: &[u8]) -> Option<impl Iterator<Item = u64>> {
    let mut words = str::from_utf8(line).ok()?.split_ascii_whitespace().map(str::parse::<u64>);
    let (first, count) = (words.next()?.ok()?, words.next()?.ok()?);
    let end = first.checked_add(count)?;
    (count <= MOST).then_some(first..end)
}

/// Marsaglia's xorshift: the same numbers in every run.
struct Random(u64);

impl Random {
    /// A number below `bound`, of which each has a share that goes down as its inverse.
    fn popular(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        let part = (self.0 >> 11) as f64 / (1_u64 << 53) as f64;
        ((bound as f64).powf(part) as u64).min(bound) - 1
    }
}
