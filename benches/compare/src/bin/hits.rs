//! Hits of memoized functions on one thread.

use compare::{Contender, race};
use memolith::{Cache, Lookup};
use std::hint::black_box;
use std::sync::LazyLock;

static OURS: LazyLock<Cache<(u64,), u64>> = LazyLock::new(|| Cache::builder().maxsize(1_000).build());
static SIEVE: LazyLock<Cache<(u64,), u64>> =
    LazyLock::new(|| Cache::builder().maxsize(1_000).policy(memolith::Policy::Sieve).build());
static QUICK: LazyLock<quick_cache::sync::Cache<u64, u64>> = LazyLock::new(|| quick_cache::sync::Cache::new(1_000));

fn ours(n: u64) -> u64 {
    match OURS.lookup(&(n,)) {
        Lookup::Hit(value) => value,
        Lookup::Miss(lease) => lease.fill(n * n),
    }
}
fn sieve(n: u64) -> u64 {
    match SIEVE.lookup(&(n,)) {
        Lookup::Hit(value) => value,
        Lookup::Miss(lease) => lease.fill(n * n),
    }
}
fn quick(n: u64) -> u64 {
    QUICK.get_or_insert_with(&n, || Ok::<_, std::convert::Infallible>(n * n)).unwrap_or(0)
}
fn each(f: impl Fn(u64) -> u64) -> impl FnMut(u64) {
    move |times| {
        let mut x = 1u64;
        for _ in 0..times {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            black_box(f(black_box(x % 500)));
        }
    }
}
fn main() {
    race(
        "fn(u64) -> u64",
        15,
        1_000_000,
        &mut [
            Contender::new("quick_cache", each(quick)),
            Contender::new("ours", each(ours)),
            Contender::new("ours sieve", each(sieve)),
            Contender::new("nothing", each(|n| n)),
        ],
    );
}
