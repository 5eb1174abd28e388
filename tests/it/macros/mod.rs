//! `#[lru_cache]`: what each argument does, and that nothing else about a function changes.

mod aging;
mod bounds;
mod departures;
mod entries;
mod futures;
mod generics;
mod keys;
mod meaning;
mod methods;
#[cfg(feature = "postcard")]
mod names;
#[cfg(feature = "postcard")]
mod persistence;
#[cfg(feature = "postcard")]
mod spaces;
mod values;
