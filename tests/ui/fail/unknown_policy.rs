use memolith::lru_cache;

#[lru_cache(policy = Lri)]
fn f(x: u8) -> u8 {
    x
}

#[lru_cache(policy = Best)]
fn g(x: u8) -> u8 {
    x
}

#[lru_cache(policy = "Lru")]
fn h(x: u8) -> u8 {
    x
}

fn main() {}
