//! Atomics of what processes share: the only file of this crate that knows about the model checker.

#[cfg(not(loom))]
pub(crate) use os::*;

#[cfg(loom)]
pub(crate) use loomed::*;

#[cfg(not(loom))]
mod os {
    pub(crate) use std::sync::atomic::{AtomicU32, AtomicU64, fence};

    /// The `round`th wait of a short loop.
    #[inline]
    pub(crate) fn pause(_round: u32) {
        std::hint::spin_loop();
    }

    /// Whether a bug is planted to see that a model finds it: never, outside of the models.
    #[inline(always)]
    pub(crate) const fn planted(_bug: &str) -> bool {
        false
    }
}

#[cfg(loom)]
mod loomed {
    pub(crate) use loom::sync::atomic::{AtomicU32, AtomicU64, fence};

    static PLANTED: std::sync::Mutex<&'static str> = std::sync::Mutex::new("");

    /// A model has no time: to wait is to let others go on.
    pub(crate) fn pause(_round: u32) {
        loom::thread::yield_now();
    }

    /// Plants `bug`, or none if it is empty, for the models that follow.
    #[cfg(test)]
    pub(crate) fn plant(bug: &'static str) {
        *PLANTED.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) = bug;
    }

    pub(crate) fn planted(bug: &str) -> bool {
        *PLANTED.lock().unwrap_or_else(|poisoned| poisoned.into_inner()) == bug
    }
}
