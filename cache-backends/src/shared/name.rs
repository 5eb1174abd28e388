//! What a key decides: its stripe, its two buckets and its tag.

use super::layout::Layout;
use super::spaces::Space;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// A key of a space, hashed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Name<'k> {
    pub(super) key: &'k [u8],
    /// Whether `key` is the digest of a longer one.
    pub(super) digest: bool,
    /// The row of the space.
    pub(super) space: usize,
    /// Its epoch.
    pub(super) epoch: u16,
    pub(super) hash: u64,
    pub(super) stripe: usize,
    pub(super) buckets: [usize; 2],
    /// Not zero, so that no slot of an entry is the empty one.
    pub(super) tag: u32,
}

impl<'k> Name<'k> {
    #[inline(always)]
    pub(super) fn new(layout: &Layout, space: &Space, key: &'k [u8]) -> Self {
        let hash = xxh3_64_with_seed(key, space.identity[0]) ^ space.identity[1];
        let stripe = match space.home {
            true => space.identity[1] as usize,
            false => (hash >> 32) as usize,
        };
        // Of a range that is no power of two, the high half of the product is the place.
        let bucket = |hash: u64| (((hash & 0xffff_ffff) * layout.buckets as u64) >> 32) as usize;
        Name {
            key,
            digest: false,
            space: space.row,
            epoch: space.epoch,
            hash,
            stripe: stripe & (layout.stripes - 1),
            buckets: [bucket(hash), bucket(hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32)],
            tag: ((hash >> 53) as u32).max(1),
        }
    }

    /// The name of a key that is kept as its digest.
    pub(super) fn of_digest(layout: &Layout, space: &Space, digest: &'k [u8; 16]) -> Self {
        Name { digest: true, ..Name::new(layout, space, digest) }
    }
}
