//! Memoization, set in stone.
pub use memolith_core::*;
pub use memolith_macros::lru_cache;

#[doc(hidden)]
pub mod __private;
