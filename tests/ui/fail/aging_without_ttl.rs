use memolith::lru_cache;

#[lru_cache(jitter = 0.1, early_refresh, stale = "30s")]
fn f(x: u8) -> u8 {
    x
}

fn main() {}
