//! Typed keys and values to bytes and back.

#[cfg(feature = "serde")]
pub(crate) mod codec;
#[cfg(feature = "serde")]
mod envelope;
#[cfg(feature = "serde")]
pub(crate) mod format;
#[cfg(feature = "serde")]
pub(crate) mod keys;
#[cfg(feature = "serde")]
mod shape;

use crate::Result;
use crate::tags::Carried;
use crate::time::Timestamp;
use std::sync::Arc;
use std::time::Duration;

/// The bytes that name a key within its space.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(crate) struct KeyBytes {
    pub(crate) bytes: Vec<u8>,
    /// Whether `bytes` are a length and a hash because the key's own bytes are many.
    pub(crate) hashed: bool,
}

/// When a value was made, how long it is good for, and what it cost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Stamp {
    pub(crate) created: Timestamp,
    pub(crate) expires: Timestamp,
    pub(crate) cost: Duration,
    /// Whether it was given a time to live of its own, that the cache's does not change.
    pub(crate) own_life: bool,
    /// Its tags, if it has any.
    pub(crate) tags: Option<Arc<Carried>>,
}

/// The only place that knows both types and bytes; [`Remote`](crate::remote) knows neither serde nor the envelope.
pub(crate) trait Wire<K, V>: Send + Sync {
    /// The name of a function's space: `name` and the shape of `K`, so that keys of another type are other entries.
    fn space(&self, name: &str) -> String;
    /// What stands for the space called `space` in the checksums of its records.
    fn label(&self, space: &str) -> u64;
    /// The canonical bytes of `key`, in the vector `room`, whatever was in there.
    fn key(&self, key: &K, room: Vec<u8>) -> Result<KeyBytes>;
    /// The record of `value` under `key` in the space labelled `space`: header, checksum, encoded value.
    fn seal(&self, space: u64, key: &KeyBytes, value: &V, stamp: Stamp) -> Result<Vec<u8>>;
    /// The value in `record`, verified before anything is decoded; `None` if it has expired, an error if it is not ours.
    fn open(&self, space: u64, key: &KeyBytes, record: &[u8], now: Timestamp) -> Result<Option<(V, Stamp)>>;
    /// As `open` for a record met in a scan; the key too, where it is stored in full and can be read back.
    fn open_scanned(&self, space: u64, key: &[u8], record: &[u8], now: Timestamp) -> Result<Option<Scanned<K, V>>>;
}

/// An entry met in a scan: its key, where that is known, its value, and the stamp of that.
pub(crate) type Scanned<K, V> = (Option<K>, V, Stamp);
