//! Traces: what programs asked for.

use ruzstd::decoding::StreamingDecoder;
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
