use memolith::lru_cache;

#[lru_cache(cache_none = false)]
fn f(x: u8) -> u8 {
    x
}

fn main() {}
