//! Locks, atomics and threads: the only file that knows about the model checkers.

#[cfg(loom)]
pub(crate) use loomed::*;
#[cfg(not(any(shuttle, loom)))]
pub(crate) use os::*;
#[cfg(any(shuttle, loom))]
pub(crate) use planting::*;
#[cfg(shuttle)]
pub(crate) use shuttled::*;

#[cfg(not(any(shuttle, loom)))]
mod os {
    pub(crate) use parking_lot::Mutex;
    pub(crate) use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, fence};
    pub(crate) use std::thread::park_timeout as park_for;
    pub(crate) use std::thread::{Thread, current, park};
    pub(crate) use std::thread_local;

    /// The `round`th wait for what another thread does within nanoseconds: if it takes longer, that has lost its processor.
    /// Long from the first, for a lock that changes hands takes the lines of what it guards with it.
    pub(crate) fn pause(round: u32) {
        match round {
            0..5 => (0..64u32 << round).for_each(|_| std::hint::spin_loop()),
            5..40 => std::thread::yield_now(),
            _ => std::thread::sleep(std::time::Duration::from_micros(50)),
        }
    }

    /// A lock that every cache of the process shares.
    macro_rules! global {
        ($name:ident: $t:ty) => {
            static $name: $crate::sync::Mutex<$t> = $crate::sync::Mutex::new(<$t>::new());
        };
    }
    pub(crate) use global;

    /// Whether a bug is planted to see that a model or a sanitizer finds it: never, outside of their runs.
    #[cfg(not(memolith_planted))]
    #[inline(always)]
    pub(crate) const fn planted(_bug: &str) -> bool {
        false
    }

    /// Whether this bug was named when this was compiled.
    #[cfg(memolith_planted)]
    pub(crate) fn planted(bug: &str) -> bool {
        option_env!("MEMOLITH_PLANTED") == Some(bug)
    }
}

#[cfg(shuttle)]
mod shuttled {
    use shuttle::sync::MutexGuard;
    pub(crate) use shuttle::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, fence};
    pub(crate) use shuttle::thread::{Thread, current, park};
    pub(crate) use shuttle::thread_local;

    /// Shuttle's lock with the interface of `parking_lot`.
    #[derive(Debug, Default)]
    pub(crate) struct Mutex<T>(shuttle::sync::Mutex<T>);
    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Mutex(shuttle::sync::Mutex::new(value))
        }
        pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
            self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
        }
        pub(crate) fn get_mut(&mut self) -> &mut T {
            self.0.get_mut().unwrap_or_else(|poisoned| poisoned.into_inner())
        }
    }

    /// A model has no time: to wait is to be woken.
    pub(crate) fn park_for(_time: std::time::Duration) {
        park();
    }

    /// A model has no time: to wait is to let others go on.
    pub(crate) fn pause(_round: u32) {
        shuttle::thread::yield_now();
    }

    macro_rules! global {
        ($name:ident: $t:ty) => {
            shuttle::lazy_static! { static ref $name: $crate::sync::Mutex<$t> = $crate::sync::Mutex::new(<$t>::new()); }
        };
    }
    pub(crate) use global;
}

/// Memory that is no atomic, for loom to watch; else it is nothing.
#[cfg(not(loom))]
#[derive(Debug, Default)]
pub(crate) struct Watched(());
#[cfg(not(loom))]
impl Watched {
    #[inline(always)]
    pub(crate) fn read(&self) {}
    #[inline(always)]
    pub(crate) fn write(&self) {}
}

#[cfg(loom)]
mod loomed {
    pub(crate) use loom::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, fence};
    pub(crate) use loom::thread::{Thread, current, park};

    /// A model has no time: to wait is to be woken.
    pub(crate) fn park_for(_time: std::time::Duration) {
        park();
    }

    /// A model has no time: to wait is to let others go on.
    pub(crate) fn pause(_round: u32) {
        loom::thread::yield_now();
    }

    /// Loom's lock with the interface of `parking_lot`.
    #[derive(Debug)]
    pub(crate) struct Mutex<T>(loom::sync::Mutex<T>);
    impl<T> Mutex<T> {
        pub(crate) fn new(value: T) -> Self {
            Mutex(loom::sync::Mutex::new(value))
        }
        pub(crate) fn lock(&self) -> loom::sync::MutexGuard<'_, T> {
            self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
        }
        pub(crate) fn get_mut(&mut self) -> &mut T {
            self.0.get_mut().unwrap_or_else(|poisoned| poisoned.into_inner())
        }
    }
    impl<T: Default> Default for Mutex<T> {
        fn default() -> Self {
            Mutex::new(T::default())
        }
    }

    macro_rules! global {
        ($name:ident: $t:ty) => {
            loom::lazy_static! { static ref $name: $crate::sync::Mutex<$t> = $crate::sync::Mutex::new(<$t>::new()); }
        };
    }
    pub(crate) use global;

    /// Loom's takes no `const`.
    macro_rules! local {
        ($($(#[$attribute:meta])* static $name:ident: $t:ty = const { $init:expr };)*) => {
            loom::thread_local! { $($(#[$attribute])* static $name: $t = $init;)* }
        };
    }
    pub(crate) use local as thread_local;

    /// Memory that is no atomic: loom ends the model when a write is not ordered with every other access.
    #[derive(Debug)]
    pub(crate) struct Watched(loom::cell::UnsafeCell<()>);
    impl Watched {
        pub(crate) fn read(&self) {
            self.0.with(|_| ());
        }
        pub(crate) fn write(&self) {
            self.0.with_mut(|_| ());
        }
    }
    impl Default for Watched {
        fn default() -> Self {
            Watched(loom::cell::UnsafeCell::new(()))
        }
    }
}

#[cfg(any(shuttle, loom))]
mod planting {
    static PLANTED: std::sync::Mutex<&'static str> = std::sync::Mutex::new("");

    /// Plants `bug`, or none if it is empty, for the models that follow.
    #[cfg(test)]
    pub(crate) fn plant(bug: &'static str) {
        *PLANTED.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = bug;
    }

    pub(crate) fn planted(bug: &str) -> bool {
        *PLANTED.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) == bug
    }
}
