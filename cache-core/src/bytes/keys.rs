//! Canonical key bytes: equal for equal keys, different for different keys of one type, the same in every process.
//!
//! The form is [postcard's](https://postcard.jamesmunns.com), except that the entries of a map are in the order of their
//! bytes, so that a `HashMap` inside a key has one form. The type is not part of it: `5u8` and `(5u64,)` are both `[5]`,
//! which is why the name of a space carries the shape of its keys.
//!
//! Floats keep their bits. To merge `-0.0` with `0.0` would serve `1.0 / x` wrong to key types that tell them apart,
//! while not to merge them costs a computation. A `HashSet` inside a key is a sequence to serde, in the set's own order:
//! equal sets may have different bytes, which again costs a computation and never serves a wrong value.

pub mod portable;
mod read;
#[cfg(test)]
mod tests;
mod write;

use super::KeyBytes;
use crate::error::{Error, ErrorKind, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::any::type_name;
use std::fmt;

/// Keys up to this many bytes are stored in full.
pub(crate) const FULL: usize = 128;
/// The size of the name of a longer key: its length, and its BLAKE3-256.
pub(crate) const HASHED: usize = 40;

/// Whether a key type is known to keep all of itself when it is serialized.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Fidelity {
    /// Primitives, strings and containers of these.
    Known,
    /// Anything else: `#[serde(skip)]`, `untagged` or a lossy `with` give unequal keys equal bytes, and so one the value
    /// of the other. Such a key is read back and compared before its bytes are used.
    Checked,
}

impl Fidelity {
    /// What is known of `K`, from its name alone.
    pub(crate) fn of<K>() -> Self {
        const FAITHFUL: [&str; 23] = [
            "bool",
            "char",
            "str",
            "u8",
            "u16",
            "u32",
            "u64",
            "u128",
            "usize",
            "i8",
            "i16",
            "i32",
            "i64",
            "i128",
            "isize",
            "alloc::string::String",
            "alloc::vec::Vec",
            "alloc::boxed::Box",
            "alloc::collections::btree::map::BTreeMap",
            "alloc::collections::btree::set::BTreeSet",
            "core::option::Option",
            "core::result::Result",
            "std::path::PathBuf",
        ];
        let part_of_path = |c: char| c.is_alphanumeric() || c == '_' || c == ':';
        let mut words = type_name::<K>().split(|c| !part_of_path(c)).filter(|word| !word.is_empty());
        let known = |word: &str| FAITHFUL.contains(&word) || word.bytes().all(|b| b.is_ascii_digit());
        if words.all(known) { Fidelity::Known } else { Fidelity::Checked }
    }
}

/// The bytes that name `key`: its canonical bytes, or their length and hash when they are more than [`FULL`].
///
/// # Errors
/// [`ErrorKind::Codec`] for a key without a form in bytes, such as a path that is not UTF-8, and for a checked one that
/// does not come back from its bytes.
pub(crate) fn encode<K>(key: &K, fidelity: Fidelity, room: Vec<u8>) -> Result<KeyBytes>
where
    K: Serialize + DeserializeOwned + Eq,
{
    encode_by((write::write, read::read), key, fidelity, room)
}

/// As `encode`, by these ways to bytes and back.
#[inline]
fn encode_by<K: Eq>(
    (write, read): (impl FnOnce(&K, &mut Vec<u8>) -> Written, impl FnOnce(&[u8]) -> Read<K>),
    key: &K,
    fidelity: Fidelity,
    room: Vec<u8>,
) -> Result<KeyBytes> {
    let mut bytes = room;
    bytes.clear();
    bytes.reserve(HASHED);
    write(key, &mut bytes).map_err(|fault| {
        Error::new(ErrorKind::Codec, "the key has no form in bytes, cache by a key of plain data").with_source(fault)
    })?;
    if fidelity == Fidelity::Checked {
        compare(key, read(&bytes))?;
    }
    Ok(bound(bytes))
}

/// The key that `bytes` are the full canonical bytes of, if they are those of a `K`.
pub(crate) fn decode<K: DeserializeOwned>(bytes: &[u8]) -> Option<K> {
    read::read(bytes).ok()
}

fn compare<K: Eq>(key: &K, back: Read<K>) -> Result<()> {
    let message = match back {
        Ok(back) if back == *key => return Ok(()),
        Ok(_) => "the key loses information when it is serialized, serialize every field that `==` looks at",
        Err(fault) => {
            let message =
                "the key cannot be read back from its bytes, cache by a key that is neither untagged nor flattened";
            return Err(Error::new(ErrorKind::Codec, message).with_source(fault));
        }
    };
    Err(Error::new(ErrorKind::Codec, message))
}

fn bound(mut bytes: Vec<u8>) -> KeyBytes {
    if bytes.len() <= FULL {
        return KeyBytes { bytes, hashed: false };
    }
    let length = bytes.len() as u64;
    let hash = blake3::hash(&bytes);
    bytes.clear();
    bytes.extend_from_slice(&length.to_le_bytes());
    bytes.extend_from_slice(hash.as_bytes());
    bytes.shrink_to_fit();
    KeyBytes { bytes, hashed: true }
}

type Written = std::result::Result<(), Fault>;
type Read<K> = std::result::Result<K, Fault>;

/// Why a key could not be written or read.
#[derive(Debug)]
struct Fault(String);

impl Fault {
    fn new(message: &str) -> Self {
        Fault(message.to_owned())
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Fault {}

impl serde::ser::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Fault(message.to_string())
    }
}

impl serde::de::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Fault(message.to_string())
    }
}
