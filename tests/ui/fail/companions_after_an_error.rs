use memolith::lru_cache;

// One mistake is one error, also where the companions are used.
#[lru_cache(max_size = 10, skip(verbose))]
fn f(x: u8, verbose: bool) -> u8 {
    if verbose { x } else { 0 }
}

struct S;

impl S {
    #[lru_cache(policy = Lri)]
    fn m(&self, x: u8) -> u8 {
        x
    }
}

fn uses() {
    let _: u8 = f(1, true) + f::uncached(1, true) + S.m(1) + S.m_uncached(1);
    let _: u64 = f::cache_info().hits + S::m_cache_info().hits;
    let _: Option<u8> = f::get(1).or(S.m_get(1));
    let _: (memolith::Result<bool>, memolith::Result<()>) = (f::invalidate(1), f::cache_clear());
    let _: usize = f::cache().len();
}

fn main() {}
