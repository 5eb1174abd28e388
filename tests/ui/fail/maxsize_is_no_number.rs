use memolith::lru_cache;

#[lru_cache(maxsize = "ten")]
fn f(x: u8) -> u8 {
    x
}

fn main() {}
