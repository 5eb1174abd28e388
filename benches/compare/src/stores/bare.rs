//! The floor: a table in a mapped file, a sequence number for each slot, and nothing else.
//!
//! No bound, no eviction, no removal, no checksum, no expiry; values of one length; and a writer that dies in the midst
//! of a slot leaves it locked for ever. What a shared map that promises more costs is seen against it.

#![expect(unsafe_code, reason = "memory that other processes write to, seen as a slice of atomics")]

use super::{Shape, Store};
use memmap2::{MmapOptions, MmapRaw};
use memolith::Record;
use std::fs::OpenOptions;
use std::path::Path;
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};
use std::sync::atomic::{AtomicU64, fence};
use std::{hint, slice};

/// Open addressing with linear probing; values of `WORDS` times 8 bytes.
#[derive(Debug)]
pub struct Bare<const WORDS: usize> {
    // Invariant: as long as a power of two slots, which are all that anybody keeps there.
    map: MmapRaw,
    slots: usize,
}

/// All zero is an empty slot.
#[repr(C)]
struct Slot<const WORDS: usize> {
    /// 0 while the slot is empty, odd while it is written to.
    sequence: AtomicU64,
    key: AtomicU64,
    value: [AtomicU64; WORDS],
}

/// Looks at a slot that somebody writes to, before it counts as not there.
const LOOKS: usize = 10_000;

impl<const WORDS: usize> Bare<WORDS> {
    fn slots(&self) -> &[Slot<WORDS>] {
        // SAFETY: the file has the length of so many slots and nobody shortens it; a mapping begins on a page; any bytes
        // are a slot, for it consists of atomic words; and those are all that any process makes of this memory.
        unsafe { slice::from_raw_parts(self.map.as_ptr().cast(), self.slots) }
    }

    /// The slots in which `key` may be, in order, each once.
    fn probe(&self, key: u64) -> impl Iterator<Item = &Slot<WORDS>> {
        let slots = self.slots();
        let start = (key.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize;
        (start..start + slots.len()).map(|at| &slots[at & (slots.len() - 1)])
    }
}

impl<const WORDS: usize> Store for Bare<WORDS> {
    type Value = Vec<u8>;

    fn open(place: &Path, shape: Shape) -> Self {
        assert_eq!(shape.bytes, WORDS * 8, "the length of values is part of the type");
        let slots = (shape.entries * 2).next_power_of_two();
        let length = slots * size_of::<Slot<WORDS>>();
        let file = OpenOptions::new().read(true).write(true).create(true).truncate(false).open(place);
        let file = file.expect("a path in our own directory is fine");
        file.set_len(length as u64).expect("the disk has room");
        let map = MmapOptions::new().len(length).map_raw(&file).expect("a file can be mapped");
        Bare { map, slots }
    }

    #[inline]
    fn get(&self, key: [u8; 8]) -> Option<Vec<u8>> {
        let key = u64::from_le_bytes(key);
        self.probe(key).find_map(|slot| slot.read(key).into_option())?
    }

    #[inline]
    fn put(&self, key: [u8; 8], record: &Record) -> bool {
        let key = u64::from_le_bytes(key);
        let value = record.value.as_chunks().0;
        self.probe(key).find_map(|slot| slot.write(key, value).into_option()).unwrap_or_default()
    }
}

/// What came of a look at a slot.
enum Look<T> {
    /// It is another key's.
    Foreign,
    /// It is the one.
    Done(T),
}

impl<T> Look<T> {
    fn into_option(self) -> Option<T> {
        match self {
            Look::Foreign => None,
            Look::Done(done) => Some(done),
        }
    }
}

impl<const WORDS: usize> Slot<WORDS> {
    /// `Done(None)` when the slot is empty, or written to without end.
    #[inline]
    fn read(&self, key: u64) -> Look<Option<Vec<u8>>> {
        for _ in 0..LOOKS {
            // Pairs with the release at the end of `write`: the words are those of this sequence number or a later one.
            let sequence = self.sequence.load(Acquire);
            if sequence == 0 {
                return Look::Done(None);
            }
            if sequence % 2 == 1 {
                hint::spin_loop();
                continue;
            }
            // A slot keeps its key for ever.
            if self.key.load(Relaxed) != key {
                return Look::Foreign;
            }
            let value = self.copy();
            // Pairs with the fence in `write`: words of a later writer come with its odd number.
            fence(Acquire);
            if self.sequence.load(Relaxed) == sequence {
                return Look::Done(Some(value));
            }
        }
        Look::Done(None)
    }

    #[inline]
    fn copy(&self) -> Vec<u8> {
        let mut copy = Vec::<u8>::with_capacity(WORDS * 8);
        let mut to = copy.as_mut_ptr().cast::<u64>();
        for word in &self.value {
            // SAFETY: there is room for `WORDS` words, and `to` is moved on once for each of them.
            unsafe {
                to.write_unaligned(word.load(Relaxed));
                to = to.add(1);
            }
        }
        // SAFETY: so many bytes were written above.
        unsafe { copy.set_len(WORDS * 8) };
        copy
    }

    /// `Done(false)` when somebody else writes without end.
    #[inline]
    fn write(&self, key: u64, value: &[[u8; 8]]) -> Look<bool> {
        for _ in 0..LOOKS {
            let sequence = self.sequence.load(Acquire);
            if sequence % 2 == 1 {
                hint::spin_loop();
                continue;
            }
            if sequence != 0 && self.key.load(Relaxed) != key {
                return Look::Foreign;
            }
            if self.sequence.compare_exchange(sequence, sequence + 1, Acquire, Relaxed).is_err() {
                continue;
            }
            // Pairs with the fence in `read`.
            fence(Release);
            self.key.store(key, Relaxed);
            for (to, from) in self.value.iter().zip(value) {
                to.store(u64::from_ne_bytes(*from), Relaxed);
            }
            self.sequence.store(sequence + 2, Release);
            return Look::Done(true);
        }
        Look::Done(false)
    }
}
