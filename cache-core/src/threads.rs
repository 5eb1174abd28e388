//! Small numbers for the threads of the process, so that each can have memory of its own in every cache.

use crate::sync::global;
use std::cell::Cell;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// This thread has not asked yet.
const UNKNOWN: usize = usize::MAX;
/// This thread is being torn down, and has given its number back.
const GONE: usize = usize::MAX - 1;

global!(FREE: Numbers);

/// The numbers below `next` that no living thread has: the smallest goes first, so that they stay dense.
struct Numbers {
    returned: BinaryHeap<Reverse<usize>>,
    next: usize,
}

impl Numbers {
    const fn new() -> Self {
        Numbers { returned: BinaryHeap::new(), next: 0 }
    }

    fn take(&mut self) -> usize {
        match self.returned.pop() {
            Some(Reverse(number)) => number,
            None => {
                self.next += 1;
                self.next - 1
            }
        }
    }
}

/// Returns the number when the thread ends. The lock orders its last store before the next owner's first load.
struct Returned(usize);

impl Drop for Returned {
    fn drop(&mut self) {
        set(GONE);
        // Loom takes its globals down before what belongs to threads.
        if !cfg!(loom) {
            FREE.lock().returned.push(Reverse(self.0));
        }
    }
}

crate::sync::thread_local! {
    // Without a destructor: one load from the thread's own segment.
    static NUMBER: Cell<usize> = const { Cell::new(UNKNOWN) };
    // The same for the common case alone: so nothing need be asked there that decides whether it is one.
    static USUAL: Cell<usize> = const { Cell::new(UNKNOWN) };
    static DETOURS: Cell<u64> = const { Cell::new(0) };
    static OWNED: Cell<Option<Returned>> = const { Cell::new(None) };
}

/// This thread's number: small, and its own for as long as it lives. A huge one that stands for none, until
/// [`with_number`] has run once.
#[inline(always)]
pub(crate) fn number() -> usize {
    NUMBER.try_with(Cell::get).unwrap_or(GONE)
}

/// As [`number`], and none on a thread that is on a detour.
#[inline(always)]
pub(crate) fn usual_number() -> usize {
    USUAL.try_with(Cell::get).unwrap_or(GONE)
}

/// This thread is on a detour from the common case of a hit until as many have ended as have begun.
pub(crate) fn begin_detour() {
    let _ = DETOURS.try_with(|detours| detours.set(detours.get() + 1));
    let _ = USUAL.try_with(|usual| usual.set(GONE));
}

/// One that this thread has begun is over.
pub(crate) fn end_detour() {
    let _ = DETOURS.try_with(|detours| detours.set(detours.get() - 1));
    set(number());
}

/// Whether this thread is on one.
#[inline]
pub(crate) fn is_on_detour() -> bool {
    DETOURS.try_with(Cell::get).unwrap_or(0) > 0
}

fn set(mine: usize) {
    let _ = NUMBER.try_with(|number| number.set(mine));
    let _ = USUAL.try_with(|usual| usual.set(if is_on_detour() { GONE } else { mine }));
}

/// Runs `work` with a number that is this thread's alone meanwhile: its own, or one that is lent if it is being torn down.
pub(crate) fn with_number<R>(work: impl FnOnce(usize) -> R) -> R {
    match number() {
        UNKNOWN => {
            let mine = FREE.lock().take();
            let lent = Returned(mine);
            if let Ok(()) = OWNED.try_with(|owned| owned.set(Some(Returned(mine)))) {
                std::mem::forget(lent);
                set(mine);
            }
            work(mine)
        }
        GONE => {
            let mine = FREE.lock().take();
            let _lent = Returned(mine);
            work(mine)
        }
        mine => work(mine),
    }
}

#[cfg(all(test, not(any(shuttle, loom))))]
mod tests {
    use super::{begin_detour, end_detour, number, usual_number, with_number};
    use std::collections::HashSet;
    use std::sync::{Barrier, Mutex};

    #[test]
    fn living_threads_have_different_numbers_and_the_dead_return_theirs() {
        const ROUNDS: usize = if cfg!(miri) { 20 } else { 250 };
        let mut highest = 0;
        for _ in 0..ROUNDS {
            let (seen, together) = (Mutex::new(HashSet::new()), Barrier::new(8));
            std::thread::scope(|scope| {
                for _ in 0..8 {
                    scope.spawn(|| {
                        let mine = with_number(|mine| mine);
                        assert_eq!(number(), mine);
                        together.wait();
                        assert!(seen.lock().is_ok_and(|mut seen| seen.insert(mine)), "{mine} twice");
                    });
                }
            });
            highest = seen.into_inner().map_or(highest, |seen| seen.into_iter().fold(highest, usize::max));
        }
        // Other tests run beside this one, on some threads.
        assert!(highest < 8 * ROUNDS / 2, "numbers are not used again: {highest}");
    }

    #[test]
    fn on_a_detour_a_thread_keeps_its_number_to_itself() {
        let thread = std::thread::spawn(|| {
            begin_detour();
            begin_detour();
            let mine = with_number(|mine| mine);
            assert!(number() == mine && usual_number() != mine);
            end_detour();
            assert_ne!(usual_number(), mine, "one of two is over");
            end_detour();
            assert_eq!((number(), usual_number()), (mine, mine));
        });
        assert!(thread.join().is_ok());
    }

    #[test]
    fn a_thread_that_is_torn_down_is_lent_a_number() {
        struct Late;
        impl Drop for Late {
            fn drop(&mut self) {
                let mine = with_number(|mine| mine);
                assert!(mine < usize::MAX / 2);
            }
        }
        thread_local! {
            static LATE: Late = const { Late };
        }
        let thread = std::thread::spawn(|| {
            LATE.with(|_| ());
            with_number(|mine| mine)
        });
        assert!(thread.join().is_ok());
    }
}
