use memolith::lru_cache;

#[lru_cache(ttl = "5 years")]
fn f(x: u8) -> u8 {
    x
}

fn main() {}
