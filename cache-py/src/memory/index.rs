//! From hashes to the numbers of entries: chunks of one cache line, each of which counts who passed it by. So there are
//! no tombstones that pile up under churn, and nothing moves when an entry leaves.

use super::chunk::{Chunk, SLOTS};

/// Numbers of entries, from 1 on, by 32 bits of hash.
///
/// A slot of 32 bits holds the number in its lower bits and a part of the hash above: with 100,000 entries, one in a
/// few thousand looks at an entry is in vain.
pub(super) struct Index {
    /// What `base` points into, with room for it to begin at a cache line.
    memory: Vec<[u32; SLOTS + 1]>,
    /// Invariant: `mask + 1` chunks, a power of two; a static one that stays empty until the first entry comes.
    base: *mut Chunk,
    mask: u32,
    /// The bits of a slot that are the number: four more than those of `mask`.
    ids: u32,
    len: usize,
}

/// Entries per chunk before there are more chunks: few in a small index, where memory is cheap and a second look is
/// not; more in one that would not fit in the processor's caches otherwise.
const FEW: usize = 2;
const MORE: usize = 8;
/// How many chunks are a small index.
const SMALL: usize = 1 << 8;
/// As many chunks as leave a bit of each slot for the hash.
const MOST: usize = 1 << 27;

static EMPTY: Chunk = Chunk::EMPTY;

impl Index {
    pub(super) fn new() -> Self {
        Index { memory: Vec::new(), base: (&raw const EMPTY).cast_mut(), mask: 0, ids: 15, len: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The entry where one of this hash likes to be, which is where most are; sometimes one of another hash.
    #[inline(always)]
    pub(super) fn guess(&self, hash: u32) -> Option<u32> {
        let slot = self.chunk(self.path(hash).at).slot(Self::favourite(hash));
        (slot & !self.ids == self.tag(hash)).then_some(slot & self.ids)
    }

    /// Whether it is plain at first sight that there is no entry with this hash.
    #[inline(always)]
    pub(super) fn is_absent(&self, hash: u32) -> bool {
        let chunk = self.chunk(self.path(hash).at);
        chunk.passed() == 0 && chunk.matches(!self.ids, self.tag(hash)) == 0
    }

    /// The first entry with this hash that `is_it`; it is asked about some others as well.
    #[inline(always)]
    pub(super) fn find(&self, hash: u32, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        let (tag, mut path) = (self.tag(hash), self.path(hash));
        loop {
            let chunk = self.chunk(path.at);
            let mut slots = chunk.matches(!self.ids, tag);
            while slots != 0 {
                let id = chunk.slot(slots.trailing_zeros()) & self.ids;
                if is_it(id) {
                    return Some(id);
                }
                slots &= slots - 1;
            }
            if chunk.passed() == 0 || !path.go_on(self.mask) {
                return None;
            }
        }
    }

    /// Whether it has to [`grow`](Self::grow) before the next insertion.
    #[inline(always)]
    pub(super) fn is_full(&self) -> bool {
        let chunks = self.mask as usize + 1;
        self.len >= chunks * if chunks <= SMALL { FEW } else { MORE } || self.memory.is_empty()
    }

    /// Adds an entry, whatever others have the same hash. There is room, see [`is_full`](Self::is_full).
    #[inline]
    pub(super) fn insert(&mut self, hash: u32, id: u32) {
        let slot = self.tag(hash) | id;
        let mut path = self.path(hash);
        while !self.chunk_mut(path.at).insert(slot, Self::favourite(hash)) {
            if !path.go_on(self.mask) {
                debug_assert!(false, "an index that grows in time has room");
                return;
            }
        }
        self.len += 1;
    }

    /// Removes the entry, which is there.
    pub(super) fn remove(&mut self, hash: u32, id: u32) {
        let (ids, mut path) = (self.ids, self.path(hash));
        self.len -= 1;
        loop {
            let chunk = self.chunk_mut(path.at);
            let slots = chunk.matches(ids, id);
            if slots != 0 {
                chunk.put(slots.trailing_zeros(), 0);
                return;
            }
            chunk.unpass();
            if !path.go_on(self.mask) {
                debug_assert!(false, "an entry is removed once");
                return;
            }
        }
    }

    /// Has the processor fetch where `hash` would be.
    #[inline(always)]
    pub(super) fn prefetch(&self, hash: u32) {
        prefetch(self.base.wrapping_add(self.path(hash).at as usize));
    }

    /// Makes room for twice as many, or four times while they are few. `entries` are all hashes and numbers.
    #[cold]
    pub(super) fn grow(&mut self, entries: impl Iterator<Item = (u32, u32)>) {
        let count = match self.mask as usize + 1 {
            1 => 8,
            few if few < SMALL => few * 4,
            many => (many * 2).min(MOST),
        };
        // Zeroed by the system where that is cheaper.
        self.memory = vec![[0; SLOTS + 1]; count + 1];
        let begin = self.memory.as_ptr().cast::<u8>().align_offset(align_of::<Chunk>()).min(align_of::<Chunk>());
        self.base = self.memory.as_mut_ptr().cast::<u8>().wrapping_add(begin).cast();
        self.mask = (count - 1) as u32;
        self.ids = self.mask << 4 | 15;
        self.len = 0;
        for (hash, id) in entries {
            self.insert(hash, id);
        }
    }

    /// What a slot has of the hash, with a bit that no empty slot has.
    #[inline(always)]
    fn tag(&self, hash: u32) -> u32 {
        (hash.wrapping_mul(0x9E37_79B1) | (self.ids + 1)) & !self.ids
    }

    /// The slot that entries of this hash are in if it was free when they came.
    #[inline(always)]
    fn favourite(hash: u32) -> u32 {
        hash % SLOTS as u32
    }

    /// Ints in a row fill one chunk and then the next.
    #[inline(always)]
    fn path(&self, hash: u32) -> Path {
        Path { at: (hash / SLOTS as u32) & self.mask, hash, left: self.mask }
    }

    #[inline(always)]
    fn chunk(&self, at: u32) -> &Chunk {
        debug_assert!(at <= self.mask);
        // SAFETY: `at` was masked, and there are so many chunks.
        unsafe { &*self.base.add(at as usize) }
    }

    #[inline(always)]
    fn chunk_mut(&mut self, at: u32) -> &mut Chunk {
        debug_assert!(at <= self.mask && !self.memory.is_empty());
        // SAFETY: as in `chunk`; callers have found an entry or made room, so these are chunks of our own.
        unsafe { &mut *self.base.add(at as usize) }
    }
}

/// Which chunks a hash is looked for in, until nobody has passed one: all of them if need be.
struct Path {
    at: u32,
    hash: u32,
    left: u32,
}

impl Path {
    /// False when all were visited.
    #[inline(always)]
    fn go_on(&mut self, mask: u32) -> bool {
        if self.left == 0 {
            return false;
        }
        self.left -= 1;
        // An odd step gets around a power of two.
        self.at = self.at.wrapping_add((self.hash.wrapping_mul(0x85EB_CA6B) >> 4) | 1) & mask;
        true
    }
}

/// Has the processor fetch what will be needed.
#[inline(always)]
pub(super) fn prefetch<T>(place: *const T) {
    #[cfg(target_arch = "x86_64")]
    // SAFETY: a prefetch of any address does nothing that can be seen.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(place.cast());
    }
    #[cfg(not(target_arch = "x86_64"))]
    let _ = place;
}
