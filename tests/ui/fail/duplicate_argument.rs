use memolith::lru_cache;

#[lru_cache(maxsize = 10, ttl = "1s", maxsize = 20)]
fn f(x: u8) -> u8 {
    x
}

fn main() {}
