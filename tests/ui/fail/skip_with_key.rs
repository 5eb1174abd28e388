use memolith::lru_cache;

#[lru_cache(key = x, skip(y))]
fn f(x: u8, y: u8) -> u8 {
    x + y
}

fn main() {}
