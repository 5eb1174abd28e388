//! Generated code names nothing of the prelude, and nothing that the user may have called something else.
#![no_implicit_prelude]
#![deny(warnings, missing_docs, unused, clippy::pedantic)]

use ::memolith::lru_cache;
use ::std::vec::Vec;

/// A name of the prelude.
#[derive(::std::clone::Clone, ::std::cmp::PartialEq, ::std::cmp::Eq, ::std::hash::Hash)]
pub struct Option(pub u8);

/// A name of the prelude.
#[derive(::std::clone::Clone)]
pub struct String;

#[derive(::std::clone::Clone)]
pub(crate) struct Cache;

#[allow(dead_code)]
enum Lookup {
    Ok,
    Err,
    Some,
    None,
    Hit,
    Miss,
}
#[allow(unused_imports)]
use self::Lookup::*;

/// Free.
#[lru_cache(maxsize = 10, ttl = "5m", tti = "1h", policy = Sieve, max_bytes = 100, weigh = |_| 1, cache_if = |_| true)]
#[must_use]
pub fn free(text: &str, all: &[u8], one: Option, many: Vec<u8>) -> String {
    let _ = (text, all, one, many);
    String
}

/// Fallible.
#[lru_cache(maxsize = None, cache_none = false)]
pub fn fallible(x: u8) -> ::std::result::Result<::std::option::Option<u8>, String> {
    if x == 0 { ::std::result::Result::Err(String) } else { ::std::result::Result::Ok(::std::option::Option::Some(x)) }
}

/// With an inferred key.
#[lru_cache(key = x.to_bits())]
pub fn keyed(x: f64) -> f64 {
    x
}

/// Generic.
#[lru_cache]
pub fn generic<T: ::memolith::Key, const N: usize>(x: T) -> [T; N] {
    ::std::array::from_fn(|_| ::std::clone::Clone::clone(&x))
}

/// Asynchronous.
#[lru_cache]
pub async fn later(x: u8) -> ::std::result::Result<u8, String> {
    ::std::result::Result::Ok(x)
}

#[lru_cache]
fn private(x: u8) -> Cache {
    let _ = x;
    Cache
}

/// An owner.
#[derive(::std::fmt::Debug)]
pub struct Owner {
    id: u8,
}

impl Owner {
    /// A method.
    #[lru_cache(key = (self.id, x))]
    #[must_use]
    pub fn method(&self, x: u8) -> u8 {
        self.id + x
    }

    /// An associated function.
    #[lru_cache(associated, handle = other)]
    pub fn associated(x: u8) -> u8 {
        x
    }
}

fn main() {
    let _ = (free("", &[], Option(1), Vec::new()), fallible(1), keyed(1.0), generic::<u8, 3>(1), later(1), private(1));
    let _ = (Owner { id: 1 }.method(1), Owner::associated(1), Owner::other_cache_info());
}
