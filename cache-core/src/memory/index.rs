//! From hashes to slots: read without a lock, and without ever missing what is there.
//!
//! A group of entries with a tag byte each, and a count of the entries that went past it because it was full, instead of
//! tombstones: as in Bronson and Shi's F14, <https://engineering.fb.com/2019/04/25/developer-tools/f14/>.

#![expect(unsafe_code, reason = "the groups in use are found by a pointer, because they are exchanged when they grow")]

use super::segments::{Zero, allocate};
use crate::eviction::Slot;
use crate::sync::{AtomicPtr, AtomicU32, AtomicU64, planted};
use crate::system::prefetch;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// The index of a memory tier. Entries never move within it, so that a reader cannot overlook one, except once when it
/// grows: then each is in its new place before it leaves the old one, and readers look there last.
///
/// Costs some 8 bytes an entry; what was outgrown is kept until the end, at most as much again.
pub(super) struct Index {
    groups: AtomicPtr<Groups>,
    /// How many groups of those before have been moved. Changed by who holds the lock.
    moved: AtomicU64,
}

struct Groups {
    groups: Box<[Group]>,
    /// One less than their number, if that is a power of two, else 0.
    mask: usize,
    /// For so many entries.
    most: usize,
    /// Where some entries still are.
    before: AtomicPtr<Groups>,
    /// What was outgrown, to be freed at the end.
    outgrown: *mut Groups,
}

/// Half a cache line. Bytes 0 to 5 of `tags` are a byte of the hash for each way, 0 if it is free; bits 48 to 63 count the
/// entries that went past. A way is one more than its slot, 0 if it is free.
#[derive(Default)]
#[repr(C, align(32))]
struct Group {
    tags: AtomicU64,
    ways: [AtomicU32; WAYS],
}

/// Where an entry stands.
#[derive(Clone, Copy)]
pub(super) struct Place<'a> {
    group: &'a Group,
    way: usize,
}

const WAYS: usize = 6;
/// Entries up to which memory is no matter at all, and up to which time matters more.
const SMALL: usize = 8192;
const MIDDLE: usize = 1 << 18;
const LOW: u64 = 0x0101_0101_0101;
const HIGH: u64 = 0x8080_8080_8080;
const PAST: u64 = 1 << 48;
/// A count that has come so far stays: it only costs time.
const UNCOUNTED: u64 = 0xffff;
/// Groups moved at a time, so that no insertion takes long.
const STEP: u64 = 8;

// SAFETY: the pointers are to memory that all threads may read and that lives as long as the index; everything in it that
// changes is atomic.
unsafe impl Sync for Index {}
// SAFETY: as above.
unsafe impl Send for Index {}

// SAFETY: atomic integers, of which zero is a value; no drop.
unsafe impl Zero for Group {}

/// Groups for so many entries: up to half full, where memory is no matter a power of two, and in large ones more than two
/// thirds, where in four groups one is full and every search for an entry of it goes on.
fn groups_for(entries: usize) -> usize {
    if entries <= SMALL {
        (entries / 3 + 1).next_power_of_two()
    } else if entries <= MIDDLE {
        entries / 3 + 1
    } else {
        entries * 10 / (WAYS * 7) + 1
    }
}

impl Index {
    /// For so many entries, until it grows.
    pub(super) fn new(entries: usize) -> Self {
        Index { groups: AtomicPtr::new(Groups::new(entries, std::ptr::null_mut())), moved: AtomicU64::new(0) }
    }

    /// What `is` makes of an entry, among those that may have this hash. It may find that a way is free by now, unless the
    /// caller holds the lock.
    pub(super) fn find<'a, R>(&'a self, hash: u64, mut is: impl FnMut(Place<'a>) -> Option<R>) -> Option<R> {
        let mut groups = self.groups();
        loop {
            // The old place first: whoever is moved from it meanwhile is in the new one already.
            let found = groups.before().and_then(|before| before.find(hash, &mut is));
            let found = found.or_else(|| groups.find(hash, &mut is));
            // They may have been exchanged meanwhile, and the entry moved.
            let now = self.groups();
            if found.is_some() || std::ptr::eq(now, groups) || planted("no look at what has grown") {
                return found;
            }
            groups = now;
        }
    }

