//! A list that only grows: a handler of a signal or of a fork may walk it, for that takes loads alone.
#![expect(unsafe_code, reason = "a list that is walked where no lock may be taken")]

use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicPtr, Ordering};

/// The cells of a list, for the life of the process. Those given back are used again.
pub(super) struct Cells<T: 'static> {
    // Invariant: null, or a cell that was leaked.
    first: AtomicPtr<Cell<T>>,
}

/// A value of the list.
#[derive(Debug)]
pub(super) struct Cell<T: 'static> {
    pub(super) value: T,
    taken: AtomicBool,
    next: Option<&'static Cell<T>>,
}

impl<T: Default + Sync> Cells<T> {
    pub(super) const fn new() -> Self {
        Cells { first: AtomicPtr::new(ptr::null_mut()) }
    }

    /// A cell that is nobody else's until it is given back. Its value is what the last owner left.
    pub(super) fn take(&self) -> &'static Cell<T> {
        // Acquire pairs with `give_back`.
        if let Some(cell) = self.cells().find(|cell| !cell.taken.swap(true, Ordering::Acquire)) {
            return cell;
        }
        let cell = Box::leak(Box::new(Cell { value: T::default(), taken: AtomicBool::new(true), next: None }));
        let mut first = self.first.load(Ordering::Acquire);
        loop {
            cell.next = at(first);
            // Release: whoever finds the cell finds it complete.
            match self.first.compare_exchange(first, cell, Ordering::Release, Ordering::Acquire) {
                Ok(_) => return cell,
                Err(other) => first = other,
            }
        }
    }

    /// Every value, taken or not.
    pub(super) fn values(&self) -> impl Iterator<Item = &'static T> + use<T> {
        self.cells().map(|cell| &cell.value)
    }

    fn cells(&self) -> impl Iterator<Item = &'static Cell<T>> + use<T> {
        std::iter::successors(at(self.first.load(Ordering::Acquire)), |cell| cell.next)
    }
}

impl<T> Cell<T> {
    pub(super) fn give_back(&self) {
        self.taken.store(false, Ordering::Release);
    }
}

fn at<T>(cell: *mut Cell<T>) -> Option<&'static Cell<T>> {
    // SAFETY: by the invariant of `first` it is null or leaked, so it is never freed; it was published with Release
    // after the last change through `&mut`, and loaded with Acquire.
    unsafe { cell.as_ref() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicU32;

    #[test]
    fn a_cell_given_back_is_used_again_and_others_stay_apart() {
        static CELLS: Cells<AtomicU32> = Cells::new();
        let (one, two) = (CELLS.take(), CELLS.take());
        assert!(!ptr::eq(one, two));
        one.value.store(7, Ordering::Relaxed);
        one.give_back();
        assert!(ptr::eq(CELLS.take(), one));
        assert_eq!(CELLS.values().count(), 2);
    }

    #[test]
    fn threads_take_cells_of_their_own() {
        static CELLS: Cells<AtomicU32> = Cells::new();
        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..100 {
                        CELLS.take().value.fetch_add(1, Ordering::Relaxed);
                    }
                });
            }
        });
        assert_eq!(CELLS.values().count(), 400);
        assert!(CELLS.values().all(|value| value.load(Ordering::Relaxed) == 1));
    }
}
