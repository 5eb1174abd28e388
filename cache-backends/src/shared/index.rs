//! The index of a stripe: buckets of one cache line, fourteen slots each.
//!
//! A line holds the slots, two in a word (tag 11 bits, place 21 bits; zero is free), and a word of visited bits. A score of
//! 32 bits for each slot is kept apart: few spaces go by it, and hits write it.

use super::layout::{BUCKET, PLACE_BITS, SLOTS};
use super::map::Map;
use crate::sync::{AtomicU64, planted};
use std::sync::atomic::Ordering::{Acquire, Relaxed};

/// A place in the index of a stripe: bucket and number in one, counted from one. Zero is none.
pub(super) type Slot = u32;

/// The content of a slot: tag and place.
pub(super) type Pointer = u32;

const PLACE: u32 = (1 << PLACE_BITS) - 1;

#[inline(always)]
pub(super) fn pointer(tag: u32, place: usize) -> Pointer {
    tag << PLACE_BITS | place as u32
}

/// The place that a slot points to, in units from the start of the stripe's data.
#[inline(always)]
pub(super) fn place(pointer: Pointer) -> usize {
    (pointer & PLACE) as usize
}

#[inline(always)]
pub(super) fn tag(pointer: Pointer) -> u32 {
    pointer >> PLACE_BITS
}

/// The index of one stripe.
#[derive(Clone, Copy, Debug)]
pub(super) struct Index<'m> {
    map: &'m Map,
    buckets: usize,
    scores: usize,
}

impl<'m> Index<'m> {
    #[inline(always)]
    pub(super) fn new(map: &'m Map, stripe: usize) -> Self {
        Index { map, buckets: map.layout.buckets(stripe), scores: map.layout.scores(stripe) }
    }

    #[inline(always)]
    pub(super) fn slot(bucket: usize, at: usize) -> Slot {
        (bucket << 4 | at) as Slot + 1
    }

    /// How many there are.
    pub(super) fn slots(&self) -> u32 {
        (self.map.layout.buckets * SLOTS) as u32
    }

    /// Whether a number that was read from the map is a slot.
    pub(super) fn has(&self, slot: Slot) -> bool {
        slot != 0 && parts(slot).0 < self.map.layout.buckets && parts(slot).1 < SLOTS
    }

    /// The bucket of a slot.
    pub(super) fn bucket(slot: Slot) -> usize {
        parts(slot).0
    }

    /// The number of a slot among all, from zero.
    pub(super) fn number(slot: Slot) -> usize {
        parts(slot).0 * SLOTS + parts(slot).1
    }

    /// The line of a bucket.
    #[inline(always)]
    pub(super) fn line(&self, bucket: usize) -> Line<'m> {
        let words = self.map.words(self.buckets + bucket * BUCKET, BUCKET).and_then(|words| words.first_chunk());
        Line { words: words.expect("every bucket lies within the region") }
    }

    /// What a slot points to: the entry behind it is complete.
    #[inline(always)]
    pub(super) fn get(&self, slot: Slot) -> Pointer {
        let (word, high) = self.word(slot);
        // Acquire pairs with the Release of `set`.
        half(self.map.word(word).load(Acquire), high)
    }

    /// Publishes an entry, or clears a slot. Only for who holds the stripe's lock: its neighbour is written too.
    pub(super) fn set(&self, slot: Slot, pointer: Pointer) {
        let (word, high) = self.word(slot);
        let pair = self.map.load(word);
        let (keep, shift) = if high { (0xffff_ffff, 32) } else { (0xffff_ffff << 32, 0) };
        let pair = pair & keep | u64::from(pointer) << shift;
        if planted("slot before entry") {
            return self.map.store(word, pair);
        }
        self.map.publish(word, pair);
    }

    #[inline(always)]
    fn word(&self, slot: Slot) -> (usize, bool) {
        let (bucket, at) = parts(slot);
        (self.buckets + bucket * BUCKET + at / 2, at % 2 == 1)
    }

    #[inline(always)]
    fn visited_word(&self, slot: Slot) -> (usize, u64) {
        let (bucket, at) = parts(slot);
        (self.buckets + bucket * BUCKET + SLOTS / 2, 1 << at)
    }

    /// Whether a slot was hit since it was last asked about or filled.
    pub(super) fn is_visited(&self, slot: Slot) -> bool {
        let (word, bit) = self.visited_word(slot);
        self.map.load(word) & bit != 0
    }

    /// A hit: written the first time only.
    pub(super) fn visit(&self, slot: Slot) {
        let (bucket, at) = parts(slot);
        self.line(bucket).visit(at);
    }

    /// Takes a slot's visited bit.
    pub(super) fn take_visited(&self, slot: Slot) -> bool {
        let (word, bit) = self.visited_word(slot);
        self.is_visited(slot) && self.map.word(word).fetch_and(!bit, Relaxed) & bit != 0
    }

    #[inline(always)]
    fn score_half(&self, slot: Slot) -> usize {
        self.scores * 2 + Index::number(slot)
    }

    #[inline(always)]
    pub(super) fn score(&self, slot: Slot) -> u32 {
        self.map.half(self.score_half(slot)).load(Relaxed)
    }

    /// Of two threads that score at once one is lost.
    #[inline(always)]
    pub(super) fn set_score(&self, slot: Slot, score: u32) {
        self.map.half(self.score_half(slot)).store(score, Relaxed);
    }

    /// Brings a bucket nearer.
    #[inline(always)]
    pub(super) fn prefetch(&self, bucket: usize) {
        self.map.prefetch(self.buckets + bucket * BUCKET);
    }

    /// The pointers of all slots that are not free, with their slots.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Slot, Pointer)> + use<'m> {
        self.select(|pointer| pointer != 0)
    }

    /// Those of them that `wanted` picks, which is asked about free ones as well.
    pub(super) fn select<F: Fn(Pointer) -> bool>(
        &self,
        wanted: F,
    ) -> impl Iterator<Item = (Slot, Pointer)> + use<'m, F> {
        let index = *self;
        let buckets = 0..self.map.layout.buckets;
        buckets.flat_map(move |bucket| {
            // In one go, because most lines hold nothing that is wanted; what is, is loaded again below.
            let found = index.line(bucket).words[..SLOTS / 2].iter().enumerate().fold(0_u32, |found, (at, word)| {
                let pair = word.load(Relaxed);
                let (low, high) = (wanted(half(pair, false)), wanted(half(pair, true)));
                found | u32::from(low) << (2 * at) | u32::from(high) << (2 * at + 1)
            });
            let slots = (0..SLOTS).filter(move |at| found >> at & 1 == 1).map(move |at| Index::slot(bucket, at));
            slots.map(move |slot| (slot, index.get(slot)))
        })
    }
}

