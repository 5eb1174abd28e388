//! From a call to its value.

use super::Memory;
use super::ask::{Answer, ask};
use super::departed::Departed;
use super::hash::{self, Raised};
use super::mode::{Mode, Order};
use super::table::{Found, Place};
use crate::call::Call;
use pyo3::ffi::PyObject;

/// What a look found.
pub(crate) enum Look {
    /// The value, a new reference; counted.
    Hit(*mut PyObject),
    /// Nothing; not counted. Without a ticket the value is not kept.
    Miss(Option<Ticket>),
    /// An exception is set.
    Raised,
}

/// What a look learned that keeping the value need not learn again.
#[derive(Clone, Copy)]
pub(crate) struct Ticket {
    pub(super) hash: u32,
    /// The version of the table at which the call had no entry.
    pub(super) version: u64,
}

impl Memory {
    /// The value, a new reference and counted, if the arguments are the very objects that came last time: most hits of
    /// a small cache end here.
    ///
    /// # Safety
    /// As [`look`](Self::look).
    #[inline(always)]
    pub(crate) unsafe fn glance(&self, call: &Call<'_>, mode: Mode) -> Option<*mut PyObject> {
        // Where there is a lock it is not worth taking it twice.
        if cfg!(Py_GIL_DISABLED) || mode.order == Order::Off || call.len() == 0 {
            return None;
        }
        // SAFETY: a glance compares addresses.
        unsafe { self.table.with(|table| table.glance(call, mode)) }
    }

    /// Looks a call up that a [`glance`](Self::glance) did not find. `mode` is that of the cache, a constant where the
    /// code is that of one kind.
    ///
    /// # Safety
    /// The cache is alive until this returns, and the thread is attached.
    #[inline(always)]
    pub(crate) unsafe fn look(&self, call: &Call<'_>, mode: Mode) -> Look {
        if mode.order == Order::Off {
            return Look::Miss(None);
        }
        // SAFETY: no reference into the table is alive.
        let Ok(hash) = (unsafe { hash::of_call(call) }) else { return Look::Raised };
        // SAFETY: the table runs no Python code.
        let (found, version) = unsafe {
            self.table.with(|table| {
                let found = table.find(call, hash, mode);
                if matches!(found, Found::Absent) {
                    table.expect_miss(mode);
                }
                (found, table.version)
            })
        };
        match found {
            Found::Hit(value) => Look::Hit(value),
            Found::Absent => Look::Miss(Some(Ticket { hash, version })),
            // SAFETY: passed on.
            Found::Over(place) => unsafe { self.expire(place, hash, mode) },
            // SAFETY: passed on.
            Found::Ask => unsafe { self.look_on(call, hash, mode) },
        }
    }

    /// The rest of a look that needs Python's comparisons.
    ///
    /// # Safety
    /// As [`look`](Self::look).
    #[cold]
    unsafe fn look_on(&self, call: &Call<'_>, hash: u32, mode: Mode) -> Look {
        // SAFETY: passed on.
        let place = match unsafe { ask(&self.table, call, hash, mode) } {
            Ok(Answer::Entry(place)) => place,
            Ok(Answer::Nobody(version)) => return Look::Miss(Some(Ticket { hash, version })),
            Ok(Answer::Restless) => return Look::Miss(None),
            Err(Raised) => return Look::Raised,
        };
        // SAFETY: the table runs no Python code.
        let found = unsafe {
            self.table.with(
                |table| {
                    if table.version == place.version { table.hit(place.id, mode) } else { Found::Absent }
                },
            )
        };
        match found {
            Found::Hit(value) => Look::Hit(value),
            // SAFETY: passed on.
            Found::Over(place) => unsafe { self.expire(place, hash, mode) },
            Found::Absent | Found::Ask => Look::Miss(None),
        }
    }

    /// Removes an entry whose time is over.
    ///
    /// # Safety
    /// As [`look`](Self::look).
    #[cold]
    unsafe fn expire(&self, place: Place, hash: u32, mode: Mode) -> Look {
        let mut departed = Departed::none();
        // SAFETY: what departs is dropped outside.
        let version = unsafe {
            self.table.with(|table| {
                if table.version == place.version {
                    table.counts.expired += 1;
                    table.remove(place.id, mode, &mut departed);
                }
                table.version
            })
        };
        drop(departed);
        Look::Miss(Some(Ticket { hash, version }))
    }
}
