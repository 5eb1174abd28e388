use memolith::lru_cache;

use std::time::Duration;

#[lru_cache(ttl = "0s")]
fn f(x: u8) -> u8 {
    x
}

#[lru_cache(tti = Duration::ZERO)]
fn g(x: u8) -> u8 {
    x
}

#[lru_cache(ttl = Duration::from_secs(0))]
fn h(x: u8) -> u8 {
    x
}

fn main() {}
