//! One cache line of an index.

/// Slots of a chunk.
pub(super) const SLOTS: usize = 15;

/// Slots, of which 0 is an empty one, and beside them how many entries that liked to be here are elsewhere.
#[repr(C, align(64))]
pub(super) struct Chunk {
    words: [u32; SLOTS + 1],
}

const _: () = assert!(size_of::<Chunk>() == 64);

impl Chunk {
    pub(super) const EMPTY: Chunk = Chunk { words: [0; SLOTS + 1] };

    #[inline(always)]
    pub(super) fn slot(&self, at: u32) -> u32 {
        debug_assert!((at as usize) < SLOTS);
        self.words[at as usize % (SLOTS + 1)]
    }

    #[inline(always)]
    pub(super) fn put(&mut self, at: u32, slot: u32) {
        debug_assert!((at as usize) < SLOTS);
        self.words[at as usize % (SLOTS + 1)] = slot;
    }

    /// How many passed by because it was full.
    #[inline(always)]
    pub(super) fn passed(&self) -> u32 {
        self.words[SLOTS]
    }

    /// One of those that passed by has left.
    pub(super) fn unpass(&mut self) {
        self.words[SLOTS] = self.words[SLOTS].saturating_sub(1);
    }

    /// In its favourite slot if that is empty, else in any; false if there is none, which is counted.
    #[inline(always)]
    pub(super) fn insert(&mut self, slot: u32, favourite: u32) -> bool {
        if self.slot(favourite) == 0 {
            self.put(favourite, slot);
            return true;
        }
        let empty = self.matches(u32::MAX, 0);
        if empty == 0 {
            self.words[SLOTS] += 1;
            return false;
        }
        self.put(empty.trailing_zeros(), slot);
        true
    }

    /// The slots whose bits under `mask` are `bits`, as bits from the lowest on.
    #[inline(always)]
    pub(super) fn matches(&self, mask: u32, bits: u32) -> u32 {
        const ALL: u32 = (1 << SLOTS) - 1;
        #[cfg(target_arch = "x86_64")]
        // SAFETY: every processor of this kind has these instructions, and four times four words are sixteen.
        unsafe {
            use std::arch::x86_64::*;
            let (mask, bits) = (_mm_set1_epi32(mask as i32), _mm_set1_epi32(bits as i32));
            let words = self.words.as_ptr().cast::<__m128i>();
            let four = |at| _mm_cmpeq_epi32(_mm_and_si128(_mm_load_si128(words.add(at)), mask), bits);
            let (low, high) = (_mm_packs_epi32(four(0), four(1)), _mm_packs_epi32(four(2), four(3)));
            _mm_movemask_epi8(_mm_packs_epi16(low, high)) as u32 & ALL
        }
        #[cfg(not(target_arch = "x86_64"))]
        {
            let words = self.words.iter().enumerate();
            words.fold(0, |all, (at, word)| all | u32::from(word & mask == bits) << at) & ALL
        }
    }
}
