use memolith::lru_cache;

#[lru_cache(backend = "memory:", version = "", name = "")]
fn f(x: u8) -> u8 {
    x
}

fn main() {}
