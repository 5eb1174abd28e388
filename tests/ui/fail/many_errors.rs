use memolith::lru_cache;

// Every mistake is reported at once.
#[lru_cache(max_size = 10, policy = Lur, ttl = "0s", skip(y), weigh = |_| 1, codec = Json)]
fn f(x: &mut u8, z: impl Copy) -> &str {
    todo!()
}

fn main() {}
