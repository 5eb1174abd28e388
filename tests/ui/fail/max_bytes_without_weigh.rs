use memolith::lru_cache;

#[lru_cache(max_bytes = "64MiB")]
fn f(x: u8) -> u8 {
    x
}

fn main() {}
