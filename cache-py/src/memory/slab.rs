//! All entries of a table.

use super::clock::NEVER;
use super::entry::{Entry, Rare, View, Whole};
use super::index::prefetch;

/// Entries by number, from 1 on. Number 0 is free for ever, and what a table without entries points to.
///
/// What it still holds is dropped with it, which may run Python code.
pub(super) struct Slab {
    entries: Vec<Entry>,
    /// By number as well; shorter than `entries` as long as none has any.
    rare: Vec<Rare>,
    /// The first of a chain of free entries; 0 ends it.
    free: u32,
}

/// As many as an index has room for.
const MOST: u32 = 1 << 30;

impl Slab {
    pub(super) const fn new() -> Self {
        Slab { entries: Vec::new(), rare: Vec::new(), free: 0 }
    }

    /// One more than the highest number there is.
    pub(super) fn end(&self) -> u32 {
        self.entries.len() as u32
    }

    #[inline(always)]
    pub(super) fn get(&self, id: u32) -> &Entry {
        debug_assert!(id < self.end());
        // SAFETY: numbers come from `insert`, and a slab never shrinks.
        unsafe { self.entries.get_unchecked(id as usize) }
    }

    #[inline(always)]
    pub(super) fn get_mut(&mut self, id: u32) -> &mut Entry {
        debug_assert!(id < self.end());
        // SAFETY: as in `get`.
        unsafe { self.entries.get_unchecked_mut(id as usize) }
    }

    #[inline(always)]
    pub(super) fn rare(&self, id: u32) -> &Rare {
        self.rare.get(id as usize).unwrap_or(&Rare::NONE)
    }

    /// `None` as long as no entry has anything rare.
    #[inline(always)]
    pub(super) fn rare_mut(&mut self, id: u32) -> Option<&mut Rare> {
        self.rare.get_mut(id as usize)
    }

    #[inline(always)]
    pub(super) fn view(&self, id: u32) -> View<'_> {
        View { entry: self.get(id), rare: self.rare(id) }
    }

    #[inline(always)]
    pub(super) fn prefetch(&self, id: u32) {
        prefetch(self.entries.as_ptr().wrapping_add(id as usize));
    }

    /// The number of a new entry; `None` if there are no more.
    #[inline(always)]
    pub(super) fn insert(&mut self, whole: Whole) -> Option<u32> {
        let id = if self.free != 0 {
            let id = self.free;
            self.free = self.get(id).hash;
            *self.get_mut(id) = whole.entry;
            id
        } else {
            self.push(whole.entry)?
        };
        if !whole.rare.is_none() || !self.rare.is_empty() {
            self.set_rare(id, whole.rare);
        }
        Some(id)
    }

    #[inline(always)]
    fn push(&mut self, entry: Entry) -> Option<u32> {
        if self.entries.len() == self.entries.capacity() {
            self.grow();
        }
        let id = u32::try_from(self.entries.len()).ok().filter(|&id| id < MOST)?;
        self.entries.push(entry);
        Some(id)
    }

    /// Four times the room while that is little, else twice.
    #[cold]
    fn grow(&mut self) {
        let len = self.entries.len();
        self.entries.reserve_exact(if len < 1 << 12 { len * 3 + 16 } else { len });
        if len == 0 {
            self.entries.push(Entry::FREE);
        }
    }

    #[inline(never)]
    pub(super) fn set_rare(&mut self, id: u32, rare: Rare) {
        if self.rare.len() <= id as usize {
            self.rare.resize(self.entries.capacity(), Rare::NONE);
        }
        self.rare[id as usize] = rare;
    }

    /// Takes an entry out.
    #[inline]
    pub(super) fn remove(&mut self, id: u32) -> Whole {
        let next = self.free;
        self.free = id;
        let entry = std::mem::replace(self.get_mut(id), Entry::FREE);
        self.get_mut(id).hash = next;
        let rare = self.rare_mut(id).map_or(Rare::NONE, |rare| std::mem::replace(rare, Rare::NONE));
        Whole { entry, rare }
    }

    /// The hashes of all entries, with their numbers.
    pub(super) fn hashes(&self) -> impl Iterator<Item = (u32, u32)> {
        (0..).zip(&self.entries).filter(|(_, entry)| !entry.is_free()).map(|(id, entry)| (entry.hash, id))
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = View<'_>> {
        (0..self.end()).map(|id| self.view(id)).filter(|view| !view.entry.is_free())
    }

    /// Whether any entry has an end.
    pub(super) fn is_timed(&self) -> bool {
        self.rare.iter().any(|rare| rare.deadline != NEVER)
    }
}

impl Drop for Slab {
    fn drop(&mut self) {
        for view in self.iter() {
            // SAFETY: those who drop a slab are attached and in no table, and what it holds is nobody else's.
            unsafe { view.release() };
        }
    }
}
