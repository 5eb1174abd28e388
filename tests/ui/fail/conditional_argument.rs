use memolith::lru_cache;

#[lru_cache]
fn f(#[cfg(unix)] x: u8) -> u8 {
    x
}

fn main() {}
