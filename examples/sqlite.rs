//! Results that outlive the process: run it twice. Another process may use the same file meanwhile.

use memolith::lru_cache;

/// How many steps the Collatz sequence takes, at most, for the numbers up to `limit`.
#[lru_cache(backend = "sqlite:target/example.db")]
fn longest_collatz(limit: u64) -> (u64, u32) {
    println!("computing");
    (1..limit).map(|start| (start, steps(start))).max_by_key(|&(_, steps)| steps).unwrap_or_default()
}

fn steps(mut n: u64) -> u32 {
    let mut steps = 0;
    while n != 1 {
        n = if n.is_multiple_of(2) { n / 2 } else { 3 * n + 1 };
        steps += 1;
    }
    steps
}

fn main() {
    let (start, steps) = longest_collatz(1_000_000);
    assert_eq!((start, steps), (837_799, 524));
    println!("below a million, {start} takes {steps} steps");
    let info = longest_collatz::cache_info();
    println!("{} computed, {} from the file; {} errors", info.misses, info.backend_hits, info.errors);
}
