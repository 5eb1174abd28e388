use memolith::lru_cache;

struct Model {
    weight: f64,
}

impl Model {
    #[lru_cache]
    fn predict(&self, x: u32) -> f64 {
        self.weight * f64::from(x)
    }
}

fn main() {}
