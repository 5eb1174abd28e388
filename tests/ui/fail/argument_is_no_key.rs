use memolith::lru_cache;

struct Point {
    x: i32,
}

#[lru_cache]
fn f(point: &Point) -> i32 {
    point.x
}

fn main() {}
