//! The core of [memolith](https://docs.rs/memolith): the cache and the seams around it. Depend on `memolith` instead.

mod backend;
#[cfg(feature = "conformance")]
pub mod conformance;
mod error;
mod eviction;
mod info;
mod instances;
mod key;
mod time;

pub use backend::{AsyncBackend, Backend, BoxFuture, IntoBackend, Record, Space, Visit, Watch};
pub use error::{Error, ErrorKind, Result};
pub use eviction::{End, OnHit, Policy, Score};
pub use info::CacheInfo;
pub use key::{Key, KeyRef, Value};
pub use time::{Clock, ManualClock, SystemClock, Timestamp};

/// For generated code. Not covered by semantic versioning.
#[doc(hidden)]
pub mod __private {
    pub use crate::instances::Instances;
    pub use crate::key::{Arg, Args};
}
