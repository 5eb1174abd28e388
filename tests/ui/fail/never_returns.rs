use memolith::lru_cache;

#[lru_cache]
fn f(x: u8) -> ! {
    panic!("{x}")
}

fn main() {}
