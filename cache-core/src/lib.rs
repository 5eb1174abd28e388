//! The core of [memolith](https://docs.rs/memolith): the cache and the seams around it. Depend on `memolith` instead.

mod aging;
#[cfg(all(test, shuttle))]
mod aging_models;
mod backend;
mod behind;
mod builder;
mod bytes;
mod cache;
#[cfg(all(test, shuttle))]
mod coherence_models;
#[cfg(feature = "conformance")]
pub mod conformance;
mod counts;
mod dooms;
mod entries;
mod error;
mod eviction;
mod fault;
mod flight;
mod flights;
mod generated;
mod info;
mod instances;
mod key;
mod lease;
mod lock;
mod many;
mod memory;
#[cfg(feature = "metrics")]
mod metrics;
#[cfg(all(test, shuttle))]
mod models;
mod offload;
#[cfg(all(test, shuttle))]
mod orders;
mod remote;
mod removing;
mod scope;
mod scoped;
mod settings;
mod simulate;
mod stale;
mod stop;
mod store;
mod storing;
mod studies;
mod study;
mod sync;
mod system;
mod tags;
mod threads;
mod time;
mod timer;
mod waits;

pub use backend::{AsyncBackend, Backend, BoxFuture, Claim, IntoBackend, Record, Space, TagState, Visit, Watch};
pub use behind::Writes;
pub use builder::CacheBuilder;
#[cfg(feature = "bincode")]
pub use bytes::codec::Bincode;
#[cfg(feature = "cbor")]
pub use bytes::codec::Cbor;
#[cfg(feature = "serde")]
pub use bytes::codec::Codec;
#[cfg(feature = "json")]
pub use bytes::codec::Json;
#[cfg(feature = "messagepack")]
pub use bytes::codec::MessagePack;
#[cfg(feature = "serde")]
pub use bytes::codec::Portable;
#[cfg(feature = "postcard")]
pub use bytes::codec::Postcard;
pub use cache::{Cache, Lookup};
pub use error::{Error, ErrorKind, Result};
pub use eviction::{End, OnHit, Policy, Score};
pub use info::CacheInfo;
pub use key::{Key, KeyRef, Value};
pub use lease::Lease;
pub use memory::Cause;
pub use scope::{Miss, Scope, ScopeGuard, ScopeStats};
pub use simulate::{Simulated, optimum, simulate};
pub use study::Study;
pub use tags::{invalidate_tag, invalidate_tag_async, invalidate_tags, invalidate_tags_async};
pub use time::{Clock, ManualClock, SystemClock, Timestamp};

/// For generated code. Not covered by semantic versioning.
#[doc(hidden)]
pub mod __private {
    pub use crate::generated::*;
    pub use crate::instances::Instances;
    pub use crate::key::{Arg, Args};
    pub use crate::system::forks;
}
