use memolith::lru_cache;

#[lru_cache]
struct S;

fn main() {}
