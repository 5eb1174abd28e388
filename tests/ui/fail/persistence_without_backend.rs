use memolith::lru_cache;

#[lru_cache(memory = 10, writes = Behind, wait = "2s", codec = Json, name = "f", version = "1", on_error = |_| {})]
fn f(x: u8) -> u8 {
    x
}

fn main() {}
