//! What a mapping asks of the table, and a function does not.

use super::Memory;
use super::departed::Departed;
use super::entry::{Shape, Whole};
use super::hash::{self, Raised};
use super::look::Look;
use super::mode::Order;
use super::table::Table;
use crate::call::Call;
use pyo3::ffi::PyObject;
use pyo3::prelude::*;
use std::ptr;

/// A change of what was seen. Both objects are borrowed.
pub(crate) struct Exchange {
    /// Null if there was nothing.
    pub(crate) seen: *mut PyObject,
    /// Null to remove it.
    pub(crate) new: *mut PyObject,
    /// Nanoseconds to live, if not as the cache says.
    pub(crate) ttl: Option<u64>,
}

impl Memory {
    /// Whether there is a live value for a call. Counts nothing, and is no use for the policy.
    /// None if the table changed under every comparison; `Err` with an exception set if a hash or a comparison raised.
    ///
    /// # Safety
    /// As [`get`](Self::get).
    pub(crate) unsafe fn contains(memory: *mut Self, call: Call<'_>) -> Result<Option<bool>, ()> {
        // SAFETY: as in `get`.
        let memory = unsafe { &*memory };
        let mode = memory.mode();
        // SAFETY: the caller's word.
        let py = unsafe { Python::assume_attached() };
        if mode.order == Order::Off || !memory.limits(py).reads {
            return Ok(Some(false));
        }
        let mut is_there = false;
        let look = |table: &mut Table, id: Option<u32>| is_there = id.is_some_and(|id| !table.is_over(id));
        // SAFETY: no reference into the table is alive; the rest is passed on.
        unsafe {
            let hash = hash::of_call(&call).map_err(|Raised| ())?;
            let is_done = memory.change(&call, hash, mode, look).map_err(|Raised| ())?;
            Ok(is_done.then_some(is_there))
        }
    }

    /// The value of a call, a new reference, counted as a hit; null if there is none, which is not counted.
    /// None and `Err` as in [`contains`](Self::contains).
    ///
    /// # Safety
    /// As [`get`](Self::get).
    pub(crate) unsafe fn find(memory: *mut Self, call: Call<'_>) -> Result<Option<*mut PyObject>, ()> {
        // SAFETY: as in `get`.
        let memory = unsafe { &*memory };
        // SAFETY: passed on.
        let (look, py) = unsafe { (memory.answer(&call), Python::assume_attached()) };
        match look {
            Look::Hit(value) => Ok(Some(value)),
            Look::Miss(Some(_)) => Ok(Some(ptr::null_mut())),
            // Without a ticket nothing was learned, if it was looked for.
            Look::Miss(None) => {
                let is_sought = memory.mode().order != Order::Off && memory.limits(py).reads;
                Ok((!is_sought).then_some(ptr::null_mut()))
            }
            Look::Raised => Err(()),
        }
    }

    /// Changes the value of a call that is the very one that was seen. Whether it is; None and `Err` as in
    /// [`contains`](Self::contains).
    ///
    /// # Safety
    /// As [`get`](Self::get), and the objects of `change` are alive.
    pub(crate) unsafe fn exchange(memory: *mut Self, call: Call<'_>, change: &Exchange) -> Result<Option<bool>, ()> {
        // SAFETY: as in `get`.
        let memory = unsafe { &*memory };
        let mode = memory.lasting(change.ttl);
        let Some(shape) = Shape::of(&call) else { return Ok(Some(false)) };
        // SAFETY: no reference into the table is alive.
        let hash = unsafe { hash::of_call(&call) }.map_err(|Raised| ())?;
        let mut departed = Departed::none();
        let mut is_same = false;
        let exchange = |table: &mut Table, id: Option<u32>| {
            let live = id.filter(|id| !table.is_over(*id));
            is_same = live.map_or(ptr::null_mut(), |id| table.slab.get(id).value) == change.seen;
            if !is_same {
                return;
            }
            if change.new.is_null() {
                id.into_iter().for_each(|id| table.remove(id, mode, &mut departed));
                return;
            }
            // SAFETY: the value is alive and the thread attached, as callers vouch.
            let entry = unsafe { Whole::new(&call, shape, hash, change.new) };
            match id {
                Some(id) => table.renew(id, (entry, change.ttl), mode, &mut departed),
                None => table.add(entry, change.ttl, mode, &mut departed),
            }
        };
        // SAFETY: passed on; what departs is dropped outside.
        let is_done = unsafe { memory.change(&call, hash, mode, exchange) }.map_err(|Raised| ())?;
        Ok(is_done.then_some(is_same))
    }

    /// Changes the bound of a cache that was made with one. What has to leave has left when this returns.
    ///
    /// # Safety
    /// As [`get`](Self::get): what leaves is dropped, which may run Python code.
    pub(crate) unsafe fn set_maxsize(memory: *mut Self, maxsize: usize) {
        // SAFETY: as in `get`.
        let memory = unsafe { &*memory };
        let mode = memory.mode();
        let mut departed = Departed::none();
        let shrink = |table: &mut Table| {
            // Who has no room at all brings nothing: the table counts on room for one.
            table.maxsize = maxsize.max(1);
            let mut left = table.index.len().saturating_sub(maxsize);
            while left > 0 {
                table.evict(0, mode, &mut departed);
                left -= 1;
            }
        };
        // SAFETY: what departs is dropped outside.
        unsafe { memory.table.with(shrink) };
        drop(departed);
    }

    /// Removes what has expired, and returns how many.
    ///
    /// # Safety
    /// As [`set_maxsize`](Self::set_maxsize).
    pub(crate) unsafe fn sweep(memory: *mut Self) -> usize {
        // SAFETY: as in `get`.
        let memory = unsafe { &*memory };
        let mode = memory.mode();
        let mut departed = Departed::none();
        let mut expired = 0;
        let sweep = |table: &mut Table| {
            for id in 1..table.slab.end() {
                if !table.slab.get(id).is_free() && table.is_over(id) {
                    expired += 1;
                    table.counts.expired += 1;
                    table.remove(id, mode, &mut departed);
                }
            }
        };
        // SAFETY: what departs is dropped outside.
        unsafe { memory.table.with(sweep) };
        drop(departed);
        expired
    }
}