    /// Where an entry of this hash most probably stands, if it is there.
    #[inline(always)]
    pub(super) fn first(&self, hash: u64) -> Option<Place<'_>> {
        let groups = self.groups();
        let group = groups.group(groups.home(hash));
        // Acquire pairs with the Release in `link`: who sees the tag sees the way.
        let ways = matches(group.tags.load(Acquire), tag(hash));
        let way = (ways.trailing_zeros() / 8) as usize;
        (ways != 0).then_some(Place { group, way })
    }

    /// Whether certainly no entry has this hash: a quick look at the tags alone, which may be in vain.
    #[inline]
    pub(super) fn is_absent(&self, hash: u64) -> bool {
        let groups = self.groups();
        // Load-bearing order: whoever is moved here after the look at the tags was, until then, where nobody has looked.
        if groups.before().is_some() && !planted("looked too early") {
            return false;
        }
        // They may have been exchanged meanwhile, and the entry moved.
        !groups.may_have(hash) && std::ptr::eq(groups, self.groups())
    }

    /// Asks for the memory that a search for `hash` will look at.
    #[inline]
    pub(super) fn prefetch(&self, hash: u64) {
        let groups = self.groups();
        prefetch(groups.group(groups.home(hash)));
    }

    /// Adds an entry. For who holds the lock, after [`grow`](Self::grow).
    pub(super) fn link(&self, hash: u64, slot: Slot) {
        self.groups().link(hash, slot);
    }

    /// Takes out the entry of `slot`. For who holds the lock.
    pub(super) fn unlink(&self, hash: u64, slot: Slot) -> bool {
        let groups = self.groups();
        groups.before().is_some_and(|before| before.unlink(hash, slot)) || groups.unlink(hash, slot)
    }

    /// As [`unlink`](Self::unlink), wherever it stands: for keys whose hash has changed.
    pub(super) fn search_and_unlink(&self, slot: Slot) {
        self.visit(|place| {
            if place.word().load(Relaxed) == slot + 1 {
                place.free();
            }
        });
    }

    /// Shows the ways that are in use, perhaps twice if it grows meanwhile.
    pub(super) fn visit<'a>(&'a self, mut see: impl FnMut(Place<'a>)) {
        let mut groups = self.groups();
        loop {
            for groups in groups.before().into_iter().chain([groups]) {
                let places = groups.groups.iter().flat_map(|group| (0..WAYS).map(move |way| Place { group, way }));
                // Acquire pairs with the Release in `free`: whoever was moved away is seen where it is now.
                places.filter(|place| place.word().load(Acquire) != 0).for_each(&mut see);
            }
            // They may have been exchanged meanwhile, and entries moved.
            let now = self.groups();
            if std::ptr::eq(now, groups) || planted("no look at what has grown") {
                return;
            }
            groups = now;
        }
    }

    /// Takes everything out. For who holds the lock.
    pub(super) fn clear(&self) {
        let groups = self.groups();
        for groups in groups.before().into_iter().chain([groups]) {
            for group in &groups.groups {
                if group.tags.load(Relaxed) != 0 {
                    group.ways.iter().for_each(|way| way.store(0, Release));
                    group.tags.store(0, Release);
                }
            }
        }
        groups.before.store(std::ptr::null_mut(), Release);
    }

    /// Makes sure that one more entry than `held` has room, a step at a time. For who holds the lock.
    #[inline]
    pub(super) fn grow(&self, held: usize, hash_of: impl Fn(Slot) -> u64) {
        let groups = self.groups();
        if groups.before().is_some() {
            self.move_some(STEP, &hash_of);
        } else if held >= groups.most {
            self.exchange(held);
        }
    }

    #[cold]
    fn exchange(&self, held: usize) {
        let outgrown = self.groups.load(Acquire);
        let larger = Groups::new((held + 1).saturating_mul(2), outgrown);
        if held > 0 {
            // SAFETY: just made, and nobody else has it yet.
            unsafe { &*larger }.before.store(outgrown, Release);
        }
        self.moved.store(0, Relaxed);
        self.groups.store(larger, Release);
    }

    #[cold]
    fn move_some(&self, most: u64, hash_of: &impl Fn(Slot) -> u64) {
        let groups = self.groups();
        let Some(before) = groups.before() else { return };
        let moved = self.moved.load(Relaxed);
        let step = before.groups.iter().skip(moved as usize).take(most as usize);
        for group in step {
            for way in 0..WAYS {
                let place = Place { group, way };
                if let Some(slot) = place.word().load(Relaxed).checked_sub(1) {
                    if planted("freed before it is linked") {
                        place.free();
                    }
                    groups.link(hash_of(slot), slot);
                    place.free();
                }
            }
        }
        self.moved.store(moved + most, Relaxed);
        if moved + most >= before.groups.len() as u64 {
            groups.before.store(std::ptr::null_mut(), Release);
        }
    }

    #[inline(always)]
    fn groups(&self) -> &Groups {
        // SAFETY: never null, and freed with the index. Acquire pairs with the Release in `exchange`.
        unsafe { &*self.groups.load(Acquire) }
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        let mut groups = self.groups.load(Acquire);
        while !groups.is_null() {
            // SAFETY: from `Box::into_raw`, once in this chain, and `&mut self` means that nobody reads.
            let last = unsafe { Box::from_raw(groups) };
            groups = last.outgrown;
        }
    }
}

