//! Places for bytes behind [memolith](https://docs.rs/memolith). Depend on `memolith` instead.
