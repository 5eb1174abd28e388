//! What a mapping asks of the table, and a function does not.

use super::Memory;
use super::departed::Departed;
use super::hash::{self, Raised};
use super::mode::Order;
use super::table::Table;
use crate::call::Call;

impl Memory {
    /// Whether there is a live value for a call. Counts nothing, and is no use for the policy.
    /// `Err` with an exception set if a hash or a comparison raised.
    ///
    /// # Safety
    /// As [`get`](Self::get).
    pub(crate) unsafe fn contains(memory: *mut Self, call: Call<'_>) -> Result<bool, ()> {
        // SAFETY: as in `get`.
        let memory = unsafe { &*memory };
        let mode = memory.mode();
        if mode.order == Order::Off {
            return Ok(false);
        }
        let mut is_there = false;
        let look = |table: &mut Table, id: Option<u32>| is_there = id.is_some_and(|id| !table.is_over(id));
        // SAFETY: no reference into the table is alive; the rest is passed on.
        unsafe {
            let hash = hash::of_call(&call).map_err(|Raised| ())?;
            memory.change(&call, hash, mode, look).map_err(|Raised| ())?;
        }
        Ok(is_there)
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
