//! From hashes to the numbers of entries: open addressing with linear probing and deletion that shifts back, so that no
//! tombstones pile up under churn.

/// Numbers of entries, from 1 on, by 32 bits of hash.
///
/// A slot holds the hash and the number: what is not equal is seldom looked at, and growing reads nothing but the slots.
pub(super) struct Index {
    /// What `base` points into, with room for it to begin at a cache line.
    slots: Vec<u64>,
    /// Invariant: `mask + 1` slots, a power of two, at least one of them empty; those of a static line until the first
    /// entry comes.
    base: *mut u64,
    mask: usize,
    len: usize,
}

/// Slots of an index that has room for few entries are filled to a quarter: a miss there takes one look. Above this
/// many, to a half: what does not fit in the caches costs more than a second look.
const SPARSE: usize = 1 << 11;
/// Slots that share a cache line.
const LINE: usize = 8;

static EMPTY: [u64; 1] = [0];

impl Index {
    pub(super) fn new() -> Self {
        Index { slots: Vec::new(), base: (&raw const EMPTY).cast_mut().cast(), mask: 0, len: 0 }
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The first entry with this hash that `is_it`.
    #[inline(always)]
    pub(super) fn find(&self, hash: u32, mut is_it: impl FnMut(u32) -> bool) -> Option<u32> {
        let mut at = hash as usize & self.mask;
        loop {
            let slot = self.slot(at);
            if slot == 0 {
                return None;
            }
            if (slot >> 32) as u32 == hash && is_it(slot as u32) {
                return Some(slot as u32);
            }
            at = (at + 1) & self.mask;
        }
    }

    /// Adds an entry, whatever others have the same hash.
    #[inline]
    pub(super) fn insert(&mut self, hash: u32, id: u32) {
        let slots = self.mask + 1;
        let most = if slots <= SPARSE { slots / 4 } else { slots / 2 };
        if self.len >= most {
            self.grow();
        }
        self.place(u64::from(hash) << 32 | u64::from(id));
        self.len += 1;
    }

    /// Removes the entry, which is there, and moves those back that were in its way.
    pub(super) fn remove(&mut self, hash: u32, id: u32) {
        let mut hole = hash as usize & self.mask;
        while self.slot(hole) as u32 != id {
            if self.slot(hole) == 0 {
                debug_assert!(false, "an entry is removed once");
                return;
            }
            hole = (hole + 1) & self.mask;
        }
        let mut at = hole;
        loop {
            at = (at + 1) & self.mask;
            let slot = self.slot(at);
            if slot == 0 {
                break;
            }
            let home = (slot >> 32) as usize & self.mask;
            // It may move to the hole if that is not before its home.
            if (at.wrapping_sub(home) & self.mask) >= (at.wrapping_sub(hole) & self.mask) {
                self.put(hole, slot);
                hole = at;
            }
        }
        self.put(hole, 0);
        self.len -= 1;
    }

    /// Has the processor fetch where `hash` would be.
    #[inline(always)]
    pub(super) fn prefetch(&self, hash: u32) {
        prefetch(self.base.wrapping_add(hash as usize & self.mask));
    }

    #[inline(always)]
    fn slot(&self, at: usize) -> u64 {
        debug_assert!(at <= self.mask);
        // SAFETY: `at` was masked, and there are so many slots.
        unsafe { *self.base.add(at) }
    }

    #[inline(always)]
    fn put(&mut self, at: usize, slot: u64) {
        debug_assert!(at <= self.mask && !self.slots.is_empty());
        // SAFETY: as in `slot`; callers have found an entry or made room, so these are slots of our own.
        unsafe { *self.base.add(at) = slot }
    }

    /// In the first empty slot from its home on.
    fn place(&mut self, slot: u64) {
        let mut at = (slot >> 32) as usize & self.mask;
        while self.slot(at) != 0 {
            at = (at + 1) & self.mask;
        }
        self.put(at, slot);
    }

    /// Twice the slots, or four times while they are few. The old ones are read in order, and written to so many places in
    /// order.
    #[cold]
    fn grow(&mut self) {
        let count = match self.mask + 1 {
            1 => 8 * LINE,
            few if few <= SPARSE => few * 4,
            many => many * 2,
        };
        let (old, base, last) = (std::mem::take(&mut self.slots), self.base, self.mask);
        // Zeroed by the system where that is cheaper.
        self.slots = vec![0; count + LINE];
        let begin = self.slots.as_ptr().align_offset(LINE * size_of::<u64>()).min(LINE);
        self.base = self.slots.as_mut_ptr().wrapping_add(begin);
        self.mask = count - 1;
        if old.is_empty() {
            return;
        }
        for at in 0..=last {
            // SAFETY: `old` is alive, and `base` was its first slot.
            let slot = unsafe { *base.add(at) };
            if slot != 0 {
                self.place(slot);
            }
        }
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
