//! How often a store had no answer: what gives up quickly must not look quick.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Operations, and those of them that came to nothing.
#[derive(Debug, Default)]
pub(crate) struct Losses {
    operations: AtomicU64,
    lost: AtomicU64,
}

impl Losses {
    pub(crate) fn add(&self, operations: u64, lost: u64) {
        self.operations.fetch_add(operations, Relaxed);
        self.lost.fetch_add(lost, Relaxed);
    }

    /// As tables show it.
    pub(crate) fn per_thousand(&self) -> String {
        let lost = self.lost.load(Relaxed) as f64 * 1e3;
        format!("{:.2}", lost / self.operations.load(Relaxed).max(1) as f64)
    }
}
