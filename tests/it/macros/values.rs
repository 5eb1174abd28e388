//! What is kept: `Result`, `Option`, `cache_err`, `cache_none`, `cache_if`.

use memolith::{Cache, lru_cache};
use std::cell::Cell;

thread_local!(static RUNS: Cell<u32> = const { Cell::new(0) });

/// How often the body ran in `calls`, on this thread.
fn runs(calls: impl Fn()) -> u32 {
    RUNS.set(0);
    calls();
    RUNS.get()
}

fn ran() {
    RUNS.set(RUNS.get() + 1);
}

/// No `Clone`: errors go to the caller alone.
#[derive(Debug, PartialEq)]
struct Odd(u32);

#[lru_cache]
fn half(x: u32) -> Result<u32, Odd> {
    ran();
    if x.is_multiple_of(2) { Ok(x / 2) } else { Err(Odd(x)) }
}

#[lru_cache]
fn parse(text: &str) -> std::io::Result<u32> {
    ran();
    let number = text.parse().map_err(std::io::Error::other)?;
    if number == 7 {
        return Ok(70);
    }
    Ok(number)
}

#[test]
fn of_a_result_only_ok_is_kept() {
    let _: &Cache<(u32,), u32> = half::cache();
    assert_eq!(runs(|| assert_eq!((half(4), half(4)), (Ok(2), Ok(2)))), 1);
    assert_eq!(runs(|| assert_eq!((half(3), half(3)), (Err(Odd(3)), Err(Odd(3))))), 2);
    assert_eq!(half::get(4), Some(2));
    assert_eq!(half::get(3), None);
    assert_eq!(half::uncached(3), Err(Odd(3)));
}

#[test]
fn a_result_by_another_name_is_a_result() {
    let _: &Cache<(String,), u32> = parse::cache();
    assert_eq!(runs(|| assert!(parse("x").is_err() && parse("x").is_err())), 2);
    assert_eq!(runs(|| assert_eq!((parse("7").ok(), parse("7").ok()), (Some(70), Some(70)))), 1);
}

type Checked<T> = Result<T, String>;
type Small = Checked<u8>;

#[lru_cache]
fn small(x: u32) -> Small {
    ran();
    u8::try_from(x).map_err(|error| error.to_string())
}

#[lru_cache(cache_if = |small| *small != Ok(7))]
async fn small_later(x: u32) -> Small {
    small::uncached(x)
}

#[test]
fn errors_of_an_alias_are_not_kept() {
    assert_eq!(runs(|| assert!(small(300).is_err() && small(300).is_err())), 2);
    assert_eq!(runs(|| assert_eq!((small(3), small(3)), (Ok(3), Ok(3)))), 1);
    let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
    let later = |x| runtime.block_on(small_later(x));
    assert_eq!(runs(|| assert!(later(300).is_err() && later(300).is_err())), 2);
    assert_eq!(runs(|| assert_eq!((later(7), later(7)), (Ok(7), Ok(7)))), 2);
    assert_eq!(runs(|| assert_eq!((later(3), later(3)), (Ok(3), Ok(3)))), 1);
}

#[lru_cache(cache_err)]
fn all(x: u32) -> Result<u32, String> {
    ran();
    if x == 0 { Err("zero".to_string()) } else { Ok(x) }
}

#[test]
fn cache_err_keeps_errors() {
    let _: &Cache<(u32,), Result<u32, String>> = all::cache();
    assert_eq!(runs(|| assert_eq!((all(0), all(0)), (Err("zero".into()), Err("zero".into())))), 1);
    assert_eq!(all::get(0), Some(Err("zero".into())));
}

#[lru_cache]
fn found(x: u32) -> Option<u32> {
    ran();
    (x > 2).then_some(x)
}

#[lru_cache(cache_none = false)]
fn found_some(x: u32) -> Option<u32> {
    ran();
    (x > 2).then_some(x)
}

#[lru_cache(cache_none = false)]
fn found_in_ok(x: u32) -> Result<Option<u32>, Odd> {
    ran();
    Ok((x > 2).then_some(x))
}

#[test]
fn none_is_kept_unless_told_otherwise() {
    assert_eq!(runs(|| assert_eq!((found(1), found(1)), (None, None))), 1);
    assert_eq!(found::get(1), Some(None));
    assert_eq!(runs(|| assert_eq!((found_some(1), found_some(1)), (None, None))), 2);
    assert_eq!(runs(|| assert_eq!((found_some(3), found_some(3)), (Some(3), Some(3)))), 1);
    assert_eq!(runs(|| assert_eq!((found_in_ok(1), found_in_ok(1)), (Ok(None), Ok(None)))), 2);
    assert_eq!(runs(|| assert_eq!((found_in_ok(3), found_in_ok(3)), (Ok(Some(3)), Ok(Some(3))))), 1);
}

#[lru_cache(cache_if = |text| !text.is_empty())]
fn text(x: usize) -> String {
    ran();
    "x".repeat(x)
}

fn is_large(value: &u32) -> bool {
    *value > 10
}

#[lru_cache(cache_if = is_large)]
fn large(x: u32) -> Result<u32, Odd> {
    ran();
    Ok(x)
}

#[lru_cache(cache_if = |value| *value != Some(5), cache_none = false)]
fn both(x: u32) -> Option<u32> {
    ran();
    (x > 2).then_some(x)
}

#[test]
fn cache_if_decides_by_value() {
    assert_eq!(runs(|| assert_eq!((text(0), text(0)), (String::new(), String::new()))), 2);
    assert_eq!(runs(|| assert_eq!((text(1), text(1)), ("x".into(), "x".into()))), 1);
    assert_eq!(runs(|| assert_eq!((large(1), large(1)), (Ok(1), Ok(1)))), 2);
    assert_eq!(runs(|| assert_eq!((large(11), large(11)), (Ok(11), Ok(11)))), 1);
    assert_eq!(runs(|| assert_eq!((both(1), both(1)), (None, None))), 2);
    assert_eq!(runs(|| assert_eq!((both(5), both(5)), (Some(5), Some(5)))), 2);
    assert_eq!(runs(|| assert_eq!((both(6), both(6)), (Some(6), Some(6)))), 1);
}
