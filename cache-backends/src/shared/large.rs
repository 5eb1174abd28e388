//! Values that are too large for one entry, and keys that are too long: in pieces.
//!
//! The pieces are entries of a space of their own, named by a number that is drawn for each value written. What is found
//! under the key is a manifest: that number, the lengths, and the digest of all pieces together. A piece that is gone makes
//! the whole a miss, and pieces of two values never pass for one.

use super::entry;
use super::layout::Layout;
use super::map::Map;
use super::name::Name;
use super::read::{self, Found, Verify};
use super::spaces::{self, Space};
use memolith_core::Timestamp;
use std::sync::atomic::AtomicU64;
use std::sync::atomic::Ordering::Relaxed;
use xxhash_rust::xxh3::{xxh3_64, xxh3_128};

/// Bytes of a manifest.
const LENGTH: usize = 40;

/// What stands for a large value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Manifest {
    /// Names the pieces.
    number: u64,
    /// Bytes of the key, which is in the pieces before the value if it is long.
    key: u64,
    value: u64,
    digest: u128,
}

/// Bytes of a piece at most.
fn piece(layout: &Layout) -> usize {
    layout.segment * 2 - 64
}

/// Bytes of key and value that a region takes at most: an eighth of its data.
pub(super) fn most(layout: &Layout) -> u64 {
    layout.capacity() / 8
}

/// Whether an entry has to be kept in pieces.
pub(super) fn is_large(layout: &Layout, key: &[u8], value: &[u8]) -> bool {
    key.len() > entry::LONGEST_KEY || entry::words(key.len(), value.len()) > layout.largest_piece()
}

impl Manifest {
    /// Of a value about to be written; and the bytes that are to be cut into pieces.
    pub(super) fn new(key: &[u8], value: &[u8]) -> (Manifest, Vec<u8>) {
        static DRAWN: AtomicU64 = AtomicU64::new(0);
        let bytes = match key.len() > entry::LONGEST_KEY {
            true => [key, value].concat(),
            false => value.to_vec(),
        };
        let digest = xxh3_128(&bytes);
        let nanos = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default().as_nanos();
        let seed = [nanos as u64, u64::from(std::process::id()), DRAWN.fetch_add(1, Relaxed), digest as u64];
        let number = xxh3_64(seed.map(u64::to_le_bytes).as_flattened());
        (Manifest { number, key: key.len() as u64, value: value.len() as u64, digest }, bytes)
    }

    pub(super) fn to_bytes(self) -> [u8; LENGTH] {
        let mut bytes = [0; LENGTH];
        bytes[..8].copy_from_slice(&self.number.to_le_bytes());
        bytes[8..16].copy_from_slice(&self.key.to_le_bytes());
        bytes[16..24].copy_from_slice(&self.value.to_le_bytes());
        bytes[24..].copy_from_slice(&self.digest.to_le_bytes());
        bytes
    }

    fn from_bytes(bytes: &[u8]) -> Option<Manifest> {
        let bytes: &[u8; LENGTH] = bytes.try_into().ok()?;
        let word =
            |at: usize| u64::from_le_bytes(*bytes[at..].first_chunk().expect("four words and a half lie within"));
        Some(Manifest {
            number: word(0),
            key: word(8),
            value: word(16),
            digest: u128::from(word(24)) | u128::from(word(32)) << 64,
        })
    }

    /// The manifest that an entry is, if it is one.
    pub(super) fn of(map: &Map, found: &Found) -> Option<Manifest> {
        if !found.lens.manifest || found.lens.value != LENGTH {
            return None;
        }
        let mut bytes = vec![];
        entry::read(map.words(found.at + found.lens.value_at(), LENGTH / 8)?, LENGTH, &mut bytes);
        Manifest::from_bytes(&bytes)
    }

    /// Bytes of the key and the value.
    pub(super) fn weight(&self) -> u64 {
        self.key.saturating_add(self.value)
    }

    /// Whether the key is in the pieces.
    fn holds_key(&self) -> bool {
        self.key > entry::LONGEST_KEY as u64
    }

    /// Bytes of all pieces; `None` if the numbers are damaged.
    fn length(&self, layout: &Layout) -> Option<usize> {
        let length = self.value.checked_add(if self.holds_key() { self.key } else { 0 })?;
        usize::try_from(length).ok().filter(|length| *length as u64 <= most(layout))
    }

    /// The names of the pieces: the space, and a number for each.
    pub(super) fn pieces(&self, layout: &Layout) -> (Space, impl Iterator<Item = [u8; 4]> + use<>) {
        let count = self.length(layout).unwrap_or(0).div_ceil(piece(layout));
        (spaces::pieces(self.number), (0..count as u32).map(u32::to_le_bytes))
    }

    /// `bytes` in as many parts as there are pieces.
    pub(super) fn cut<'b>(layout: &Layout, bytes: &'b [u8]) -> impl Iterator<Item = &'b [u8]> + use<'b> {
        bytes.chunks(piece(layout))
    }
}

/// The key and the value of which `manifest` is the manifest. The key is empty where it is not in the pieces.
pub(super) fn gather(map: &Map, manifest: &[u8], now: Timestamp) -> Option<(Vec<u8>, Vec<u8>)> {
    let manifest = Manifest::from_bytes(manifest)?;
    let length = manifest.length(&map.layout)?;
    let (space, numbers) = manifest.pieces(&map.layout);
    let mut bytes = Vec::with_capacity(length + 8);
    for number in numbers {
        let name = Name::new(&map.layout, &space, &number);
        let copied = read::get(map, &name, (now, Verify::Here), &mut bytes)?;
        read::note((map, name.stripe), copied.slot, &space, now);
    }
    if bytes.len() != length || xxh3_128(&bytes) != manifest.digest {
        return None;
    }
    let value = match manifest.holds_key() {
        true => bytes.split_off(manifest.key as usize),
        false => std::mem::take(&mut bytes),
    };
    Some((bytes, value))
}
