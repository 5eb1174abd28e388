use memolith::lru_cache;

#[lru_cache(on_evict = "log")]
fn text(x: u64) -> u64 {
    x
}

#[lru_cache(on_evict = |key| drop(key))]
fn few(x: u64) -> u64 {
    x
}

#[lru_cache(on_evict = |key, _, _| println!("{key:?}"), on_evict = told)]
fn twice(x: u64) -> u64 {
    x
}

fn main() {
    text(1);
    few(1);
    twice(1);
}
