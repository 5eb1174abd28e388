//! What a forked child must not keep.
//!
//! A record lock belongs to an open file description, and a child has the descriptions of its parent: with them a dead
//! parent would look alive for as long as its child lives. So the child closes them before `fork` returns.

use super::cells::{Cell, Cells};
use super::sys;
use std::fs::File;
use std::io;
use std::os::fd::{IntoRawFd, RawFd};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicI32, AtomicU32, Ordering};
use std::time::{Duration, Instant};

/// How many forks lie between the process that first used the library and this one.
static FORKS: AtomicU32 = AtomicU32::new(0);
static KEPT: Cells<Descriptor> = Cells::new();
/// Somebody opens a description, or the process is about to fork. A lock of the library is none for this: its owner may
/// be missing in the child.
static BUSY: AtomicBool = AtomicBool::new(false);

thread_local! {
    /// Whether that is this thread, which forks.
    static FORKING: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
}

/// No description takes longer to open, unless its thread is stopped.
const SHORT: Duration = Duration::from_millis(20);

#[derive(Debug)]
struct Descriptor(AtomicI32);

/// Room for a descriptor that no child keeps; it is closed when this is dropped.
#[derive(Debug)]
pub(super) struct Unshared(&'static Cell<Descriptor>);

impl Unshared {
    /// Room without a descriptor.
    pub(super) fn new() -> Self {
        static HANDLERS: Once = Once::new();
        HANDLERS.call_once(|| sys::at_fork(before, after, in_child));
        Unshared(KEPT.take())
    }

    /// Opens a file and keeps it, instead of the one before; no fork comes between.
    ///
    /// # Errors
    /// Those of `open`, and `WouldBlock` when another thread has been opening one for 20 ms.
    pub(super) fn keep(&self, open: impl FnOnce() -> io::Result<File>) -> io::Result<RawFd> {
        let _alone = Alone::take(SHORT).ok_or(io::ErrorKind::WouldBlock)?;
        let file = open()?.into_raw_fd();
        self.replace(file);
        Ok(file)
    }

    /// The descriptor; −1, which every call refuses, in a child and before there is one.
    pub(super) fn fd(&self) -> RawFd {
        self.0.value.0.load(Ordering::Relaxed)
    }

    /// Closes what is kept.
    pub(super) fn close(&self) {
        self.replace(-1);
    }

    fn replace(&self, fd: RawFd) {
        let former = self.0.value.0.swap(fd, Ordering::Relaxed);
        if former >= 0 {
            sys::close(former);
        }
    }
}

impl Drop for Unshared {
    fn drop(&mut self) {
        self.close();
        self.0.give_back();
    }
}

impl Default for Descriptor {
    fn default() -> Self {
        Descriptor(AtomicI32::new(-1))
    }
}

/// Differs between a process and its children.
#[inline]
pub(super) fn forks() -> u32 {
    FORKS.load(Ordering::Relaxed)
}

/// While it lives, no thread forks and no other opens.
struct Alone;

impl Alone {
    fn take(patience: Duration) -> Option<Alone> {
        let start = Instant::now();
        // Acquire and Release: what one has opened is in the list before the other forks.
        while BUSY.swap(true, Ordering::Acquire) {
            if start.elapsed() > patience {
                return None;
            }
            std::thread::yield_now();
        }
        Some(Alone)
    }
}

impl Drop for Alone {
    fn drop(&mut self) {
        BUSY.store(false, Ordering::Release);
    }
}

extern "C" fn before() {
    // Where it is not to be had the fork goes on: it does not fail for the sake of a cache.
    let alone = Alone::take(SHORT * 10);
    FORKING.set(alone.is_some());
    std::mem::forget(alone);
}

extern "C" fn after() {
    if FORKING.take() {
        drop(Alone);
    }
}

extern "C" fn in_child() {
    FORKS.fetch_add(1, Ordering::Relaxed);
    for descriptor in KEPT.values() {
        let fd = descriptor.0.swap(-1, Ordering::Relaxed);
        if fd >= 0 {
            sys::close(fd);
        }
    }
    // Whoever had it is not here, or forks.
    FORKING.set(false);
    drop(Alone);
}
