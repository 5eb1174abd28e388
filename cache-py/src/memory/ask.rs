//! Comparisons that may run Python code, outside of the table.

use super::entry::Shape;
use super::hash::Raised;
use super::lock::Locked;
use super::mode::Mode;
use super::raw::{class, is_plain};
use super::table::{Place, Table};
use crate::call::Call;
use crate::standing;
use pyo3::ffi::{self, PyObject};

/// What Python says.
pub(super) enum Answer {
    /// It is this one.
    Entry(Place),
    /// None of those at this version.
    Nobody(u64),
    /// The table changed under every comparison.
    Restless,
}

/// A table that changes under this many searches is left alone.
pub(super) const TRIES: usize = 8;

/// Compares `call` with all entries that have its hash, as a dict would: in their order, each pair of arguments in its
/// order, the kept one on the left. Begins anew when the table has changed under a comparison.
///
/// # Safety
/// The thread is attached, and the owner of `table` is alive until this returns.
#[cold]
pub(super) unsafe fn ask(table: &Locked<Table>, call: &Call<'_>, hash: u32, mode: Mode) -> Result<Answer, Raised> {
    for _ in 0..TRIES {
        // SAFETY: references are taken in there, none dropped.
        let (candidates, version) = unsafe { table.with(|table| (candidates(table, call, hash), table.version)) };
        let mut is_stale = false;
        for candidate in &candidates {
            // SAFETY: passed on.
            let is_same = unsafe { candidate.is_same(call, mode) }?;
            // SAFETY: a number is read.
            is_stale = unsafe { table.with(|table| table.version) } != version;
            if is_stale {
                break;
            }
            if is_same {
                return Ok(Answer::Entry(Place { id: candidate.id, version }));
            }
        }
        if !is_stale {
            return Ok(Answer::Nobody(version));
        }
    }
    Ok(Answer::Restless)
}

/// References to what an entry is compared by.
struct Candidate {
    id: u32,
    /// Null without keyword arguments.
    names: *mut PyObject,
    keys: Vec<*mut PyObject>,
}

fn candidates(table: &mut Table, call: &Call<'_>, hash: u32) -> Vec<Candidate> {
    let mut found = Vec::new();
    table.index.find(hash, |id| {
        let view = table.slab.view(id);
        let (entry, names) = (view.entry, view.rare.names);
        if entry.hash == hash && Shape::of(call) == Some(entry.shape) {
            let keys: Vec<_> = (0..call.len()).map(|at| view.key(at)).collect();
            for &object in keys.iter().chain(&[names]) {
                // SAFETY: the entry keeps them alive, and the thread is attached.
                unsafe { ffi::Py_XINCREF(object) };
            }
            found.push(Candidate { id, names, keys });
        }
        false
    });
    // Mostly, who came earlier has the lower number.
    found.sort_by_key(|candidate| candidate.id);
    found
}

impl Candidate {
    /// # Safety
    /// The thread is attached.
    unsafe fn is_same(&self, call: &Call<'_>, mode: Mode) -> Result<bool, Raised> {
        let only = call.len() == 1 && call.nkw() == 0 && !mode.typed;
        // SAFETY: arguments are alive, and so is what the candidate has references to.
        unsafe {
            if only && is_plain(self.keys[0]) != is_plain(call.arg(0)) {
                return Ok(false);
            }
            if mode.typed && (0..call.len()).any(|at| class(self.keys[at]) != class(call.arg(at))) {
                return Ok(false);
            }
            for at in 0..call.nargs() {
                if !equal(self.keys[at], call.arg(at))? {
                    return Ok(false);
                }
            }
            for at in 0..call.nkw() {
                let name = ffi::PyTuple_GET_ITEM(self.names, at as ffi::Py_ssize_t);
                let value = call.nargs() + at;
                if !equal(name, call.name(at))? || !equal(self.keys[value], call.arg(value))? {
                    return Ok(false);
                }
            }
            Ok(true)
        }
    }
}

impl Drop for Candidate {
    fn drop(&mut self) {
        for &object in self.keys.iter().chain(&[self.names]) {
            // SAFETY: taken by `candidates`; who has a candidate is attached and outside of the table.
            unsafe { ffi::Py_XDECREF(object) };
        }
    }
}

/// # Safety
/// Both are alive, and the thread is attached.
unsafe fn equal(kept: *mut PyObject, given: *mut PyObject) -> Result<bool, Raised> {
    // SAFETY: passed on.
    match unsafe { standing::is_equal(kept, given) } {
        -1 => Err(Raised),
        truth => Ok(truth != 0),
    }
}