impl Groups {
    fn new(entries: usize, outgrown: *mut Groups) -> *mut Self {
        let length = groups_for(entries);
        // SAFETY: from `allocate`, with this length.
        let groups = unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(allocate::<Group>(length), length)) };
        let mask = if length.is_power_of_two() { length - 1 } else { 0 };
        let most = if mask != 0 { length * WAYS / 2 } else { length * WAYS * 7 / 10 };
        let before = AtomicPtr::new(std::ptr::null_mut());
        Box::into_raw(Box::new(Groups { groups, mask, most, before, outgrown }))
    }

    #[inline(always)]
    fn before(&self) -> Option<&Groups> {
        // SAFETY: null, or groups that are freed with the index. Acquire pairs with the Release in `exchange`.
        unsafe { self.before.load(Acquire).as_ref() }
    }

    /// Where the search for a hash begins.
    ///
    /// The fast hash of a number is nearly linear in it, and so are its high bits: with an unlucky seed numbers in a row would
    /// fall into few groups. Its low bits keep them apart; where the groups are no power of two, folding breaks the line.
    #[inline(always)]
    fn home(&self, hash: u64) -> usize {
        if self.mask != 0 {
            return hash as usize & self.mask;
        }
        let spread = (hash ^ (hash >> 32)).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        ((u128::from(spread) * self.groups.len() as u128) >> 64) as usize
    }

    #[inline(always)]
    fn after(&self, group: usize) -> usize {
        if group + 1 == self.groups.len() { 0 } else { group + 1 }
    }

    #[inline(always)]
    fn group(&self, at: usize) -> &Group {
        // SAFETY: `home` and `after` stay below the length.
        unsafe { self.groups.get_unchecked(at) }
    }

    #[inline(always)]
    fn may_have(&self, hash: u64) -> bool {
        let (mut at, tag) = (self.home(hash), tag(hash));
        for _ in 0..self.groups.len() {
            let tags = self.group(at).tags.load(Acquire);
            if matches(tags, tag) != 0 {
                return true;
            }
            if tags < PAST {
                return false;
            }
            at = self.after(at);
        }
        false
    }

    fn find<'a, R>(&'a self, hash: u64, is: &mut impl FnMut(Place<'a>) -> Option<R>) -> Option<R> {
        let mut at = self.home(hash);
        for _ in 0..self.groups.len() {
            let group = self.group(at);
            // Acquire pairs with the Release in `link`: who sees the tag sees the way.
            let tags = group.tags.load(Acquire);
            if let found @ Some(_) = group.find(tags, hash, is) {
                return found;
            }
            if tags < PAST {
                return None;
            }
            at = self.after(at);
        }
        None
    }

    fn link(&self, hash: u64, slot: Slot) {
        let mut at = self.home(hash);
        loop {
            let group = self.group(at);
            let tags = group.tags.load(Relaxed);
            let free = matches(tags, 0);
            if free != 0 {
                let way = (free.trailing_zeros() / 8) as usize;
                // Release: who finds the slot here sees its entry.
                Place { group, way }.word().store(slot + 1, Release);
                group.tags.store(tags | tag(hash) << (8 * way), Release);
                return;
            }
            // Before the entry is there, so that nobody stops short of it.
            if tags >> 48 != UNCOUNTED {
                group.tags.store(tags + PAST, Release);
            }
            at = self.after(at);
        }
    }

    fn unlink(&self, hash: u64, slot: Slot) -> bool {
        let home = self.home(hash);
        let mut at = home;
        let place = loop {
            let group = self.group(at);
            let tags = group.tags.load(Relaxed);
            let is = |place: Place<'_>| (place.word().load(Relaxed) == slot + 1).then_some(place.way);
            if let Some(way) = group.find(tags, hash, &mut { is }) {
                break Place { group, way };
            }
            at = self.after(at);
            if tags < PAST || at == home {
                return false;
            }
        };
        let mut passed = home;
        while passed != at {
            let tags = &self.group(passed).tags;
            if tags.load(Relaxed) >> 48 != UNCOUNTED {
                tags.store(tags.load(Relaxed) - PAST, Release);
            }
            passed = self.after(passed);
        }
        place.free();
        true
    }
}

