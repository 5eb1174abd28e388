use memolith::lru_cache;

#[lru_cache(max_bytes = "64 mib", weigh = |_| 1)]
fn f(x: u8) -> u8 {
    x
}

fn main() {}
