//! The words in `NAME.lock`: what one process removes, the memory of the others knows before the removal returns.
//!
//! Each space has one, which the cache of whoever removes raises, and the file has one, which the backend raises before
//! that, so that who has heard of a removal reads what was there after it.

#[cfg(target_os = "linux")]
use crate::board::Board;
use std::fs::File;
use std::sync::atomic::{AtomicU64, Ordering};

/// The words of a file; none where no page can be shared, and removals are found by looking.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Words {
    #[cfg(target_os = "linux")]
    board: Option<Board>,
}

impl Words {
    /// Those in `lock`, which is made longer for them. To be called while nobody else does.
    #[cfg(target_os = "linux")]
    pub(super) fn of(lock: &File) -> Words {
        Words { board: Board::first_of(lock).ok() }
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn of(_: &File) -> Words {
        Words::default()
    }

    /// The word of `space`.
    #[cfg(target_os = "linux")]
    pub(super) fn word(&self, space: &str) -> Option<&'static AtomicU64> {
        Some(self.board.as_ref()?.word(space))
    }

    #[cfg(not(target_os = "linux"))]
    pub(super) fn word(&self, _: &str) -> Option<&'static AtomicU64> {
        None
    }

    /// How often anything was removed from the file, by any process.
    pub(super) fn removals(&self) -> u64 {
        // Pairs with the Release in `removed`: a transaction that begins afterwards sees the removal.
        self.word("").map_or(0, |word| word.load(Ordering::Acquire))
    }

    /// A removal was committed.
    pub(super) fn removed(&self) {
        if let Some(word) = self.word("") {
            word.fetch_add(1, Ordering::Release);
        }
    }
}
