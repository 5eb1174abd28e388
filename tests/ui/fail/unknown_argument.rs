use memolith::lru_cache;

#[lru_cache(max_size = 10)]
fn f(x: u8) -> u8 {
    x
}

#[lru_cache(bananas = 10)]
fn g(x: u8) -> u8 {
    x
}

fn main() {}
