//! A real job: BLAKE3 of every file below some directories. What has not changed since the last run is not read again.

mod arguments;
mod files;

use arguments::Arguments;
use files::Files;
use indicatif::{HumanBytes, HumanCount, HumanDuration, ProgressBar, ProgressStyle};
use memolith::backends::Sqlite;
use memolith::lru_cache;
use std::path::Path;
use std::process::ExitCode;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use std::{fs, io};

static STORE: OnceLock<Arc<Sqlite>> = OnceLock::new();
/// How many files were read in this run.
static COMPUTED: AtomicU64 = AtomicU64::new(0);

/// The checksum of a file, and how long it took. A file of another length or time is another key.
#[lru_cache(
    maxsize = None,
    backend = STORE.get().expect("set before the first call").clone(),
    on_error = |error| eprintln!("cache: {error}"),
    name = "checksums"
)]
fn checksum(path: &Path, length: u64, modified: Duration) -> io::Result<([u8; 32], Duration)> {
    let start = Instant::now();
    let (mut file, mut hasher) = (fs::File::open(path)?, blake3::Hasher::new());
    let read = io::copy(&mut file, &mut hasher)?;
    // An error is not kept: a file that grows is not remembered under its old length.
    if read != length || files::modified(&file.metadata()?) != modified {
        return Err(io::Error::other("it changed while it was read"));
    }
    COMPUTED.fetch_add(1, Relaxed);
    Ok((*hasher.finalize().as_bytes(), start.elapsed()))
}

fn main() -> ExitCode {
    let arguments = match Arguments::parse(std::env::args_os().skip(1)) {
        Ok(arguments) => arguments,
        // As for any command line: 2 is a wrong command, 1 one that failed.
        Err(message) => return failed(&message, 2),
    };
    match run(arguments) {
        Ok(line) => {
            println!("{line}");
            ExitCode::SUCCESS
        }
        Err(message) => failed(&message, 1),
    }
}

fn failed(message: &str, code: u8) -> ExitCode {
    eprintln!("error: {message}");
    ExitCode::from(code)
}

fn run(arguments: Arguments) -> Result<String, String> {
    let Arguments::Run { cache, directories } = arguments else { return Ok(arguments::USAGE.to_owned()) };
    let store = Sqlite::open(&cache).map_err(|error| format!("the cache cannot be opened: {error}"))?;
    STORE.get_or_init(|| Arc::new(store));
    let mut files = Files::below(&directories, &cache)?;
    let bar = ProgressBar::new(files.found.len() as u64);
    if let Ok(style) = ProgressStyle::with_template("{bar:40} {pos}/{len} files, {eta} left  {wide_msg}") {
        bar.set_style(style);
    }
    let (mut all, mut bytes, mut saved) = (blake3::Hasher::new(), 0, Duration::ZERO);
    for file in &files.found {
        bar.set_message(file.path.display().to_string());
        let before = COMPUTED.load(Relaxed);
        match checksum(&file.path, file.length, file.modified) {
            Ok((sum, took)) => {
                all.update(&sum);
                bytes += file.length;
                if COMPUTED.load(Relaxed) == before {
                    saved += took;
                }
            }
            Err(error) => files.left_out.push(format!("{}: {error}", file.path.display())),
        }
        bar.inc(1);
    }
    bar.finish_and_clear();
    for line in &files.left_out {
        eprintln!("left out: {line}");
    }
    let info = checksum::cache_info();
    Ok(format!(
        "{} files, {}, checksum {}: {} computed, {} from memory, {} from disk; saved {}",
        HumanCount(files.found.len() as u64),
        HumanBytes(bytes),
        all.finalize().to_hex().split_at(16).0,
        COMPUTED.load(Relaxed),
        info.hits - info.backend_hits,
        info.backend_hits,
        time(saved),
    ))
}

/// Short times as numbers; the words of `HumanDuration` are for long ones.
fn time(duration: Duration) -> String {
    if duration < Duration::from_secs(10) {
        format!("{} ms", duration.as_millis())
    } else {
        HumanDuration(duration).to_string()
    }
}
