//! One entry, and the slab of all.

use super::clock::NEVER;
use super::index::prefetch;
use crate::call::Call;
use pyo3::ffi::{self, PyObject};
use std::ptr;

/// How many arguments a call has: positional ones in the upper bits, keywords in the lower twelve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape(u32);

impl Shape {
    const FREE: Shape = Shape(u32::MAX);
    /// One positional argument.
    pub(super) const ONE: Shape = Shape(1 << 12);

    /// `None` for calls with so many arguments that they are not kept: from a million positional or 4096 keyword
    /// arguments on.
    #[inline(always)]
    pub(super) fn of(call: &Call<'_>) -> Option<Shape> {
        let fits = call.nargs() < (1 << 20) - 1 && call.nkw() < 1 << 12;
        fits.then_some(Shape((call.nargs() as u32) << 12 | call.nkw() as u32))
    }

    #[inline(always)]
    pub(super) fn nargs(self) -> usize {
        (self.0 >> 12) as usize
    }

    #[inline(always)]
    pub(super) fn nkw(self) -> usize {
        (self.0 & 0xfff) as usize
    }

    #[inline(always)]
    fn len(self) -> usize {
        self.nargs() + self.nkw()
    }
}

/// The arguments of a call and its value, all of them references of its own. One cache line.
#[repr(C, align(64))]
#[derive(Clone, Copy)]
pub(super) struct Entry {
    /// The first two arguments; null where there are fewer.
    first: [*mut PyObject; 2],
    pub(super) value: *mut PyObject,
    /// The tuple of names; null without keyword arguments.
    pub(super) names: *mut PyObject,
    /// The other arguments. Invariant: from `Box<[_]>` of as many as the shape has beyond two; null if there are none.
    rest: *mut *mut PyObject,
    /// When it is over, in nanoseconds of the clock.
    pub(super) deadline: u64,
    /// When it is over however much it is used.
    pub(super) limit: u64,
    /// Of a free entry: the number of the next free one.
    pub(super) hash: u32,
    pub(super) shape: Shape,
}

const _: () = assert!(size_of::<Entry>() == 64);

impl Entry {
    const FREE: Entry = Entry {
        first: [ptr::null_mut(); 2],
        value: ptr::null_mut(),
        names: ptr::null_mut(),
        rest: ptr::null_mut(),
        deadline: NEVER,
        limit: NEVER,
        hash: 0,
        shape: Shape::FREE,
    };

    /// New references to the arguments of `call` and to `value`.
    ///
    /// # Safety
    /// `value` is alive, the thread attached, and `shape` is that of `call`.
    #[inline(always)]
    pub(super) unsafe fn new(call: &Call<'_>, shape: Shape, hash: u32, value: *mut PyObject) -> Entry {
        let mut entry = Entry { value, names: call.kwnames(), hash, shape, ..Entry::FREE };
        for at in 0..call.len().min(2) {
            entry.first[at] = call.arg(at);
        }
        if call.len() > 2 {
            entry.rest = Box::into_raw((2..call.len()).map(|at| call.arg(at)).collect::<Box<[_]>>()).cast();
        }
        // SAFETY: arguments and names are alive, and so is the value.
        unsafe {
            for at in 0..call.len() {
                ffi::Py_INCREF(call.arg(at));
            }
            ffi::Py_XINCREF(entry.names);
            ffi::Py_INCREF(value);
        }
        entry
    }

    #[inline(always)]
    pub(super) fn is_free(&self) -> bool {
        self.shape == Shape::FREE
    }

    /// Arguments.
    #[inline(always)]
    pub(super) fn len(&self) -> usize {
        if self.is_free() { 0 } else { self.shape.len() }
    }

    /// The first argument, null if there is none.
    #[inline(always)]
    pub(super) fn only(&self) -> *mut PyObject {
        self.first[0]
    }

    /// Argument `at`, borrowed.
    #[inline(always)]
    pub(super) fn key(&self, at: usize) -> *mut PyObject {
        debug_assert!(at < self.shape.len());
        if at < 2 {
            return self.first[at];
        }
        // SAFETY: see the invariant of `rest`.
        unsafe { *self.rest.add(at - 2) }
    }

