//! Where entries lie: each in its slot, from its insertion until nobody can be reading it any more.

#![expect(unsafe_code, reason = "entries are read in place by threads that hold no lock")]

use super::limbo::{Unlinked, Unread};
use super::segments::{Segments, Zero};
use super::stripes::Reading;
use crate::eviction::Slot;
use crate::sync::{AtomicU64, Watched};
use std::cell::UnsafeCell;
use std::mem::MaybeUninit;

/// The slots of a memory tier, by number.
pub(super) struct Slab<K, V> {
    slots: Segments<Place<K, V>>,
}

/// The mark lies in the line that a hit has loaded anyway.
struct Place<K, V> {
    mark: AtomicU64,
    /// Initialised from `put` to `take`.
    entry: UnsafeCell<MaybeUninit<(K, V)>>,
    watched: Watched,
}

/// Which slots hold an entry: changed by whoever holds the lock of the memory tier that the slab belongs to.
#[derive(Debug, Default)]
pub(super) struct Occupied {
    bits: Vec<u64>,
}

// SAFETY: the mark is zero, the entry is uninitialised, what is watched is of no size, and none needs a drop here.
unsafe impl<K, V> Zero for Place<K, V> {}

impl<K, V> Default for Place<K, V> {
    fn default() -> Self {
        let entry = UnsafeCell::new(MaybeUninit::uninit());
        Place { mark: AtomicU64::new(0), entry, watched: Default::default() }
    }
}

// SAFETY: entries move in and out with whichever thread holds the lock (`Send`), and are read by several at once (`Sync`).
unsafe impl<K: Send + Sync, V: Send + Sync> Sync for Slab<K, V> {}
// SAFETY: as above; nothing in it belongs to a thread.
unsafe impl<K: Send, V: Send> Send for Slab<K, V> {}

impl<K, V> Slab<K, V> {
    /// No memory yet; room for `first` entries in one piece.
    pub(super) fn new(first: usize) -> Self {
        Slab { slots: Segments::new(first) }
    }

    /// The number that hits leave with `slot`.
    #[inline(always)]
    pub(super) fn mark(&self, slot: Slot) -> &AtomicU64 {
        &self.place(slot).mark
    }

    /// The entry that `reading` protects.
    #[inline(always)]
    pub(super) fn open<'a>(&'a self, reading: Reading<'a>) -> Opened<'a, K, V> {
        Opened { place: self.place(reading.slot()), reading }
    }

    /// As [`open`](Self::open); nothing if `reading` is of no slot.
    #[inline(always)]
    pub(super) fn open_near<'a>(&'a self, reading: Reading<'a>) -> Option<Opened<'a, K, V>> {
        Some(Opened { place: self.slots.get_near(reading.slot() as usize)?, reading })
    }

    /// The entry of `slot`, which holds one.
    #[inline]
    pub(super) fn held<'a>(&'a self, occupied: &'a Occupied, slot: Slot) -> &'a (K, V) {
        assert!(occupied.contains(slot), "slot {slot} holds no entry");
        self.place(slot).watched.read();
        // SAFETY: it holds one, and who could take it needs `&mut Occupied`.
        unsafe { (*self.place(slot).entry.get()).assume_init_ref() }
    }

    /// The entry that has left the index and goes to limbo only with `slot`.
    #[inline]
    pub(super) fn unlinked<'a>(&'a self, slot: &'a Unlinked) -> &'a (K, V) {
        // SAFETY: it holds an entry, which is taken out only with an `Unread`; and that comes from an `Unlinked` given up.
        unsafe { (*self.place(slot.slot()).entry.get()).assume_init_ref() }
    }

    /// Puts an entry into `slot`, which holds none.
    #[inline]
    pub(super) fn put(&self, occupied: &mut Occupied, slot: Slot, entry: (K, V)) {
        self.slots.reserve(slot as usize);
        assert!(occupied.insert(slot), "slot {slot} holds an entry");
        self.place(slot).watched.write();
        // SAFETY: it holds none, so nobody has a reference into it; `&mut Occupied` makes us the only writer.
        unsafe { (*self.place(slot).entry.get()).write(entry) };
    }

