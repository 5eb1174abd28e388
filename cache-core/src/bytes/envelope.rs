//! One persisted entry: a header, the bytes of the value, and a checksum over the space, the key and all of it.
//!
//! ```text
//!  0  4  magic: "mlt" and the version of this format
//!  4  1  codec
//!  5  1  flags; bit 0: the key is stored as a length and a hash; bit 1: the value has a time to live of its own;
//!        bit 2: tags stand behind the value
//!  6  2  zero
//!  8  8  shape of the value's type
//! 16  8  created, microseconds since 1970
//! 24  8  expires, microseconds since 1970; all ones: never
//! 32  4  what the value cost to compute, in microseconds, at most about 71 minutes
//! 36  4  length of the value, with its tags
//! 40 16  XXH3-128 over the space, the key, bytes 0..40 and the value
//! 56     value
//! ```
//!
//! All numbers are little-endian. The checksum finds accidents; it is no signature, and whoever may write to a store is
//! trusted not to forge.

#[cfg(test)]
mod tests;

use super::Stamp;
use crate::error::{Error, ErrorKind, Result};
use crate::tags::Carried;
use crate::time::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use xxhash_rust::xxh3::{xxh3_64_with_seed, xxh3_128_with_seed};

/// The size of the header: a value is encoded behind that many bytes, and sealed in place.
pub(crate) const HEADER: usize = 56;
/// The part of the header that the sum is over.
const SUMMED: usize = 40;
const MAGIC: [u8; 3] = *b"mlt";
const VERSION: u8 = 1;
const HASHED_KEY: u8 = 1;
const OWN_LIFE: u8 = 2;
const TAGGED: u8 = 4;
/// How far the clocks of machines that share a store may differ.
const SKEW: Duration = Duration::from_secs(3600);

/// All that a record is sealed for, and must be opened with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Label<'k> {
    /// A hash of the space's name.
    pub(crate) seed: u64,
    pub(crate) key: &'k [u8],
    /// Whether `key` is a length and a hash: a full key of the same bytes is another key.
    pub(crate) hashed: bool,
    pub(crate) codec: u8,
    /// The shape of the value's type.
    pub(crate) shape: u64,
}

/// Writes the header of `record`, whose value stands behind [`HEADER`] bytes of any content, and its tags behind that.
///
/// # Errors
/// [`ErrorKind::Codec`] when the value is longer than its length field can say.
pub(crate) fn seal(label: &Label<'_>, stamp: &Stamp, record: &mut Vec<u8>) -> Result<()> {
    if let Some(tags) = &stamp.tags {
        tags.append(record);
    }
    let (head, value) = record.split_first_chunk_mut::<HEADER>().expect("the caller has left room for the header");
    let Ok(length) = u32::try_from(value.len()) else {
        return Err(Error::new(ErrorKind::Codec, "the encoded value is longer than 4 GiB, cache something smaller"));
    };
    let cost = u32::try_from(stamp.cost.as_micros()).unwrap_or(u32::MAX);
    head[..3].copy_from_slice(&MAGIC);
    let own_life = if stamp.own_life { OWN_LIFE } else { 0 };
    let tagged = if stamp.tags.is_some() { TAGGED } else { 0 };
    head[3..8].copy_from_slice(&[VERSION, label.codec, form(label) | own_life | tagged, 0, 0]);
    head[8..16].copy_from_slice(&label.shape.to_le_bytes());
    head[16..24].copy_from_slice(&stamp.created.as_micros().to_le_bytes());
    head[24..32].copy_from_slice(&stamp.expires.as_micros().to_le_bytes());
    head[32..36].copy_from_slice(&cost.to_le_bytes());
    head[36..40].copy_from_slice(&length.to_le_bytes());
    let sum = sum(label, &head[..SUMMED], value);
    head[SUMMED..].copy_from_slice(&sum.to_le_bytes());
    Ok(())
}

