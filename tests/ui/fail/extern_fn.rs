use memolith::lru_cache;

#[lru_cache]
extern "C" fn f(x: u8) -> u8 {
    x
}

fn main() {}
