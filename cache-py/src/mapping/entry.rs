//! An entry as it is stored: what is said about the value, the key as it was, the value.

use crate::stored::{Label, Tags};
use crate::values::{read_length, write_length};
use memolith::{Error, ErrorKind, Result};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// What is said of an entry besides its value.
#[derive(Clone, Default)]
pub(crate) struct Extra {
    /// How long it lives, if not as long as the others.
    pub(crate) ttl: Option<Duration>,
    pub(crate) tags: Tags,
}

/// The parts of an entry's bytes.
///
/// ```text
/// entry := ends (8 bytes, microseconds since 1970, 0 = never) tags (number, each: length, text) length key value
/// ```
///
/// Numbers and lengths have seven bits in each byte, the lowest first, and the high bit where more follow.
pub(crate) struct Entry<'a> {
    pub(crate) label: Label,
    /// Empty where the key has no form in bytes.
    pub(crate) key: &'a [u8],
    pub(crate) value: &'a [u8],
}

impl<'a> Entry<'a> {
    /// # Errors
    /// When `bytes` are not those of an entry.
    pub(crate) fn read(bytes: &'a [u8]) -> Result<Self> {
        read(bytes)
            .ok_or_else(|| Error::new(ErrorKind::Damaged, "the bytes are not those of an entry, clear the cache"))
    }

    /// Appends all but the value, which is to follow.
    pub(crate) fn write_head(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.label.ends.to_le_bytes());
        write_length(out, self.label.tags.len());
        for tag in &self.label.tags {
            write_length(out, tag.len());
            out.extend_from_slice(tag.as_bytes());
        }
        write_length(out, self.key.len());
        out.extend_from_slice(self.key);
    }
}

/// What is said of an entry, for the core.
///
/// # Errors
/// As [`Entry::read`].
pub(crate) fn label(bytes: &[u8]) -> Result<Label> {
    Entry::read(bytes).map(|entry| entry.label)
}

/// The bytes of its value.
///
/// # Errors
/// As [`Entry::read`].
pub(crate) fn value(bytes: &[u8]) -> Result<&[u8]> {
    Entry::read(bytes).map(|entry| entry.value)
}

/// The end of what lives for `ttl` from now on.
pub(crate) fn ends(ttl: Option<Duration>) -> u64 {
    let Some(end) = ttl.and_then(|ttl| now().checked_add(ttl)) else { return 0 };
    u64::try_from(end.as_micros()).unwrap_or(0)
}

/// How long it is until then; none if that is never.
pub(crate) fn left(ends: u64) -> Option<Duration> {
    (ends != 0).then(|| Duration::from_micros(ends).saturating_sub(now()))
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

fn read(bytes: &[u8]) -> Option<Entry<'_>> {
    let (ends, mut rest) = bytes.split_first_chunk::<8>()?;
    let number = read_length(&mut rest)?;
    // Each takes a byte at least, so that nothing is reserved for what is not there.
    let mut tags = Vec::with_capacity(number.min(rest.len()));
    for _ in 0..number {
        tags.push(std::str::from_utf8(read_part(&mut rest)?).ok()?.into());
    }
    let key = read_part(&mut rest)?;
    let label = Label { ends: u64::from_le_bytes(*ends), tags: tags.into() };
    Some(Entry { label, key, value: rest })
}

fn read_part<'a>(rest: &mut &'a [u8]) -> Option<&'a [u8]> {
    let length = read_length(rest)?;
    let (part, after) = rest.split_at_checked(length)?;
    *rest = after;
    Some(part)
}
