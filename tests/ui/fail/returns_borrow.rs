use memolith::lru_cache;

struct View<'a>(&'a str);

#[lru_cache]
fn f(x: &str) -> &str {
    x
}

#[lru_cache]
fn g(x: &str) -> View<'_> {
    View(x)
}

#[lru_cache]
fn h<'a>(x: &'a str) -> Option<&'a str> {
    Some(x)
}

fn main() {}
