use memolith::lru_cache;

#[lru_cache(backend = "memory:", wait = "a while")]
fn f(x: u8) -> u8 {
    x
}

#[lru_cache(backend = "memory:", wait = 2)]
fn g(x: u8) -> u8 {
    x
}

#[lru_cache(backend = "memory:", wait = "0s")]
fn h(x: u8) -> u8 {
    x
}

fn main() {}
