use memolith::lru_cache;

#[lru_cache]
fn f(x: u8) -> impl Clone {
    x
}

#[lru_cache]
fn g(x: u8) -> impl Future<Output = u8> {
    async move { x }
}

fn main() {}
