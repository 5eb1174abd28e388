use memolith::lru_cache;

#[lru_cache]
fn f(x: &mut Vec<u8>) -> u8 {
    x.pop().unwrap_or(0)
}

#[lru_cache(skip(out))]
fn g(x: u8, out: &mut u8) -> u8 {
    *out = x;
    x
}

fn main() {}
