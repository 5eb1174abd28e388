use memolith::lru_cache;

#[lru_cache]
#[lru_cache(maxsize = 2)]
fn f(x: u8) -> u8 {
    x
}

fn main() {}
