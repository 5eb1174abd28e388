use memolith::lru_cache;

trait T {
    #[lru_cache]
    fn f(&self, x: u8) -> u8;
}

fn main() {}
