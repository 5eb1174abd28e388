use memolith::lru_cache;

#[lru_cache(on_evict = "log")]
fn text(x: u64) -> u64 {
    x
}

#[lru_cache(on_evict = |key| drop(key))]
fn few(x: u64) -> u64 {
    x
}

#[lru_cache(key = x.to_bits(), on_evict = |key, _, _| println!("{key}"))]
fn unknown(x: f64) -> f64 {
    x
}

fn main() {}
