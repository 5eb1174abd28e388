//! Traces: what programs asked for, and the best that any cache could have made of it.

use ruzstd::decoding::StreamingDecoder;
use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

/// The traces in a folder by name: files of lines `first count ..`, each for `count` requests from block `first` on.
///
/// They may be compressed (`.zst`). A file that is no trace is left out, with a word about it.
#[must_use]
pub fn traces(folder: &Path) -> Vec<(String, Vec<u64>)> {
    let mut paths: Vec<_> = fs::read_dir(folder).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    paths.retain(|path| [".lis", ".lis.zst"].iter().any(|end| path.to_string_lossy().ends_with(end)));
    paths.sort();
    let read = |path: &std::path::PathBuf| {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        match requests(path) {
            Ok(requests) => Some((name.split('.').next().unwrap_or_default().to_owned(), requests)),
            Err(error) => {
                eprintln!("{name} cannot be read: {error}");
                None
            }
        }
    };
    paths.iter().filter_map(read).collect()
}

fn requests(path: &Path) -> Result<Vec<u64>, Box<dyn std::error::Error>> {
    let file = BufReader::new(File::open(path)?);
    let reader: Box<dyn Read> = if path.extension().is_some_and(|end| end == "zst") {
        Box::new(StreamingDecoder::new(file)?)
    } else {
        Box::new(file)
    };
    let mut requests = Vec::new();
    for line in BufReader::new(reader).lines() {
        let line = line?;
        let mut numbers = line.split_whitespace().map(str::parse::<u64>);
        let (Some(first), Some(count)) = (numbers.next(), numbers.next()) else { continue };
        let first = first?;
        requests.extend(first..first + count?);
    }
    Ok(requests)
}

/// The hit ratio of the optimum, which evicts what is needed again last (L. A. Belady, "A Study of Replacement
/// Algorithms for a Virtual-Storage Computer", 1966).
#[must_use]
pub fn optimum(requests: &[u64], capacity: usize) -> f64 {
    let next = next_uses(requests);
    // Who is there, by when it is needed again; and when that is, by who it is.
    let (mut there, mut until): (BTreeSet<(usize, u64)>, HashMap<u64, usize>) = Default::default();
    let mut hits = 0;
    for (&key, &next) in requests.iter().zip(&next) {
        if let Some(now) = until.insert(key, next) {
            hits += 1;
            there.remove(&(now, key));
        } else if there.len() == capacity {
            let (_, victim) = there.pop_last().expect("a cache has room for one");
            until.remove(&victim);
        }
        there.insert((next, key));
    }
    f64::from(hits) / requests.len() as f64
}

/// For each request, when its key is requested again.
fn next_uses(requests: &[u64]) -> Vec<usize> {
    let (mut last, mut next) = (HashMap::new(), vec![usize::MAX; requests.len()]);
    for (at, key) in requests.iter().enumerate().rev() {
        next[at] = last.insert(*key, at).unwrap_or(usize::MAX);
    }
    next
}

#[cfg(test)]
mod tests {
    use super::optimum;

    #[test]
    fn the_optimum_keeps_what_is_needed_soonest() {
        // 3 is never needed again, and 1 is needed before 2.
        assert_eq!(optimum(&[1, 2, 3, 1, 2, 1], 2), 2.0 / 6.0);
        assert_eq!(optimum(&[1, 2, 1, 2], 2), 0.5);
        assert_eq!(optimum(&[1, 2, 3], 1), 0.0);
    }
}