/// The value's bytes and their stamp, or `None` when they have expired at `now`.
///
/// # Errors
/// [`ErrorKind::Damaged`] when `record` is not what was sealed for `label`, or says that it comes from the future.
/// The sum is looked at before codec, key and type, so that a record of another kind is told from a damaged one.
pub(crate) fn open<'r>(label: &Label<'_>, record: &'r [u8], now: Timestamp) -> Result<Option<(&'r [u8], Stamp)>> {
    let Some((head, value)) = record.split_first_chunk::<HEADER>() else {
        return Err(damaged("the record is shorter than its header, it was cut or is not ours"));
    };
    if head[..3] != MAGIC {
        return Err(damaged("the record is not ours, use another name or place for the cache"));
    }
    if head[3] != VERSION {
        return Err(foreign_version(head[3]));
    }
    if u32::from_le_bytes(field(head, 36)) as usize != value.len() {
        return Err(damaged("the record is not as long as it says, it was cut or extended"));
    }
    if sum(label, &head[..SUMMED], value) != u128::from_le_bytes(field(head, SUMMED)) {
        return Err(damaged("the record's checksum is wrong, it was damaged or belongs to another key"));
    }
    if head[4] != label.codec {
        return Err(foreign_codec(head[4], label.codec));
    }
    if [head[5] & !(OWN_LIFE | TAGGED), head[6], head[7]] != [form(label), 0, 0] {
        return Err(damaged("the record is of a key stored in another form, it will be replaced"));
    }
    if u64::from_le_bytes(field(head, 8)) != label.shape {
        return Err(damaged("the record is of another type of value, it will be replaced"));
    }
    let created = Timestamp::from_micros(u64::from_le_bytes(field(head, 16)));
    let expires = Timestamp::from_micros(u64::from_le_bytes(field(head, 24)));
    if expires <= now {
        return Ok(None);
    }
    if created > now.after(SKEW) {
        return Err(future(now.until(created)));
    }
    let cost = Duration::from_micros(u32::from_le_bytes(field(head, 32)).into());
    let own_life = head[5] & OWN_LIFE != 0;
    let (value, tags) = match head[5] & TAGGED {
        0 => (value, None),
        _ => {
            let unread = || damaged("the record's tags cannot be read, it will be replaced");
            let (value, carried) = Carried::split(value).ok_or_else(unread)?;
            (value, Some(Arc::new(carried)))
        }
    };
    Ok(Some((value, Stamp { created, expires, cost, own_life, tags })))
}

/// Whether `record` says that its key is a hash. Only a guess until [`open`] has verified it.
pub(crate) fn hashed(record: &[u8]) -> bool {
    record.get(5).is_some_and(|flags| flags & HASHED_KEY != 0)
}

/// The flag that says how the key is stored.
fn form(label: &Label<'_>) -> u8 {
    if label.hashed { HASHED_KEY } else { 0 }
}

/// The hash of each part seeds that of the next: three hashes are faster than one in pieces, and nothing is copied.
#[inline]
fn sum(label: &Label<'_>, head: &[u8], value: &[u8]) -> u128 {
    let key = xxh3_64_with_seed(label.key, label.seed);
    let head = xxh3_64_with_seed(head, key ^ (label.key.len() as u64).rotate_left(32));
    xxh3_128_with_seed(value, head)
}

fn field<const N: usize>(head: &[u8; HEADER], at: usize) -> [u8; N] {
    *head[at..].first_chunk().expect("fields lie within the header")
}

#[cold]
fn damaged(message: &str) -> Error {
    Error::new(ErrorKind::Damaged, message)
}

#[cold]
fn foreign_version(found: u8) -> Error {
    damaged(&format!(
        "the record is of format {found} and this program reads {VERSION}, let one version write to the store"
    ))
}

#[cold]
fn foreign_codec(found: u8, wanted: u8) -> Error {
    damaged(&format!("the record was written by codec {found}, not {wanted}, it will be replaced"))
}

#[cold]
fn future(ahead: Duration) -> Error {
    damaged(&format!(
        "the record was written {} s in the future, set the clocks of the machines right",
        ahead.as_secs()
    ))
}