/// A bucket.
#[derive(Clone, Copy, Debug)]
pub(super) struct Line<'m> {
    words: &'m [AtomicU64; BUCKET],
}

/// Those of a bucket's slots that have some tag, as bits.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tagged(u32);

impl Line<'_> {
    /// The slots that have `tag`, all looked at without a branch that nothing could predict.
    #[inline(always)]
    pub(super) fn tagged(&self, tag: u32) -> Tagged {
        let slots = self.words.first_chunk().expect("a line is longer");
        Tagged(tagged(slots, tag))
    }

    /// What a slot points to: the entry behind it is complete.
    #[inline(always)]
    pub(super) fn get(&self, at: usize) -> Pointer {
        // Acquire pairs with the Release of `Index::set`.
        half(self.words[at / 2 % BUCKET].load(Acquire), at % 2 == 1)
    }

    /// Notes a hit: written the first time only.
    #[inline(always)]
    pub(super) fn visit(&self, at: usize) {
        let (word, bit) = (&self.words[SLOTS / 2], 1 << at);
        if word.load(Relaxed) & bit == 0 {
            word.fetch_or(bit, Relaxed);
        }
    }
}

impl Iterator for Tagged {
    type Item = usize;

    /// The number of a slot in its bucket.
    #[inline(always)]
    fn next(&mut self) -> Option<usize> {
        if self.0 == 0 {
            return None;
        }
        let at = self.0.trailing_zeros() as usize;
        self.0 &= self.0 - 1;
        Some(at)
    }
}

/// Four slots at a time.
#[cfg(all(target_arch = "x86_64", not(loom)))]
#[expect(
    unsafe_code,
    reason = "instructions that compare four slots at once: each bucket is looked at in half the time"
)]
#[inline(always)]
fn tagged(slots: &[AtomicU64; SLOTS / 2], tag: u32) -> u32 {
    use std::arch::x86_64::{
        __m128i, _mm_cmpeq_epi32, _mm_movemask_epi8, _mm_packs_epi16, _mm_packs_epi32, _mm_set_epi64x, _mm_set1_epi32,
        _mm_srli_epi32,
    };
    // Each pair is loaded as the atomic that it is; what is put together of them is ours.
    let pair = |at: usize| slots[at].load(Relaxed).cast_signed();
    // SAFETY: SSE2 is part of every x86-64, and these work on values alone.
    unsafe {
        let wanted = _mm_set1_epi32(tag.cast_signed());
        let equal = |four: __m128i| _mm_cmpeq_epi32(_mm_srli_epi32::<{ PLACE_BITS.cast_signed() }>(four), wanted);
        let first = _mm_packs_epi32(equal(_mm_set_epi64x(pair(1), pair(0))), equal(_mm_set_epi64x(pair(3), pair(2))));
        // No slot has the tag zero, so what is missing in the last four is not found.
        let last = _mm_packs_epi32(equal(_mm_set_epi64x(pair(5), pair(4))), equal(_mm_set_epi64x(0, pair(6))));
        _mm_movemask_epi8(_mm_packs_epi16(first, last)).cast_unsigned()
    }
}

#[cfg(not(all(target_arch = "x86_64", not(loom))))]
fn tagged(slots: &[AtomicU64; SLOTS / 2], tag: u32) -> u32 {
    slots.iter().enumerate().fold(0, |found, (at, pair)| {
        let pair = pair.load(Relaxed);
        let (low, high) = (half(pair, false) >> PLACE_BITS == tag, half(pair, true) >> PLACE_BITS == tag);
        found | u32::from(low) << (2 * at) | u32::from(high) << (2 * at + 1)
    })
}

/// Bucket of a slot, and which of its fourteen it is.
#[inline(always)]
fn parts(slot: Slot) -> (usize, usize) {
    let at = slot.wrapping_sub(1) as usize;
    (at >> 4, at & 15)
}

#[inline(always)]
fn half(pair: u64, high: bool) -> u32 {
    if high { (pair >> 32) as u32 } else { pair as u32 }
}
