//! Keys that are the same in every language.

mod de;
mod grammar;
mod items;
mod key;
mod numbers;
mod parts;
mod ser;
#[cfg(test)]
mod tests;
mod write;

pub use items::{Item, Items};
pub use key::{PortableKey, PortableKeyRef};
pub(crate) use key::{ready, shown};
pub use write::{big, bytes, dict, extension, float, int, int64, list, none, set, surrogates, text, tuple};

use super::{Fidelity, KeyBytes};
use crate::error::Result;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// As [`keys::encode`](super::encode), in the portable form.
///
/// # Errors
/// As that, and for a key in which a `Some` is around nothing.
pub(crate) fn encode<K>(key: &K, fidelity: Fidelity, room: Vec<u8>) -> Result<KeyBytes>
where
    K: Serialize + DeserializeOwned + Eq,
{
    super::encode_by((ser::serialize, de::deserialize), key, fidelity, room)
}

/// The key that `bytes` are in full, if a key of this type has these bytes.
pub(crate) fn decode<K: Serialize + DeserializeOwned>(bytes: &[u8]) -> Option<K> {
    let key = de::deserialize(bytes).ok()?;
    let mut again = Vec::with_capacity(bytes.len());
    ser::serialize::<K>(&key, &mut again).ok()?;
    // What another language wrote may mean less to this type than it says.
    (again == bytes).then_some(key)
}
