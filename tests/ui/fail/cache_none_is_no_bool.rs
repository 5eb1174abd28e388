use memolith::lru_cache;

#[lru_cache(cache_none = "no")]
fn f(x: u8) -> Option<u8> {
    Some(x)
}

fn main() {}
