use memolith::lru_cache;

struct S;

impl S {
    #[lru_cache]
    fn f(&mut self, x: u8) -> u8 {
        x
    }
}

fn main() {}
