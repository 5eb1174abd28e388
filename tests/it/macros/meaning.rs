//! Recursion, `?`, `return`, panics, attributes: what a function meant without the attribute it means with it.

use memolith::lru_cache;
use std::panic::catch_unwind;
use std::sync::atomic::{AtomicU32, Ordering::SeqCst};

#[lru_cache(maxsize = None)]
fn fib(n: u64) -> u64 {
    if n < 2 { n } else { fib(n - 1) + fib(n - 2) }
}

#[lru_cache(maxsize = None)]
fn even(n: u32) -> bool {
    n == 0 || odd(n - 1)
}

#[lru_cache(maxsize = None)]
fn odd(n: u32) -> bool {
    n != 0 && even(n - 1)
}

#[test]
fn a_recursive_call_is_a_cached_call() {
    assert_eq!(fib(90), 2_880_067_194_370_816_120);
    let info = fib::cache_info();
    assert_eq!((info.hits, info.misses), (88, 91));
    assert_eq!((even(100), odd(100)), (true, false));
    assert_eq!(fib::uncached(90), fib(90), "the original calls the cached function, too");
}

#[lru_cache]
fn first_word(text: &str) -> Option<String> {
    let word = text.split(' ').next()?;
    if word == "stop" {
        return None;
    }
    let closure = || -> Result<u32, std::num::ParseIntError> { Ok(word.parse::<u32>()? + 1) };
    Some(closure().map_or_else(|_| word.to_string(), |number| number.to_string()))
}

#[test]
fn early_returns_leave_the_body_alone() {
    for _ in 0..2 {
        assert_eq!(first_word("a b"), Some("a".to_string()));
        assert_eq!(first_word("41 b"), Some("42".to_string()));
        assert_eq!(first_word("stop b"), None);
    }
    assert_eq!(first_word::cache_info().misses, 3);
}

static TRIES: AtomicU32 = AtomicU32::new(0);

#[lru_cache]
fn third_time(x: u32) -> u32 {
    let tries = TRIES.fetch_add(1, SeqCst) + 1;
    assert!(tries > 2, "try {tries}");
    x
}

#[test]
fn a_panic_reaches_the_caller_and_leaves_nothing_behind() {
    assert!(catch_unwind(|| third_time(1)).is_err());
    assert!(catch_unwind(|| third_time(1)).is_err());
    assert_eq!(catch_unwind(|| third_time(1)).ok(), Some(1));
    assert_eq!(third_time(1), 1);
    assert_eq!(TRIES.load(SeqCst), 3);
}

#[test]
fn threads_compute_once() {
    static RUNS: AtomicU32 = AtomicU32::new(0);

    #[lru_cache]
    fn slow(x: u32) -> u32 {
        RUNS.fetch_add(1, SeqCst);
        x
    }
    std::thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| (0..100).for_each(|x| assert_eq!(slow(x), x)));
        }
    });
    assert_eq!(RUNS.load(SeqCst), 100);
    let info = slow::cache_info();
    assert_eq!(info.hits + info.misses, 800);
}

macro_rules! squares {
    ($($name:ident: $ty:ty => $body:expr),*) => {
        $(
            #[lru_cache(maxsize = 5)]
            fn $name(x: $ty) -> u64 {
                let doubled = $body;
                u64::from(*x) + doubled
            }
        )*
    };
}

squares!(by_reference: &u8 => 1, by_expression: &u32 => 2 + 3);

macro_rules! with_body {
    ($name:ident, $body:block) => {
        #[lru_cache]
        fn $name() -> u64 $body
    };
}

with_body!(from_a_block, { 6 * 7 });

#[test]
fn functions_made_by_macros_are_functions() {
    assert_eq!((by_reference(&3), by_reference(&3), by_expression(&3)), (4, 4, 8));
    assert_eq!(by_reference::get(&3), Some(4));
    assert_eq!((from_a_block(), from_a_block::cache_info().misses), (42, 1));
}

#[lru_cache]
#[inline]
#[must_use]
#[track_caller]
#[doc(alias = "other")]
pub(crate) fn attributes(x: u8) -> u8 {
    #![allow(unused_variables, clippy::allow_attributes, reason = "an inner attribute is part of the body")]
    let unused = 1;
    x
}

#[test]
fn attributes_stay() {
    assert_eq!(attributes(1), 1);
    assert_eq!(attributes::uncached(1), 1);
}

/// Names that generated code uses for itself, as a user might.
#[lru_cache]
fn names(cache: u8, lease: u8, value: u8, key: u8, memolith_value: u8, root: u8) -> u8 {
    let memolith_lease = cache + lease + value;
    memolith_lease + key + memolith_value + root
}

#[test]
fn no_name_of_the_users_is_taken() {
    assert_eq!(names(1, 2, 3, 4, 5, 6), 21);
    assert_eq!(names(1, 2, 3, 4, 5, 6), 21);
}
