use memolith::lru_cache;

#[lru_cache]
const fn f(x: u8) -> u8 {
    x
}

fn main() {}
