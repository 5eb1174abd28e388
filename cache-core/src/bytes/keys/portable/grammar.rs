//! The first bytes of what there is: a kind in the upper three bits, and a number.

/// Kinds, in place.
pub(super) const POSITIVE: u8 = 0 << 5;
pub(super) const NEGATIVE: u8 = 1 << 5;
pub(super) const BYTES: u8 = 2 << 5;
pub(super) const TEXT: u8 = 3 << 5;
pub(super) const ARRAY: u8 = 4 << 5;
pub(super) const MAP: u8 = 5 << 5;
pub(super) const TAG: u8 = 6 << 5;
const SIMPLE: u8 = 7 << 5;

/// Whole bytes.
pub(super) const NONE: u8 = SIMPLE | 22;
pub(super) const FLOAT: u8 = SIMPLE | WIDE;

/// Tags.
pub(super) const BIG_POSITIVE: u64 = 2;
pub(super) const BIG_NEGATIVE: u64 = 3;
pub(super) const EXTENSION: u64 = 27;
pub(super) const SET: u64 = 258;
/// Numbers of our own: "ml", and the next one.
pub(super) const LIST: u64 = 0x6d6c;
pub(super) const SURROGATES: u64 = 0x6d6d;

/// The number is in this many bits behind the first byte.
const BITS_8: u8 = 24;
const BITS_16: u8 = 25;
const BITS_32: u8 = 26;
const WIDE: u8 = 27;

/// A kind and its number in the fewest bytes.
#[inline]
pub(super) fn head(out: &mut Vec<u8>, kind: u8, n: u64) {
    if n < u64::from(BITS_8) {
        return out.push(kind | n as u8);
    }
    long_head(out, kind, n);
}

#[inline]
fn long_head(out: &mut Vec<u8>, kind: u8, n: u64) {
    if let Ok(n) = u8::try_from(n) {
        out.extend_from_slice(&[kind | BITS_8, n]);
    } else if let Ok(n) = u16::try_from(n) {
        let [a, b] = n.to_be_bytes();
        out.extend_from_slice(&[kind | BITS_16, a, b]);
    } else if let Ok(n) = u32::try_from(n) {
        let [a, b, c, d] = n.to_be_bytes();
        out.extend_from_slice(&[kind | BITS_32, a, b, c, d]);
    } else {
        let [a, b, c, d, e, f, g, h] = n.to_be_bytes();
        out.extend_from_slice(&[kind | WIDE, a, b, c, d, e, f, g, h]);
    }
}

/// The kind and the number that `bytes` begin with, and what follows. `None` where that is no head, or a longer one than
/// its number needs.
#[inline]
pub(super) fn split(bytes: &[u8]) -> Option<(u8, u64, &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    let (kind, short) = (first & 0xe0, first & 0x1f);
    if short < BITS_8 {
        return Some((kind, short.into(), rest));
    }
    let (n, least, rest) = match short {
        BITS_8 => rest.split_first_chunk().map(|(n, rest)| (u8::from_be_bytes(*n).into(), u64::from(BITS_8), rest))?,
        BITS_16 => rest.split_first_chunk().map(|(n, rest)| (u16::from_be_bytes(*n).into(), 1 << 8, rest))?,
        BITS_32 => rest.split_first_chunk().map(|(n, rest)| (u32::from_be_bytes(*n).into(), 1 << 16, rest))?,
        WIDE => rest.split_first_chunk().map(|(n, rest)| (u64::from_be_bytes(*n), 1 << 32, rest))?,
        _ => return None,
    };
    (n >= least).then_some((kind, n, rest))
}
