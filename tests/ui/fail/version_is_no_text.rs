use memolith::lru_cache;

#[lru_cache(backend = "memory:", version = 2)]
fn f(x: u8) -> u8 {
    x
}

fn main() {}
