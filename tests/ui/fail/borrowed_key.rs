use memolith::lru_cache;

struct Model {
    id: u64,
}

impl Model {
    #[lru_cache(key = (self.id, name))]
    fn f(&self, name: &str) -> usize {
        name.len()
    }

    #[lru_cache(key = self)]
    fn g(&self) -> u64 {
        self.id
    }
}

#[lru_cache(key = x)]
fn h(x: f64) -> f64 {
    x
}

fn main() {}
