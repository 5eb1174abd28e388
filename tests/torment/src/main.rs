//! Torments the shared map; see the library beside it.

use std::process::ExitCode;

#[cfg(target_os = "linux")]
fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    ExitCode::from(memolith_torment::dispatch(&words))
}

#[cfg(not(target_os = "linux"))]
fn main() -> ExitCode {
    eprintln!("error: the shared map is there on Linux alone, run this there");
    ExitCode::from(1)
}
