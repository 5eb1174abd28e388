//! Places for bytes behind [memolith](https://docs.rs/memolith). Depend on `memolith` instead.
//!
//! | backend | what it is | feature |
//! |---|---|---|
//! | [`Memory`] | the memory of this process, for tests and as an example | always |
//! | `Sqlite` | a file, for many functions and many processes | `sqlite` |
//! | `Shared` | a memory-mapped file, for all processes of a user on a machine; Linux | `shared` |
//! | `Redis` | servers of Redis or Valkey, for many machines | `redis` |
//!
//! [`open`] makes one from a URL.

// In the folder of `shared`, because `unsafe` code stays there; but of SQLite, whose spaces have their words on one. A
// region has words of its own.
#[cfg(all(feature = "sqlite", target_os = "linux"))]
#[path = "shared/board.rs"]
mod board;
mod memory;
mod open;
#[cfg(feature = "redis")]
pub mod redis;
#[cfg(all(feature = "shared", target_os = "linux"))]
mod shared;
#[cfg(feature = "sqlite")]
mod sqlite;
#[cfg(all(feature = "shared", target_os = "linux"))]
mod sync;

pub use memory::Memory;
pub use open::open;
#[cfg(feature = "redis")]
pub use redis::Redis;
#[cfg(all(feature = "shared", target_os = "linux", not(loom)))]
pub use shared::{Shared, SharedInfo, SharedSpaceInfo};
#[cfg(feature = "sqlite")]
pub use sqlite::Sqlite;
