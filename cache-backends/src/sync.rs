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

    /// Whether a bug is planted to see that a model or a sanitizer finds it: never, outside of their runs.
    #[cfg(not(memolith_planted))]
    #[inline(always)]
    pub(crate) const fn planted(_bug: &str) -> bool {
        false
    }

    /// Whether this bug was named when the process was started.
    #[cfg(memolith_planted)]
    pub(crate) fn planted(bug: &str) -> bool {
        use std::sync::LazyLock;
        static PLANTED: LazyLock<Option<String>> = LazyLock::new(|| std::env::var("MEMOLITH_PLANTED").ok());
        PLANTED.as_deref() == Some(bug)
    }
}

#[cfg(loom)]
mod loomed {
    pub(crate) use loom::sync::atomic::{AtomicU32, AtomicU64, fence};

    use std::cell::RefCell;

    std::thread_local! {
        /// All threads of a model run in the one that checks it.
        static PLANTED: RefCell<Vec<&'static str>> = const { RefCell::new(Vec::new()) };
    }

    /// A model has no time: to wait is to let others go on.
    pub(crate) fn pause(_round: u32) {
        loom::thread::yield_now();
    }

    /// Plants one more bug for the models that this thread checks.
    #[cfg(test)]
    pub(crate) fn plant(bug: &'static str) {
        PLANTED.with_borrow_mut(|planted| planted.push(bug));
    }

    pub(crate) fn planted(bug: &str) -> bool {
        PLANTED.with_borrow(|planted| planted.contains(&bug))
    }
}
