use memolith::lru_cache;

#[lru_cache(ttl = "5m", stale = "a while")]
fn f(x: u8) -> u8 {
    x
}

#[lru_cache(ttl = "5m", stale = 30)]
fn g(x: u8) -> u8 {
    x
}

#[lru_cache(ttl = "5m", stale = "0s")]
fn h(x: u8) -> u8 {
    x
}

fn main() {}
