use memolith::lru_cache;

#[lru_cache(cache_err)]
fn f(x: u8) -> u8 {
    x
}

fn main() {}
