//! The counters of a region, which all its processes share.

use super::counters;
use super::map::Map;
use super::region::Region;
use super::segments::LIVE;
use super::spaces::{self, PIECES};
use super::stripe::{self, Total};

/// A snapshot of the counters of a region, those of all processes together since it was made.
///
/// Nobody is stopped for it, so the numbers may be of slightly different moments.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SharedInfo {
    /// Gets that were answered.
    pub hits: u64,
    /// Gets that were not.
    pub misses: u64,
    /// Entries held.
    pub entries: u64,
    /// Bytes of their keys and values.
    pub bytes: u64,
    /// Bytes for entries altogether.
    pub capacity: u64,
    /// Bytes of the capacity that live entries take, with what surrounds keys and values.
    pub live: u64,
    /// Entries that left for others.
    pub evictions: u64,
    /// Values refused because the region or their space is too small for them.
    pub oversize: u64,
    /// Times the books of a stripe were written again after an owner had died, or because they were damaged.
    pub repairs: u64,
    /// The same by function.
    pub spaces: Vec<SharedSpaceInfo>,
}

/// The counters of one space of a region.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct SharedSpaceInfo {
    /// The name of the space, its first 168 bytes.
    pub name: String,
    /// Gets that were answered.
    pub hits: u64,
    /// Gets that were not.
    pub misses: u64,
    /// Entries held.
    pub entries: u64,
    /// Bytes of their keys and values.
    pub bytes: u64,
    /// Entries that left for others.
    pub evictions: u64,
}

impl Region {
    pub(super) fn info(&self) -> SharedInfo {
        let map = self.map();
        let spaces: Vec<_> = spaces::names(map).map(|(row, name)| space(map, row, name)).collect();
        let stripes = || 0..map.layout.stripes;
        let total = |total: Total| sum(stripes().map(|stripe| map.load(map.layout.totals(stripe) + total as usize)));
        let live = |stripe| {
            (0..map.layout.segments).map(move |segment| map.load(map.layout.segment_book(stripe, segment) + LIVE))
        };
        SharedInfo {
            // Also those of functions whose rows are others' by now.
            hits: sum((0..PIECES).map(|row| counters::counted(map, row)[0])),
            misses: sum((0..PIECES).map(|row| counters::counted(map, row)[1])),
            entries: sum(spaces.iter().map(|space| space.entries)),
            bytes: sum(spaces.iter().map(|space| space.bytes)),
            capacity: map.layout.capacity(),
            live: sum(stripes().flat_map(live)).wrapping_mul(8),
            evictions: total(Total::Evictions),
            oversize: total(Total::Oversize),
            repairs: total(Total::Repairs),
            spaces,
        }
    }
}

/// Comes round where a damaged region counts more than there can be.
fn sum(counts: impl Iterator<Item = u64>) -> u64 {
    counts.fold(0, u64::wrapping_add)
}

fn space(map: &Map, row: usize, name: String) -> SharedSpaceInfo {
    let (ever, before) = (counters::counted(map, row), spaces::counted_before(map, row));
    let [hits, misses, evictions] = [0, 1, 2].map(|at| ever[at].wrapping_sub(before[at]));
    let books = || (0..map.layout.stripes).map(|stripe| stripe::book(map, stripe, row));
    let (entries, bytes) = (sum(books().map(|book| book.entries.into())), sum(books().map(|book| book.bytes)));
    SharedSpaceInfo { name, hits, misses, entries, bytes, evictions }
}
