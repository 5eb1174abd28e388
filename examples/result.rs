//! Only `Ok` is kept: a failure is told to its caller and tried again by the next.

use memolith::lru_cache;
use std::num::ParseIntError;

#[lru_cache]
fn parse(text: &str) -> Result<u64, ParseIntError> {
    println!("parsing {text:?}");
    let number: u64 = text.parse()?;
    Ok(number)
}

#[lru_cache(cache_err)]
fn parse_once(text: &str) -> Result<u64, ParseIntError> {
    text.parse()
}

fn main() {
    for text in ["42", "42", "forty-two", "forty-two"] {
        println!("{text}: {:?}", parse(text));
        println!("{text}: {:?}", parse_once(text));
    }
    assert_eq!((parse::cache_info().hits, parse::cache_info().misses), (1, 3));
    assert_eq!((parse_once::cache_info().hits, parse_once::cache_info().misses), (2, 2));
}