    /// Everything it holds, borrowed.
    pub(super) fn objects(&self) -> impl Iterator<Item = *mut PyObject> {
        let others = [self.names, self.value].into_iter().filter(|object| !object.is_null());
        (0..self.len()).map(|at| self.key(at)).chain(others)
    }
}

/// Entries that have left a table. Their references are dropped with it, which may run Python code.
pub(super) struct Departed {
    /// Mostly there is one at most, and no need for memory.
    one: Entry,
    more: Vec<Entry>,
}

impl Departed {
    pub(super) const fn none() -> Self {
        Departed { one: Entry::FREE, more: Vec::new() }
    }

    pub(super) fn push(&mut self, entry: Entry) {
        if self.one.is_free() {
            self.one = entry;
        } else {
            self.more.push(entry);
        }
    }
}

impl Drop for Departed {
    #[inline]
    fn drop(&mut self) {
        release(&self.one);
        self.more.iter().for_each(release);
    }
}

/// Drops what an entry holds, which has left the slab: nobody else drops it.
#[inline]
fn release(entry: &Entry) {
    if entry.is_free() {
        return;
    }
    // SAFETY: the references are those of `Entry::new`, and see the invariant of `rest`. Those who have a `Departed` are
    // attached and hold no table.
    unsafe {
        for at in 0..entry.len() {
            ffi::Py_DECREF(entry.key(at));
        }
        ffi::Py_XDECREF(entry.names);
        ffi::Py_DECREF(entry.value);
        if !entry.rest.is_null() {
            drop(Box::from_raw(ptr::slice_from_raw_parts_mut(entry.rest, entry.shape.len() - 2)));
        }
    }
}

/// As many as an index has room for.
const MOST: u32 = 1 << 30;

/// Entries by number, from 1 on. Number 0 is free for ever, and what a table without entries points to.
pub(super) struct Slab {
    entries: Vec<Entry>,
    /// The first of a chain of free entries; 0 ends it.
    free: u32,
}

impl Slab {
    pub(super) fn new() -> Self {
        Slab { entries: Vec::new(), free: 0 }
    }

    /// One more than the highest number there is.
    pub(super) fn end(&self) -> u32 {
        self.entries.len() as u32
    }

    #[inline(always)]
    pub(super) fn get(&self, id: u32) -> &Entry {
        debug_assert!(id < self.end());
        // SAFETY: numbers come from `insert`, and the slab shrinks only when all of them are forgotten.
        unsafe { self.entries.get_unchecked(id as usize) }
    }

    #[inline(always)]
    pub(super) fn get_mut(&mut self, id: u32) -> &mut Entry {
        debug_assert!(id < self.end());
        // SAFETY: as in `get`.
        unsafe { self.entries.get_unchecked_mut(id as usize) }
    }

    #[inline(always)]
    pub(super) fn prefetch(&self, id: u32) {
        prefetch(self.entries.as_ptr().wrapping_add(id as usize));
    }

    /// The number of a new entry; `None` if there are no more.
    #[inline]
    pub(super) fn insert(&mut self, entry: Entry) -> Option<u32> {
        if self.free != 0 {
            let id = self.free;
            self.free = self.get(id).hash;
            *self.get_mut(id) = entry;
            return Some(id);
        }
        self.push(entry)
    }

    #[inline]
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

    /// Takes an entry out.
    pub(super) fn remove(&mut self, id: u32) -> Entry {
        let next = self.free;
        self.free = id;
        std::mem::replace(self.get_mut(id), Entry { hash: next, ..Entry::FREE })
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| !entry.is_free())
    }

    /// The hashes of all entries, with their numbers.
    pub(super) fn hashes(&self) -> impl Iterator<Item = (u32, u32)> {
        (0..).zip(&self.entries).filter(|(_, entry)| !entry.is_free()).map(|(id, entry)| (entry.hash, id))
    }

    /// Takes all entries out.
    pub(super) fn take(&mut self) -> Departed {
        self.free = 0;
        Departed { one: Entry::FREE, more: std::mem::take(&mut self.entries) }
    }
}
