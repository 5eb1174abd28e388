use memolith::lru_cache;

#[lru_cache(skip(x, x))]
fn f(x: u8) -> u8 {
    x
}

fn main() {}
