//! Memoization, set in stone.
pub use memolith_core::*;