impl Group {
    #[inline(always)]
    fn find<'a, R>(&'a self, tags: u64, hash: u64, is: &mut impl FnMut(Place<'a>) -> Option<R>) -> Option<R> {
        let mut ways = matches(tags, tag(hash));
        while ways != 0 {
            let way = (ways.trailing_zeros() / 8) as usize;
            if let found @ Some(_) = is(Place { group: self, way }) {
                return found;
            }
            ways &= ways - 1;
        }
        None
    }
}

impl<'a> Place<'a> {
    /// One more than the slot, 0 if there is none any more.
    #[inline(always)]
    pub(super) fn word(self) -> &'a AtomicU32 {
        // SAFETY: a `Place` is made with a way below six alone: counted, or that of one of the six bytes in `matches`.
        unsafe { self.group.ways.get_unchecked(self.way) }
    }

    /// The slot, for who holds the lock.
    pub(super) fn slot(self) -> Slot {
        self.word().load(Relaxed).wrapping_sub(1)
    }

    /// Puts another slot in its place, in one step for readers. For who holds the lock.
    pub(super) fn replace(self, slot: Slot) {
        if planted("replaced in two steps") {
            self.word().store(0, Release);
        }
        self.word().store(slot + 1, Release);
    }

    fn free(self) {
        self.word().store(0, Release);
        let tags = self.group.tags.load(Relaxed);
        self.group.tags.store(tags & !(0xff << (8 * self.way)), Release);
    }
}

/// A byte of the hash, from its high end, because the low one has chosen the group: neither 0, which is a free way, nor 1,
/// which [`matches`] could take for one.
#[inline(always)]
fn tag(hash: u64) -> u64 {
    (hash >> 56).max(2)
}

/// The high bit of each byte of `tags` that is `tag`; at times also of one above such a byte that differs from `tag` in the
/// lowest bit. The lowest bit set is always right.
#[inline(always)]
fn matches(tags: u64, tag: u64) -> u64 {
    let differs = tags ^ (tag * LOW);
    differs.wrapping_sub(LOW) & !differs & HIGH
}
