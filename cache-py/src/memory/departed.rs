//! Entries that have left a table.

use super::entry::Whole;

/// Entries that have left a table. Their references are dropped with it, which may run Python code: those who have one
/// are attached and in no table by then.
pub(super) struct Departed {
    /// Mostly there is one at most, and no need for memory.
    one: Whole,
    more: Vec<Whole>,
}

impl Departed {
    pub(super) const fn none() -> Self {
        Departed { one: Whole::FREE, more: Vec::new() }
    }

    #[inline]
    pub(super) fn push(&mut self, entry: Whole) {
        if self.one.entry.is_free() {
            self.one = entry;
        } else {
            self.more.push(entry);
        }
    }
}

impl Drop for Departed {
    #[inline]
    fn drop(&mut self) {
        // SAFETY: they have left the slab, so nobody else drops them; see above for the rest.
        unsafe {
            self.one.view().release();
            self.more.iter().for_each(|entry| entry.view().release());
        }
    }
}
