use memolith::lru_cache;

#[lru_cache]
unsafe fn f(x: u8) -> u8 {
    x
}

fn main() {}
