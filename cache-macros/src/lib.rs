//! The `#[lru_cache]` attribute of [memolith](https://docs.rs/memolith). Depend on `memolith` instead.
