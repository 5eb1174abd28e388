//! A buffer for the bytes of a key, used again by the next call of the thread.

use std::cell::Cell;
use std::ops::{Deref, DerefMut};

/// What a thread keeps at most, in bytes.
const KEPT: usize = 4096;

thread_local! {
    static ROOM: Cell<Vec<u8>> = const { Cell::new(Vec::new()) };
}

/// An empty buffer. A call inside of a call finds none and makes its own.
pub(crate) struct Room(Vec<u8>);

impl Room {
    #[inline]
    pub(crate) fn take() -> Self {
        let mut room = ROOM.try_with(Cell::take).unwrap_or_default();
        room.clear();
        Room(room)
    }
}

impl Drop for Room {
    #[inline]
    fn drop(&mut self) {
        if self.0.capacity() <= KEPT {
            let _ = ROOM.try_with(|room| room.set(std::mem::take(&mut self.0)));
        }
    }
}

impl Deref for Room {
    type Target = Vec<u8>;

    #[inline]
    fn deref(&self) -> &Vec<u8> {
        &self.0
    }
}

impl DerefMut for Room {
    #[inline]
    fn deref_mut(&mut self) -> &mut Vec<u8> {
        &mut self.0
    }
}
