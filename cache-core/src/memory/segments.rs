//! A vector that grows without moving anything, read without a lock.

#![expect(unsafe_code, reason = "zeroed memory that the system maps only when it is touched")]

use crate::sync::{AtomicPtr, AtomicU64, AtomicUsize};
#[cfg(not(any(shuttle, loom)))]
use crate::system;
use std::sync::atomic::Ordering::{Acquire, Release};

/// Elements in parts: a first one of any length, and then each twice as long as the one before.
///
/// Memory is taken zeroed and untouched, so a first part for a million elements costs nothing until it is used.
pub(super) struct Segments<T: Zero> {
    parts: [AtomicPtr<T>; PARTS],
    first: usize,
    /// The same once the first part is there, else 0.
    near: AtomicUsize,
}

/// Types of which a value is all zeroes.
///
/// # Safety
/// All bytes zero is a value of the type, the default one, and it needs no drop.
pub(super) unsafe trait Zero: Default {}

// SAFETY: an atomic integer has the representation of the integer; for those of checkers see `allocate`.
unsafe impl Zero for AtomicU64 {}
// SAFETY: as above; the null pointer is zero.
unsafe impl<T> Zero for AtomicPtr<T> {}

/// Enough for every number below 2^32.
const PARTS: usize = 28;
/// Numbers below this may be reserved. Load-bearing: the highest of 32 bits, which stands for no slot, is in a part that is
/// never there then, so that who looks for it finds nothing.
pub(super) const MOST: usize = (1 << 31) - 64;
/// The length of the second part is two to this.
const BITS: u32 = 6;

impl<T: Zero> Segments<T> {
    /// Nothing yet; the first part will have `first` elements.
    pub(super) fn new(first: usize) -> Self {
        Segments {
            parts: std::array::from_fn(|_| AtomicPtr::new(std::ptr::null_mut())),
            first,
            near: AtomicUsize::new(0),
        }
    }

    /// The element `at`, unless nobody has reserved it.
    #[inline(always)]
    pub(super) fn get(&self, at: usize) -> Option<&T> {
        self.get_first(at).or_else(|| self.get_far(at))
    }

    /// As [`get`](Self::get), all of it as a part of its caller.
    #[inline(always)]
    pub(super) fn get_near(&self, at: usize) -> Option<&T> {
        self.get_first(at).or_else(|| self.get_beyond(at))
    }

    #[inline(always)]
    fn get_first(&self, at: usize) -> Option<&T> {
        // Acquire pairs with the Release in `reserve_far`: the pointer is seen.
        if at >= self.near.load(Acquire) {
            return None;
        }
        // SAFETY: as in `get_beyond`; the first part is there, and longer than `at`.
        Some(unsafe { &*self.parts[0].load(Acquire).add(at) })
    }

    #[inline(never)]
    fn get_far(&self, at: usize) -> Option<&T> {
        self.get_beyond(at)
    }

    #[inline(always)]
    fn get_beyond(&self, at: usize) -> Option<&T> {
        let (part, offset) = if at < self.first { (0, at) } else { self.beyond(at) };
        let part = self.parts.get(part)?.load(Acquire);
        if part.is_null() {
            return None;
        }
        // SAFETY: a part that is there has the length that `length` says, which is more than any offset in it, and lives
        // as long as we do. Acquire pairs with the Release in `reserve_far`: its zeroes are seen.
        Some(unsafe { &*part.add(offset) })
    }

    /// Makes `at` and those near it present. Not for two threads at once.
    #[inline(always)]
    pub(super) fn reserve(&self, at: usize) {
        if at >= self.near.load(Acquire) {
            self.reserve_far(at);
        }
    }

    #[inline(never)]
    fn reserve_far(&self, at: usize) {
        debug_assert!(at < MOST, "{at} is too high");
        let (part, _) = if at < self.first { (0, at) } else { self.beyond(at) };
        if self.parts[part].load(Acquire).is_null() {
            self.parts[part].store(allocate(self.length(part)), Release);
            if part == 0 {
                self.near.store(self.first, Release);
            }
        }
    }

    #[inline(always)]
    fn beyond(&self, at: usize) -> (usize, usize) {
        let beyond = at - self.first;
        let doublings = ((beyond >> BITS) + 1).ilog2();
        (1 + doublings as usize, beyond - (((1 << doublings) - 1) << BITS))
    }

    fn length(&self, part: usize) -> usize {
        match part {
            0 => self.first,
            _ => 1 << (BITS as usize + part - 1),
        }
    }
}

impl<T: Zero> Drop for Segments<T> {
    fn drop(&mut self) {
        for part in 0..PARTS {
            let first = self.parts[part].load(Acquire);
            if !first.is_null() {
                // SAFETY: made by `allocate` with this length, and dropped once.
                drop(unsafe { Box::from_raw(std::ptr::slice_from_raw_parts_mut(first, self.length(part))) });
            }
        }
    }
}

/// A boxed slice of `length` zeroes, as a pointer to the first.
pub(super) fn allocate<T: Zero>(length: usize) -> *mut T {
    #[cfg(any(shuttle, loom))]
    // A checker's atomics are more than their bits.
    return Box::into_raw((0..length).map(|_| T::default()).collect::<Box<[T]>>()).cast();
    #[cfg(not(any(shuttle, loom)))]
    {
        let layout = std::alloc::Layout::array::<T>(length).expect("a part fits into memory");
        assert!(layout.size() > 0, "no part is empty, and no element of one");
        // SAFETY: the layout is not of size zero.
        let first = unsafe { std::alloc::alloc_zeroed(layout) };
        if first.is_null() {
            std::alloc::handle_alloc_error(layout);
        }
        system::advise_huge_pages(first, layout.size());
        // All zeroes is a value, as the trait promises; a box of a slice is freed with this layout.
        first.cast()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::Ordering::Relaxed;

    #[test]
    fn the_number_of_no_slot_is_in_a_part_that_is_never_there() {
        for first in [1, 3, 63, 64, 65, 1 << 20] {
            let numbers = Segments::<AtomicU64>::new(first);
            let ((highest, _), (none, _)) = (numbers.beyond(MOST - 1), numbers.beyond(u32::MAX as usize));
            assert!(highest < none && none < PARTS, "{highest} and {none} of {first}");
        }
    }

    #[test]
    fn every_element_is_its_own_and_stays() {
        for first in [1, 7, 64, 1000] {
            let numbers = Segments::<AtomicU64>::new(first);
            assert!(numbers.get(0).is_none());
            for at in 0..5_000 {
                numbers.reserve(at);
                assert_eq!(numbers.get(at).map(|n| n.swap(at as u64 + 1, Relaxed)), Some(0), "{at} of {first}");
            }
            assert!((0..5_000).all(|at| numbers.get(at).is_some_and(|n| n.load(Relaxed) == at as u64 + 1)));
            assert!(numbers.get(u32::MAX as usize).is_none());
        }
    }
}
