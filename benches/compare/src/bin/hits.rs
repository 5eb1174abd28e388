//! Hits of memoized functions on one thread: 1,000 entries at most, 500 keys in use.

use compare::{Contender, race};
use memolith::lru_cache;
use std::convert::Infallible;
use std::hint::black_box;
use std::sync::LazyLock;

type Quick<K, V> = LazyLock<quick_cache::sync::Cache<K, V>>;

static SQUARES: Quick<u64, u64> = LazyLock::new(|| quick_cache::sync::Cache::new(1_000));
static TEXTS: Quick<String, String> = LazyLock::new(|| quick_cache::sync::Cache::new(1_000));

#[lru_cache(maxsize = 1_000)]
fn square(n: u64) -> u64 {
    n * n
}

#[lru_cache(maxsize = 1_000, policy = Sieve)]
fn sieve_square(n: u64) -> u64 {
    n * n
}

fn quick_square(n: u64) -> u64 {
    SQUARES.get_or_insert_with(&n, || Ok::<_, Infallible>(n * n)).unwrap_or_default()
}

#[lru_cache(maxsize = 1_000)]
fn text(key: &str) -> String {
    key.repeat(4)
}

fn quick_text(key: &str) -> String {
    TEXTS.get_or_insert_with(key, || Ok::<_, Infallible>(key.repeat(4))).unwrap_or_default()
}

fn on_numbers(f: fn(u64) -> u64) -> impl FnMut(u64) {
    let mut next = numbers();
    move |times| {
        (0..times).for_each(|_| {
            black_box(f(black_box(next())));
        })
    }
}

fn on_texts<'a>(keys: &'a [String], f: fn(&str) -> String) -> impl FnMut(u64) + 'a {
    let mut next = numbers();
    move |times| (0..times).for_each(|_| drop(black_box(f(black_box(&keys[next() as usize])))))
}

fn numbers() -> impl FnMut() -> u64 {
    let mut x = 88_172_645_463_325_252u64;
    move || {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
        x % 500
    }
}

fn main() {
    let keys: Vec<String> = (0..500).map(|n| format!("{n:016}")).collect();
    race(
        "hit of a `fn(u64) -> u64`",
        21,
        500_000,
        &mut [
            Contender::new("quick_cache in a LazyLock", on_numbers(quick_square)),
            Contender::new("#[lru_cache]", on_numbers(square)),
            Contender::new("#[lru_cache(policy = Sieve)]", on_numbers(sieve_square)),
            Contender::new("the loop alone", on_numbers(|n| n)),
        ],
    );
    race(
        "hit of a `fn(&str) -> String`, 16 B to 64 B",
        21,
        500_000,
        &mut [
            Contender::new("quick_cache in a LazyLock", on_texts(&keys, quick_text)),
            Contender::new("#[lru_cache]", on_texts(&keys, text)),
        ],
    );
}
