use memolith::lru_cache;

#[lru_cache(skip(y, self))]
fn f(x: u8) -> u8 {
    x
}

#[lru_cache(skip(a))]
fn g() -> u8 {
    0
}

fn main() {}
