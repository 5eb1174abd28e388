//! One cache for many machines: run it on two of them at once, and again later.
//!
//! `cargo run --example redis --features redis -- redis://localhost`

use memolith::lru_cache;
use std::time::{Duration, Instant};

/// While one machine computes a number, the others wait for it, for two seconds at most.
#[lru_cache(maxsize = 100_000, ttl = "1h", backend = url(), wait = "2s")]
fn slow_square(n: u64) -> u64 {
    std::thread::sleep(Duration::from_millis(50));
    n * n
}

/// Servers that are not there make calls slower, and nothing else: every number is computed then.
fn url() -> String {
    std::env::args().nth(1).unwrap_or("redis://localhost".to_owned())
}

fn main() -> memolith::Result<()> {
    let start = Instant::now();
    let sum: u64 = (1..=20).map(slow_square).sum();
    let info = slow_square::cache_info();
    println!("{sum} after {:?}, {} faults, {} computed here", start.elapsed(), info.errors, info.misses);
    if std::env::args().any(|argument| argument == "--clear") {
        slow_square::cache_clear()?;
    }
    Ok(())
}
