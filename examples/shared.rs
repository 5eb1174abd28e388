//! One cache for all processes of a machine: run it in two terminals at once, and again later.
//!
//! `cargo run --example shared --features shared`

use memolith::lru_cache;
use std::time::{Duration, Instant};

/// While one process computes a number, the others wait for it, for two seconds at most.
#[lru_cache(maxsize = 10_000, backend = "shm:example", wait = "2s")]
fn slow_square(n: u64) -> u64 {
    std::thread::sleep(Duration::from_millis(100));
    n * n
}

fn main() -> memolith::Result<()> {
    let start = Instant::now();
    let sum: u64 = (1..=20).map(slow_square).sum();
    println!("{sum} after {:?}, {} computed here", start.elapsed(), slow_square::cache_info().misses);
    if std::env::args().any(|argument| argument == "--clear") {
        slow_square::cache_clear()?;
    }
    Ok(())
}
