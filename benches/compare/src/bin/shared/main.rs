//! The shared map, next to other ways to keep bytes in files without a server, and to a bare table in a mapped file.
//!
//! `shared [DIR] [small|values|large|bound|calls|coherence]...`: DIR is where the files lie, a tmpfs if there is one.

mod bound;
mod calls;
mod losses;
mod second;
mod values;

use compare::stores::Shape;
use compare::{Options, Report, Theme, started};
use std::path::{Path, PathBuf};
use std::{env, fs, process};

/// A part of the theme; it puts its files into the directory.
type Part = fn(&mut Report, &Options, &Path);

const PARTS: [(&str, Part); 6] = [
    ("small", |report, options, place| values::races::<8>(report, options, place, Shape { entries: 1_000, bytes: 64 })),
    ("values", |report, options, place| {
        values::races::<8>(report, options, place, Shape { entries: options.scaled(100_000), bytes: 64 });
    }),
    ("large", |report, options, place| {
        values::races::<512>(report, options, place, Shape { entries: options.scaled(50_000), bytes: 4_096 });
    }),
    ("bound", bound::race),
    ("calls", calls::from_bytes),
    ("coherence", calls::from_memory),
];

fn main() {
    if let Some(words) = started() {
        second::run(&words);
    }
    let names = PARTS.map(|(name, _)| name);
    let options = Theme { name: "shared", parts: &names, takes_dir: true }.options();
    let place = options.dir.clone().unwrap_or_else(tmpfs);
    let place = place.join(format!("memolith-bench-{}", process::id()));
    let mut report = Report::new("shared", &options);
    for (name, part) in PARTS {
        if options.wants(name) {
            let place = place.join(name);
            made(&place);
            part(&mut report, &options, &place);
            // What is mapped stays until the end; its name need not.
            let _ = fs::remove_dir_all(&place);
        }
    }
    let _ = fs::remove_dir_all(&place);
    report.save();
}

/// A directory for nobody else: a region refuses any other.
fn made(place: &Path) {
    let mut builder = fs::DirBuilder::new();
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.recursive(true).create(place).expect("the directory can be made");
}

/// Files that are memory, or else those that the system clears away.
fn tmpfs() -> PathBuf {
    let shm = PathBuf::from("/dev/shm");
    if shm.is_dir() { shm } else { env::temp_dir() }
}
