//! How deep the thread is in values: handlers may encode and decode parts of their values, which are within those.

use std::cell::Cell;

thread_local! {
    static LEVEL: Cell<usize> = const { Cell::new(0) };
}

/// The level that a value starts at: 0, or where a handler was called.
pub(super) fn level() -> usize {
    LEVEL.get()
}

/// Runs `handler`, whose values are below `level`.
pub(super) fn below<T>(level: usize, handler: impl FnOnce() -> T) -> T {
    let _restored = Restored(LEVEL.replace(level));
    handler()
}

/// Sets the level of before when it is dropped.
struct Restored(usize);

impl Drop for Restored {
    fn drop(&mut self) {
        LEVEL.set(self.0);
    }
}
