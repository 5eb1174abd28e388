use memolith::lru_cache;

struct View<'a>(&'a str);

#[lru_cache]
fn f(x: &[&str]) -> usize {
    x.len()
}

#[lru_cache]
fn g(x: View<'_>) -> usize {
    x.0.len()
}

#[lru_cache]
fn h<'a>(x: &'a str, y: Vec<&'a str>) -> usize {
    x.len() + y.len()
}

fn main() {}
