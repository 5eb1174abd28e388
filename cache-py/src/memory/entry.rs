//! One entry.

use super::clock::NEVER;
use crate::call::Call;
use pyo3::ffi::{self, PyObject};
use std::ptr;

/// How many arguments a call has: positional ones in the upper bits, keywords in the lower twelve.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Shape(u32);

impl Shape {
    pub(super) const FREE: Shape = Shape(u32::MAX);
    /// One positional argument.
    pub(super) const ONE: Shape = Shape(1 << 12);
    /// Two.
    pub(super) const TWO: Shape = Shape(2 << 12);

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
    pub(super) fn len(self) -> usize {
        self.nargs() + self.nkw()
    }
}

/// What every entry has: two of them are one cache line. References are its own.
#[repr(C, align(32))]
#[derive(Clone, Copy)]
pub(super) struct Entry {
    /// The first two arguments; null where there are fewer.
    first: [*mut PyObject; 2],
    pub(super) value: *mut PyObject,
    /// Of a free entry: the number of the next free one.
    pub(super) hash: u32,
    pub(super) shape: Shape,
}

const _: () = assert!(size_of::<Entry>() == 32 || size_of::<usize>() < 8);

impl Entry {
    pub(super) const FREE: Entry =
        Entry { first: [ptr::null_mut(); 2], value: ptr::null_mut(), hash: 0, shape: Shape::FREE };

    #[inline(always)]
    pub(super) fn is_free(&self) -> bool {
        self.shape == Shape::FREE
    }

    /// The first argument, null if there is none.
    #[inline(always)]
    pub(super) fn only(&self) -> *mut PyObject {
        self.first[0]
    }
}

/// What few entries have. References are its own.
#[derive(Clone, Copy)]
pub(super) struct Rare {
    /// The tuple of names; null without keyword arguments.
    pub(super) names: *mut PyObject,
    /// The third argument and those after it. Invariant: from `Box<[_]>` of as many as the shape has beyond two; null
    /// if there are none.
    pub(super) rest: *mut *mut PyObject,
    /// When it is over, in nanoseconds of the clock.
    pub(super) deadline: u64,
    /// When it is over however much it is used.
    pub(super) limit: u64,
}

impl Rare {
    pub(super) const NONE: Rare = Rare { names: ptr::null_mut(), rest: ptr::null_mut(), deadline: NEVER, limit: NEVER };

    /// Whether there is anything in it.
    #[inline(always)]
    pub(super) fn is_none(&self) -> bool {
        self.names.is_null() && self.rest.is_null() && self.deadline == NEVER
    }
}

/// Both parts of an entry that is not in a slab.
#[derive(Clone, Copy)]
pub(super) struct Whole {
    pub(super) entry: Entry,
    pub(super) rare: Rare,
}

impl Whole {
    pub(super) const FREE: Whole = Whole { entry: Entry::FREE, rare: Rare::NONE };

    /// New references to the arguments of `call` and to `value`.
    ///
    /// # Safety
    /// `value` is alive, the thread attached, and `shape` is that of `call`.
    #[inline(always)]
    pub(super) unsafe fn new(call: &Call<'_>, shape: Shape, hash: u32, value: *mut PyObject) -> Whole {
        let own = |at| {
            if at >= call.len() {
                return ptr::null_mut();
            }
            // SAFETY: arguments are alive.
            unsafe { ffi::Py_INCREF(call.arg(at)) };
            call.arg(at)
        };
        let first = [own(0), own(1)];
        let rest = if call.len() > 2 { rest(call) } else { ptr::null_mut() };
        // SAFETY: names are alive, and so is the value.
        unsafe {
            ffi::Py_XINCREF(call.kwnames());
            ffi::Py_INCREF(value);
        }
        Whole { entry: Entry { first, value, hash, shape }, rare: Rare { names: call.kwnames(), rest, ..Rare::NONE } }
    }

    #[inline(always)]
    pub(super) fn view(&self) -> View<'_> {
        View { entry: &self.entry, rare: &self.rare }
    }
}

/// New references to the third argument and those after it.
#[inline(never)]
fn rest(call: &Call<'_>) -> *mut *mut PyObject {
    let rest: Box<[_]> = (2..call.len()).map(|at| call.arg(at)).collect();
    for &object in &rest {
        // SAFETY: arguments are alive, and the thread is attached.
        unsafe { ffi::Py_INCREF(object) };
    }
    Box::into_raw(rest).cast()
}

/// Both parts of an entry, wherever it is.
#[derive(Clone, Copy)]
pub(super) struct View<'a> {
    pub(super) entry: &'a Entry,
    pub(super) rare: &'a Rare,
}

impl<'a> View<'a> {
    /// Arguments.
    #[inline(always)]
    pub(super) fn len(self) -> usize {
        if self.entry.is_free() { 0 } else { self.entry.shape.len() }
    }

    /// Argument `at`, borrowed.
    #[inline(always)]
    pub(super) fn key(self, at: usize) -> *mut PyObject {
        debug_assert!(at < self.entry.shape.len());
        if at < 2 {
            return self.entry.first[at];
        }
        // SAFETY: see the invariant of `rest`.
        unsafe { *self.rare.rest.add(at - 2) }
    }

    /// Everything it holds, borrowed.
    pub(super) fn objects(self) -> impl Iterator<Item = *mut PyObject> + use<'a> {
        let others = [self.rare.names, self.entry.value].into_iter().filter(|object| !object.is_null());
        (0..self.len()).map(move |at| self.key(at)).chain(others)
    }

    /// Drops the references, which may run Python code.
    ///
    /// # Safety
    /// The thread is attached and in no table, and nobody uses this entry or a copy of it again.
    #[inline]
    pub(super) unsafe fn release(self) {
        // SAFETY: the references are those of `Whole::new`, and see the invariant of `rest`.
        unsafe {
            for at in 0..self.len() {
                ffi::Py_DECREF(self.key(at));
            }
            ffi::Py_XDECREF(self.rare.names);
            ffi::Py_XDECREF(self.entry.value);
            if !self.rare.rest.is_null() {
                drop(Box::from_raw(ptr::slice_from_raw_parts_mut(self.rare.rest, self.len() - 2)));
            }
        }
    }
}
