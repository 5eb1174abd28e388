use memolith::lru_cache;

#[lru_cache(ttl = "5m", tti = "1m", jitter = 0.1, early_refresh = 2.0, stale = "30s")]
fn f(x: u8) -> u8 {
    x
}

fn main() {}
