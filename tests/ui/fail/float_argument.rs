use memolith::lru_cache;

#[lru_cache]
fn f(x: f64) -> f64 {
    x
}

#[lru_cache]
fn g(kind: &str, y: &[f32]) -> usize {
    kind.len() + y.len()
}

fn main() {}
