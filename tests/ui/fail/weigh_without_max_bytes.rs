use memolith::lru_cache;

#[lru_cache(weigh = |_| 1)]
fn f(x: u8) -> u8 {
    x
}

fn main() {}
