//! Scopes: what a block, a task or a request may do with caches, and what is counted for it.

#![expect(clippy::unwrap_used, reason = "tests")]

mod misses;
#[cfg(feature = "postcard")]
mod modes;
mod nested;
#[cfg(feature = "postcard")]
mod refresh;
mod tasks;
