use memolith::lru_cache;

#[lru_cache(ttl = 5)]
fn f(x: u8) -> u8 {
    x
}

fn main() {}
