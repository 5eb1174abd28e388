use memolith::lru_cache;

#[lru_cache(ttl = "5m", early_refresh = 0.0)]
fn f(x: u8) -> u8 {
    x
}

#[lru_cache(ttl = "5m", early_refresh = "1s")]
fn g(x: u8) -> u8 {
    x
}

#[lru_cache(ttl = "5m", early_refresh = -1)]
fn h(x: u8) -> u8 {
    x
}

fn main() {}
