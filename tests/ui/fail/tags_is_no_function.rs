use memolith::lru_cache;

#[lru_cache(tags = ["user"])]
fn a(user: u64, (x, y): (u8, u8)) -> u64 {
    user + u64::from(x) + u64::from(y)
}

#[lru_cache(tags = |user| [user.to_string()])]
fn b(user: u64) -> u64 {
    user
}

struct S;
impl S {
    #[lru_cache(skip(self), tags = |value| [value.to_string()])]
    fn c(&self, user: u64) -> u64 {
        user
    }
}

fn main() {
    a(1, (2, 3));
    b(1);
    S.c(1);
}
