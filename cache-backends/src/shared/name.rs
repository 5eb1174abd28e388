//! What a key decides: its stripe, its two buckets and its tag.

use super::entry::{LONGEST_KEY, Lens};
use super::layout::Layout;
use super::spaces::Space;
use xxhash_rust::xxh3::{xxh3_64_with_seed, xxh3_128};

/// A key of a space, hashed.
#[derive(Clone, Copy, Debug)]
pub(super) struct Name<'k> {
    pub(super) key: &'k [u8],
    /// The second word of its entry, but for the value: see [`Lens::OF_KEY`].
    pub(super) packed: u64,
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
        // Of a range that is no power of two, the high half of the product is the place.
        let bucket = |hash: u64| (((hash & 0xffff_ffff) * layout.buckets as u64) >> 32) as usize;
        let lens =
            Lens { key: key.len(), value: 0, space: space.row, manifest: false, digest: false, epoch: space.epoch() };
        Name {
            key,
            packed: lens.pack(),
            hash,
            stripe: space.stripe(hash, layout.stripes),
            buckets: [bucket(hash), bucket(hash.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32)],
            tag: ((hash >> 53) as u32).max(1),
        }
    }

    /// The name of any key; the digest of a long one is put into `room`.
    #[inline(always)]
    pub(super) fn of(layout: &Layout, space: &Space, key: &'k [u8], room: &'k mut [u8; 16]) -> Self {
        if key.len() <= LONGEST_KEY {
            return Name::new(layout, space, key);
        }
        *room = xxh3_128(key).to_le_bytes();
        Name::of_digest(layout, space, room)
    }

    /// The name of a key that is kept as its digest.
    pub(super) fn of_digest(layout: &Layout, space: &Space, digest: &'k [u8; 16]) -> Self {
        let name = Name::new(layout, space, digest);
        let lens = Lens { digest: true, ..Lens::unpack(name.packed) };
        Name { packed: lens.pack(), ..name }
    }

    /// The second word of its entry with a value of so many bytes.
    pub(super) fn lens(&self, value: usize, manifest: bool) -> Lens {
        Lens { value, manifest, ..Lens::unpack(self.packed) }
    }
}
