//! Keys that are the same in every language: deterministic CBOR (RFC 8949, section 4.2.1), in which equal keys have
//! equal bytes, whatever their types.
//!
//! A value begins with a kind in the upper three bits of a byte, and a number n: in the lower five bits up to 23, or, for
//! 24, 25, 26 and 27 there, in the 1, 2, 4 or 8 bytes that follow, the highest first. The shortest form is the only one.
//!
//! | what | begins with | what follows |
//! |---|---|---|
//! | whole number | kind 0, the number; below zero kind 1, -1 - the number | |
//! | of more than 64 bits | `c2`; below zero `c3` | kind 2 and bytes: the number or -1 - the number, the highest byte first |
//! | other number | `fb` | 8 bytes, the highest first; NaN is `7ff8000000000000` |
//! | nothing | `f6` | |
//! | bytes | kind 2, how many | the bytes |
//! | text | kind 3, how many bytes | UTF-8 |
//! | text with lone surrogates | `d96d6d` | kind 2 and bytes: as UTF-8, each surrogate in three |
//! | tuple | kind 4, how many | the elements |
//! | list | `d96d6c` | kind 4, how many; the elements |
//! | set | `d90102` | kind 4, how many; the elements in the order of their bytes |
//! | dictionary | kind 5, how many | keys, each before its value, in the order of the keys' bytes |
//! | extension | `d81b82` | the name of the class, a text; one value |
//!
//! Numbers are one kind, by value: a float that is a whole number is written as one. No value is the beginning of another.
//! `docs/portable.md` is written for those who do the same elsewhere, with what else they must know.

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
