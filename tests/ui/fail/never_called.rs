// That a function is never called is said once, as it would be without the attribute.
#![deny(dead_code)]

use memolith::lru_cache;

#[lru_cache]
fn uncalled(x: u8) -> u8 {
    x
}

fn main() {}
