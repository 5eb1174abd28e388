use memolith::lru_cache;

#[lru_cache]
fn f(x: impl Into<u8>) -> u8 {
    x.into()
}

fn main() {}
