//! From a call and its value to an entry, and out again.

use super::Memory;
use super::ask::{Answer, TRIES, ask};
use super::departed::Departed;
use super::entry::{Shape, Whole};
use super::hash::{self, Raised};
use super::look::Ticket;
use super::mode::{Mode, Order};
use super::table::{Sought, Table};
use crate::call::Call;
use pyo3::ffi::PyObject;

/// What becomes of an entry that is there already.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Present {
    Stays,
    IsRenewed,
}

impl Memory {
    /// Keeps what a call computed after a look that missed. An entry that was made meanwhile stays in a bounded cache
    /// and is renewed in an unbounded one, as in functools.
    ///
    /// # Safety
    /// The cache is alive until this returns, the thread is attached, and `value` is alive.
    // Not inlined: its entries would lie on the stack while the function runs, which may be deep in its own recursion.
    #[inline(never)]
    pub(crate) unsafe fn keep(
        &self,
        call: &Call<'_>,
        ticket: Ticket,
        value: *mut PyObject,
        mode: Mode,
    ) -> Result<(), Raised> {
        let Some(shape) = Shape::of(call) else { return Ok(()) };
        let mut departed = Departed::none();
        // SAFETY: what departs is dropped outside.
        let is_kept = unsafe {
            self.table.with(|table| {
                let is_still_absent = table.version == ticket.version;
                if is_still_absent {
                    let entry = Whole::new(call, shape, ticket.hash, value);
                    table.add(entry, None, mode, &mut departed);
                }
                is_still_absent
            })
        };
        drop(departed);
        if is_kept {
            return Ok(());
        }
        let present = if mode.order == Order::Unbounded { Present::IsRenewed } else { Present::Stays };
        let adding = Adding { hash: ticket.hash, value, ttl: None, present };
        // SAFETY: passed on.
        unsafe { self.add(call, &adding, mode) }.map(drop)
    }

    /// Keeps a value for a call, in place of any other. Whether it does: not in a table that changed under every
    /// search.
    ///
    /// # Safety
    /// As [`keep`](Self::keep).
    pub(super) unsafe fn set(
        &self,
        call: &Call<'_>,
        (value, ttl): (*mut PyObject, Option<u64>),
        mode: Mode,
    ) -> Result<bool, Raised> {
        if mode.order == Order::Off {
            return Ok(true);
        }
        // SAFETY: no reference into the table is alive.
        let hash = unsafe { hash::of_call(call) }?;
        // SAFETY: passed on.
        unsafe { self.add(call, &Adding { hash, value, ttl, present: Present::IsRenewed }, mode) }
    }

    /// Removes the entry of a call. Whether there was one whose time is not over; None if the table changed under every
    /// search.
    ///
    /// # Safety
    /// As [`keep`](Self::keep).
    pub(super) unsafe fn take(&self, call: &Call<'_>) -> Result<Option<bool>, Raised> {
        let mode = self.mode();
        if mode.order == Order::Off {
            return Ok(Some(false));
        }
        // SAFETY: no reference into the table is alive.
        let hash = unsafe { hash::of_call(call) }?;
        let mut departed = Departed::none();
        let mut was_there = false;
        let remove = |table: &mut Table, id: Option<u32>| {
            let Some(id) = id else { return };
            was_there = !table.is_over(id);
            table.counts.expired += u64::from(!was_there);
            table.remove(id, mode, &mut departed);
        };
        // SAFETY: passed on; what departs is dropped outside.
        let is_done = unsafe { self.change(call, hash, mode, remove) }?;
        Ok(is_done.then_some(was_there))
    }

    /// # Safety
    /// As [`keep`](Self::keep).
    unsafe fn add(&self, call: &Call<'_>, adding: &Adding, mode: Mode) -> Result<bool, Raised> {
        let Some(shape) = Shape::of(call) else { return Ok(true) };
        let mut departed = Departed::none();
        let add = |table: &mut Table, id: Option<u32>| {
            if id.is_some() && adding.present == Present::Stays {
                return;
            }
            // SAFETY: the value is alive and the thread attached, as callers vouch.
            let entry = unsafe { Whole::new(call, shape, adding.hash, adding.value) };
            match id {
                Some(id) => table.renew(id, (entry, adding.ttl), mode, &mut departed),
                None => table.add(entry, adding.ttl, mode, &mut departed),
            }
        };
        // SAFETY: passed on; what departs is dropped outside.
        unsafe { self.change(call, adding.hash, mode, add) }
    }

    /// Does something with the entry of a call or, if there is none, the place where it would be. Whether it is done:
    /// not to a table that changes under every search.
    ///
    /// # Safety
    /// As [`keep`](Self::keep); `act` runs no Python code, and drops no reference.
    pub(super) unsafe fn change(
        &self,
        call: &Call<'_>,
        hash: u32,
        mode: Mode,
        mut act: impl FnMut(&mut Table, Option<u32>),
    ) -> Result<bool, Raised> {
        for _ in 0..TRIES {
            // SAFETY: the table runs no Python code.
            let is_done = unsafe {
                self.table.with(|table| {
                    match table.seek(call, hash, mode) {
                        Sought::At(id) => act(table, Some(id)),
                        Sought::Absent => act(table, None),
                        Sought::Ask => return false,
                    }
                    true
                })
            };
            if is_done {
                return Ok(true);
            }
            // SAFETY: passed on.
            let (id, version) = match unsafe { ask(&self.table, call, hash, mode) }? {
                Answer::Entry(place) => (Some(place.id), place.version),
                Answer::Nobody(version) => (None, version),
                Answer::Restless => return Ok(false),
            };
            // SAFETY: the table runs no Python code.
            let is_done = unsafe {
                self.table.with(|table| {
                    let is_current = table.version == version;
                    if is_current {
                        act(table, id);
                    }
                    is_current
                })
            };
            if is_done {
                return Ok(true);
            }
        }
        Ok(false)
    }
}

/// A value on its way into a table.
struct Adding {
    hash: u32,
    value: *mut PyObject,
    /// Nanoseconds to live, if not as the cache says.
    ttl: Option<u64>,
    present: Present,
}
