use memolith::lru_cache;

#[lru_cache(ttl = "5m", jitter = 10)]
fn f(x: u8) -> u8 {
    x
}

#[lru_cache(ttl = "5m", jitter = -0.1)]
fn g(x: u8) -> u8 {
    x
}

#[lru_cache(ttl = "5m", jitter = "10%")]
fn h(x: u8) -> u8 {
    x
}

#[lru_cache(ttl = "5m", jitter = 0)]
fn i(x: u8) -> u8 {
    x
}

fn main() {}
