//! The lock of the memory tier: a reader-writer lock whose exclusive release is a plain store.
//!
//! A hit under exact LRU needs the exclusive lock for some ten nanoseconds, and an atomic read-modify-write costs six.
//! `parking_lot` needs two of them for each lock, because its release looks for parked threads; here nobody parks, so one
//! is enough (`cargo xtask bench hits`: it took a hit from 25 to 17 ns). Waiters spin, then yield, then sleep for a moment.

#![expect(unsafe_code, reason = "a lock: the one file of the memory tier that needs it, shown by the benchmark above")]

use crate::sync::{AtomicU32, pause};
use std::cell::UnsafeCell;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// Set while a writer is inside; then all other bits but `WAITING` are clear.
const WRITER: u32 = 1 << 31;
/// A hint: a writer waits, so that new readers let it pass. Lost at each release, set again by who still waits.
const WAITING: u32 = 1 << 30;
/// The readers inside are the rest of the bits.
const READERS: u32 = WAITING - 1;

pub(crate) struct Lock<T> {
    state: AtomicU32,
    /// Invariant: `&mut T` is made only while `WRITER` is set by the maker, `&T` only while the maker is counted in
    /// `READERS` or has set `WRITER`.
    value: UnsafeCell<T>,
}

// SAFETY: the lock moves `T` between threads and lends `&mut T` to one of them at a time (`T: Send`), and lends `&T` to
// several at once (`T: Sync`), as `std::sync::RwLock` does under the same bounds.
unsafe impl<T: Send + Sync> Sync for Lock<T> {}

/// The exclusive lock, until it is dropped.
#[must_use]
pub(crate) struct Write<'a, T>(&'a Lock<T>);

/// The shared lock, until it is dropped.
#[must_use]
pub(crate) struct Read<'a, T>(&'a Lock<T>);

impl<T> Lock<T> {
    pub(crate) fn new(value: T) -> Self {
        Lock { state: AtomicU32::new(0), value: UnsafeCell::new(value) }
    }

    #[inline]
    pub(crate) fn write(&self) -> Write<'_, T> {
        // Acquire pairs with the Release of whoever left last: what was written inside is seen.
        if self.state.compare_exchange_weak(0, WRITER, Acquire, Relaxed).is_err() {
            self.wait_to_write();
        }
        Write(self)
    }

    #[inline]
    pub(crate) fn read(&self) -> Read<'_, T> {
        if !self.try_read() {
            self.wait_to_read();
        }
        Read(self)
    }

    #[inline]
    fn try_read(&self) -> bool {
        let state = self.state.load(Relaxed);
        // A failed exchange leaves the word as it is: a writer inside may rely on nobody else changing its count.
        state < READERS && self.state.compare_exchange_weak(state, state + 1, Acquire, Relaxed).is_ok()
    }

    #[cold]
    fn wait_to_write(&self) {
        let mut round = 0u32;
        loop {
            let state = self.state.load(Relaxed);
            if state & !WAITING == 0 {
                if self.state.compare_exchange_weak(state, WRITER, Acquire, Relaxed).is_ok() {
                    return;
                }
            } else if state & (WRITER | WAITING) == 0 {
                // Only beside readers: they would go on for ever. A writer inside releases soon, and by a plain store.
                let _ = self.state.compare_exchange_weak(state, state | WAITING, Relaxed, Relaxed);
            }
            pause(round);
            round = round.saturating_add(1);
        }
    }

    #[cold]
    fn wait_to_read(&self) {
        let mut round = 0u32;
        while !self.try_read() {
            pause(round);
            round = round.saturating_add(1);
        }
    }
}

impl<T> Deref for Write<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: `WRITER` was set by `write`, which made `self`, and is cleared by its drop: nobody else has a reference.
        unsafe { &*self.0.value.get() }
    }
}

impl<T> DerefMut for Write<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`; `&mut self` makes this the only reference that comes from the guard.
        unsafe { &mut *self.0.value.get() }
    }
}

impl<T> Drop for Write<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // While `WRITER` is set nobody else changes the word: readers and writers exchange only words without it, and
        // `WAITING` is set only beside readers. So a plain store loses nothing. Release: see `write` and `try_read`.
        self.0.state.store(0, Release);
    }
}

impl<T> Deref for Read<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: `try_read` has counted us into `READERS`, and our drop counts us out: no writer gets in before that.
        unsafe { &*self.0.value.get() }
    }
}

impl<T> Drop for Read<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // Release: a writer that enters after us must not see its writes moved before our reads.
        self.0.state.fetch_sub(1, Release);
    }
}

impl<T: fmt::Debug> fmt::Debug for Lock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Lock").field(&*self.read()).finish()
    }
}

#[cfg(all(test, not(shuttle)))]
mod tests {
    use super::Lock;
    use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

    /// For the thread sanitizer: plain words under the lock, from more threads than there are processors.
    /// Nothing here is freed and nothing is joined, because the standard library is not instrumented.
    #[test]
    fn writers_are_alone_and_readers_see_whole_values() {
        const ROUNDS: u64 = 2_000;
        let lock: &'static Lock<[u64; 4]> = Box::leak(Box::new(Lock::new([0; 4])));
        let torn: &'static AtomicUsize = Box::leak(Box::new(AtomicUsize::new(0)));
        let done: &'static AtomicUsize = Box::leak(Box::new(AtomicUsize::new(0)));
        for writer in [true, true, true, false, false, false] {
            std::thread::spawn(move || {
                for _ in 0..ROUNDS {
                    if writer {
                        lock.write().iter_mut().for_each(|word| *word += 1);
                    } else {
                        let seen = *lock.read();
                        torn.fetch_add(usize::from(seen.iter().any(|word| *word != seen[0])), Relaxed);
                    }
                }
                done.fetch_add(1, Relaxed);
            });
        }
        while done.load(Relaxed) < 6 {
            std::thread::yield_now();
        }
        assert_eq!(torn.load(Relaxed), 0);
        assert_eq!(*lock.read(), [3 * ROUNDS; 4]);
    }

    #[test]
    fn a_panic_inside_lets_go() {
        let lock = Lock::new(1);
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _inside = lock.write();
            panic!("inside");
        }));
        assert!(caught.is_err());
        *lock.write() += 1;
        assert_eq!((*lock.read(), *lock.read()), (2, 2));
    }
}
