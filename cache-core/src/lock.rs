//! A lock for what is held for nanoseconds: it is released by a plain store.
//!
//! A locked instruction costs more than what a miss does between two of them. A lock that lets its waiters sleep until they
//! are woken needs one to take it and one to release it, to see whether anybody sleeps. Here nobody is woken: who waits
//! spins, then lets others run, then sleeps for a moment.

#![expect(unsafe_code, reason = "a lock; a miss takes two, and those of the library cost it 14 ns more")]

use crate::sync::{AtomicBool, pause};
use std::cell::UnsafeCell;
use std::fmt;
use std::ops::{Deref, DerefMut};
use std::sync::atomic::Ordering::{Acquire, Relaxed, Release};

/// A value that one thread at a time may use.
#[derive(Default)]
pub(crate) struct Lock<T> {
    held: AtomicBool,
    value: UnsafeCell<T>,
}

// SAFETY: the lock gives `&mut T` to whichever thread holds it, one at a time: that is to send `T`, and never to share it.
unsafe impl<T: Send> Sync for Lock<T> {}

/// The right to use the value, until it is dropped.
#[must_use]
pub(crate) struct Held<'a, T>(&'a Lock<T>);

// SAFETY: what it gives to several threads at once is `&T`.
unsafe impl<T: Sync> Sync for Held<'_, T> {}

impl<T> Lock<T> {
    pub(crate) fn new(value: T) -> Self {
        Lock { held: AtomicBool::new(false), value: UnsafeCell::new(value) }
    }

    /// Waits until nobody else holds the lock. A thread that holds it already waits for ever.
    #[inline]
    pub(crate) fn lock(&self) -> Held<'_, T> {
        if !self.try_hold() {
            self.wait();
        }
        Held(self)
    }

    /// The value, without a lock, for who has it alone.
    pub(crate) fn get_mut(&mut self) -> &mut T {
        self.value.get_mut()
    }

    #[inline]
    fn try_hold(&self) -> bool {
        // Acquire pairs with the Release of who held it last.
        self.held.compare_exchange_weak(false, true, Acquire, Relaxed).is_ok()
    }

    #[cold]
    fn wait(&self) {
        let mut round = 0u32;
        // Those who wait read only, so that the holder keeps the line to write it.
        while self.held.load(Relaxed) || !self.try_hold() {
            pause(round);
            round = round.saturating_add(1);
        }
    }
}

impl<T> Deref for Held<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        // SAFETY: made by `lock`, which has set `held` when it was not, and no other clears it: nobody else has a reference.
        unsafe { &*self.0.value.get() }
    }
}

impl<T> DerefMut for Held<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        // SAFETY: as in `deref`; `&mut self` means that there is no other reference from here either.
        unsafe { &mut *self.0.value.get() }
    }
}

impl<T> Drop for Held<'_, T> {
    #[inline]
    fn drop(&mut self) {
        // While it is set nobody else writes the word, so a plain store loses nothing.
        self.0.held.store(false, Release);
    }
}

impl<T: fmt::Debug> fmt::Debug for Lock<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Lock").field(&*self.lock()).finish()
    }
}

#[cfg(all(test, not(any(shuttle, loom))))]
mod tests {
    use super::Lock;
    use std::panic::{AssertUnwindSafe, catch_unwind};

    #[test]
    fn one_at_a_time_of_more_threads_than_processors() {
        const ROUNDS: u64 = if cfg!(miri) { 50 } else { 5_000 };
        let mut lock = Lock::new([0u64; 4]);
        std::thread::scope(|scope| {
            for _ in 0..16 {
                scope.spawn(|| {
                    for _ in 0..ROUNDS {
                        let mut words = lock.lock();
                        let first = words[0];
                        words.iter_mut().for_each(|word| *word += 1);
                        assert!(words.iter().all(|word| *word == first + 1));
                    }
                });
            }
        });
        assert_eq!(*lock.get_mut(), [16 * ROUNDS; 4]);
    }

    #[test]
    fn a_panic_lets_go() {
        let lock = Lock::new(1);
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let _held = lock.lock();
            panic!("while it is held");
        }));
        assert!(panicked.is_err());
        *lock.lock() += 1;
        assert_eq!(*lock.lock(), 2);
    }
}
