//! Locks, atomics and threads: the only file that knows about the model checker.

#[cfg(not(shuttle))]
pub(crate) use os::*;
#[cfg(shuttle)]
pub(crate) use shuttled::*;

#[cfg(not(shuttle))]
mod os {
    pub(crate) use parking_lot::Mutex;
    pub(crate) use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicU32, AtomicU64, AtomicUsize, fence};
    pub(crate) use std::thread::{Thread, current, park};
    pub(crate) use std::thread_local;

    /// The `round`th wait for what another thread does within nanoseconds: if it takes longer, that has lost its processor.
    pub(crate) fn pause(round: u32) {
        match round {
            0..6 => (0..1 << round).for_each(|_| std::hint::spin_loop()),
            6..40 => std::thread::yield_now(),
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

    /// Whether a bug is planted to see that a model finds it: never, outside of the models.
    pub(crate) const fn planted(_bug: &str) -> bool {
        false
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
