//! The first minute: one attribute, and the counters that show it at work.

use memolith::lru_cache;

#[lru_cache]
fn fib(n: u64) -> u64 {
    if n < 2 { n } else { fib(n - 1) + fib(n - 2) }
}

fn main() {
    println!("fib(90) = {}", fib(90));
    let info = fib::cache_info();
    println!("{} computed, {} remembered", info.misses, info.hits);
    assert_eq!((info.misses, info.hits), (91, 88));
}
