//! The form of an entry in the log. It is immutable from its publication until its segment is emptied.
//!
//! | words | what |
//! |---|---|
//! | 1 | checksum over all of the entry and the identity of its space |
//! | 1 | [`Lens`]: lengths, space, form |
//! | 1 | when it expires, in microseconds since 1970 |
//! | ⌈key / 8⌉ | the key, its last word padded with zeros |
//! | ⌈value / 8⌉ | the value, likewise |

#![expect(unsafe_code, reason = "words are copied into a vector whose bytes nobody has set")]

use super::layout::UNIT;
use crate::sync::{AtomicU64, planted};
use std::sync::atomic::Ordering::Relaxed;
use xxhash_rust::xxh3::xxh3_64;

/// Words before the key.
pub(super) const HEAD: usize = 3;
/// Keys up to this many bytes are kept as they are; of longer ones the digest, and the key within the value.
pub(super) const LONGEST_KEY: usize = 4096;

// Keys are up to 4 KiB long, values up to 128 KiB.
const KEY: u64 = (1 << VALUE_AT) - 1;
const VALUE_AT: u32 = 13;
const VALUE: u64 = (1 << (SPACE_AT - VALUE_AT)) - 1;
const SPACE_AT: u32 = 31;
const SPACE: u64 = 0x7f;
const MANIFEST: u64 = 1 << 38;
const DIGEST: u64 = 1 << 39;
/// Where the epoch begins, here as in the table of spaces: it is what is left of the word.
pub(super) const EPOCH_AT: u32 = 40;

/// The second word of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Lens {
    /// Bytes of the key.
    pub(super) key: usize,
    /// Bytes of the value.
    pub(super) value: usize,
    /// The row of its space.
    pub(super) space: usize,
    /// Whether the value only says where the pieces of the true one are.
    pub(super) manifest: bool,
    /// Whether the key is the digest of the true one.
    pub(super) digest: bool,
    /// The epoch of the space when it was written, in the highest bits: an entry of another one is gone.
    pub(super) epoch: u64,
}

impl Lens {
    /// What of the word is the same for all entries of one key: all but the value's length and whether it is a manifest.
    pub(super) const OF_KEY: u64 = !(VALUE << VALUE_AT | MANIFEST);

    /// The same, in whatever epoch.
    pub(super) const OF_KEY_EVER: u64 = Lens::OF_KEY & (u64::MAX >> (64 - EPOCH_AT));

    /// Bytes of the value.
    #[inline(always)]
    pub(super) fn value_of(word: u64) -> usize {
        (word >> VALUE_AT & VALUE) as usize
    }

    #[inline(always)]
    pub(super) fn pack(self) -> u64 {
        let flags = u64::from(self.manifest) * MANIFEST + u64::from(self.digest) * DIGEST;
        let lengths = self.key as u64 | (self.value as u64) << VALUE_AT;
        lengths | (self.space as u64) << SPACE_AT | flags | self.epoch
    }

    #[inline(always)]
    pub(super) fn unpack(word: u64) -> Lens {
        Lens {
            key: (word & KEY) as usize,
            value: (word >> VALUE_AT & VALUE) as usize,
            space: (word >> SPACE_AT & SPACE) as usize,
            manifest: word & MANIFEST != 0,
            digest: word & DIGEST != 0,
            epoch: word & !(u64::MAX >> (64 - EPOCH_AT)),
        }
    }

    /// Words of the whole entry.
    #[inline(always)]
    pub(super) fn words(self) -> usize {
        words(self.key, self.value)
    }

    /// Where the value begins.
    #[inline(always)]
    pub(super) fn value_at(self) -> usize {
        HEAD + self.key.div_ceil(8)
    }
}

/// Words of an entry with a key and a value of so many bytes.
#[inline(always)]
pub(super) fn words(key: usize, value: usize) -> usize {
    (HEAD + key.div_ceil(8) + value.div_ceil(8)).next_multiple_of(UNIT)
}

/// The first word of an entry. `hash` is that of the key and of its space's identity, computed by whoever asks from *its*
/// key: an entry of another key or another space does not pass.
#[inline(always)]
pub(super) fn checksum(hash: u64, lens: u64, expires: u64, value: &[u8]) -> u64 {
    fold(xxh3_64(value) ^ lens, fold(hash, expires))
}

/// A product folded in half: the mixing step of wyhash.
#[inline(always)]
fn fold(a: u64, b: u64) -> u64 {
    let product = u128::from(a ^ 0x9e37_79b9_7f4a_7c15) * u128::from(b ^ 0xd6e8_feb8_6659_fd93);
    product as u64 ^ (product >> 64) as u64
}

/// Whether `words` hold `bytes`, padded with zeros.
#[inline(always)]
pub(super) fn holds(words: &[AtomicU64], bytes: &[u8]) -> bool {
    let (whole, rest) = bytes.as_chunks::<8>();
    let same = |(word, bytes): (&AtomicU64, &[u8; 8])| word.load(Relaxed) == u64::from_ne_bytes(*bytes);
    words.iter().zip(whole).all(same)
        && (rest.is_empty() || words.get(whole.len()).is_some_and(|word| word.load(Relaxed) == padded(rest)))
}

/// Writes `bytes` into `words`, padded with zeros.
pub(super) fn write(words: &[AtomicU64], bytes: &[u8]) {
    let (whole, rest) = bytes.as_chunks::<8>();
    words.iter().zip(whole).for_each(|(word, bytes)| word.store(u64::from_ne_bytes(*bytes), Relaxed));
    if !rest.is_empty()
        && let Some(word) = words.get(whole.len())
    {
        word.store(padded(rest), Relaxed);
    }
}

fn padded(rest: &[u8]) -> u64 {
    let mut word = [0; 8];
    word[..rest.len()].copy_from_slice(rest);
    u64::from_ne_bytes(word)
}

/// Appends the first `length` bytes of `words` to `out`.
#[inline(always)]
pub(super) fn read(words: &[AtomicU64], length: usize, out: &mut Vec<u8>) {
    let start = out.len();
    let room = if planted("room for half of it") { words.len() * 4 } else { words.len() * 8 };
    if out.capacity() == 0 {
        *out = Vec::with_capacity(room);
    } else {
        out.reserve(room);
    }
    let to = out.spare_capacity_mut().as_mut_ptr().cast::<u64>();
    for (at, word) in words.iter().enumerate() {
        // SAFETY: `reserve` made room for all the words behind `start`; bytes of a vector need not be aligned for them.
        unsafe { to.add(at).write_unaligned(word.load(Relaxed)) };
    }
    // SAFETY: the bytes up to there were written above, or were there before.
    unsafe { out.set_len(start + length.min(words.len() * 8)) };
}