    /// Puts an entry into a slot that nobody reads any more, in place of the one that it held.
    #[inline]
    pub(super) fn exchange(&self, occupied: &mut Occupied, unread: Unread, entry: (K, V)) -> (K, V) {
        let slot = unread.slot();
        assert!(occupied.contains(slot), "slot {slot} holds no entry");
        self.place(slot).watched.write();
        let place = self.place(slot).entry.get();
        // SAFETY: it held one until now; as in `take` nobody has a reference, and as in `put` we are the only writer.
        unsafe { std::mem::replace(&mut *place, MaybeUninit::new(entry)).assume_init() }
    }

    /// Takes out the entry of a slot that nobody reads any more.
    #[inline]
    pub(super) fn take(&self, occupied: &mut Occupied, unread: Unread) -> (K, V) {
        let slot = unread.slot();
        assert!(occupied.remove(slot), "slot {slot} holds no entry");
        self.place(slot).watched.write();
        // SAFETY: it held one until now. `Unread` is of a slot that was out of the index before all hazards were looked
        // at, and was in none of them: nobody has a reference, nor comes by one.
        unsafe { (*self.place(slot).entry.get()).assume_init_read() }
    }

    /// Drops every entry.
    pub(super) fn clear(&mut self, occupied: &mut Occupied) {
        for slot in std::mem::take(occupied).slots() {
            // SAFETY: the slot holds an entry and is forgotten to; `&mut self` means that nobody reads.
            unsafe { (*self.place(slot).entry.get()).assume_init_drop() };
        }
    }

    #[inline(always)]
    fn place(&self, slot: Slot) -> &Place<K, V> {
        self.slots.get_near(slot as usize).expect("a slot in use was reserved")
    }
}

/// An entry that is being read, and stays where it is meanwhile.
pub(super) struct Opened<'a, K, V> {
    place: &'a Place<K, V>,
    reading: Reading<'a>,
}

impl<K, V> Opened<'_, K, V> {
    #[inline(always)]
    pub(super) fn slot(&self) -> Slot {
        self.reading.slot()
    }

    #[inline(always)]
    pub(super) fn mark(&self) -> &AtomicU64 {
        &self.place.mark
    }

    #[inline(always)]
    pub(super) fn entry(&self) -> &(K, V) {
        self.place.watched.read();
        // SAFETY: `Reading` exists only for a slot that was in the index after its hazard was visible to who empties
        // slots: `put` came before (the index is read with Acquire), and `take` comes only after it is dropped.
        unsafe { (*self.place.entry.get()).assume_init_ref() }
    }
}

impl Occupied {
    #[inline]
    pub(super) fn contains(&self, slot: Slot) -> bool {
        self.bits.get(slot as usize / 64).is_some_and(|word| word & bit(slot) != 0)
    }

    /// Whether it was not there.
    #[inline]
    pub(super) fn insert(&mut self, slot: Slot) -> bool {
        if self.bits.len() <= slot as usize / 64 {
            self.bits.resize(slot as usize / 64 + 1, 0);
        }
        let word = &mut self.bits[slot as usize / 64];
        let absent = *word & bit(slot) == 0;
        *word |= bit(slot);
        absent
    }

    /// Whether it was there.
    #[inline]
    pub(super) fn remove(&mut self, slot: Slot) -> bool {
        let Some(word) = self.bits.get_mut(slot as usize / 64) else { return false };
        let present = *word & bit(slot) != 0;
        *word &= !bit(slot);
        present
    }

    /// All of them, in order.
    pub(super) fn slots(&self) -> impl Iterator<Item = Slot> {
        let words = self.bits.iter().zip((0..).step_by(64));
        words.flat_map(|(word, first)| (0..64).filter(move |at| word & (1 << at) != 0).map(move |at| first + at))
    }
}

fn bit(slot: Slot) -> u64 {
    1 << (slot % 64)
}
