//! The mapping of a region: the only place where an offset becomes memory.
//!
//! All of it is atomics: other processes may store to any word at any time. A word that is used as two halves is never
//! accessed as a whole.
#![expect(unsafe_code, reason = "memory that is shared with other processes")]

use super::bus::Watched;
use super::layout::{Layout, PAGE};
use super::{place, sys};
use crate::sync::{AtomicU32, AtomicU64};
use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::MetadataExt;
use std::ptr::{self, NonNull};
use std::slice;
use std::sync::atomic::{AtomicBool, Ordering};

/// Words that stay mapped once a reference for ever was given out: the header and the board.
const FOREVER: usize = 2 * PAGE;

/// A region in memory, and its file.
#[derive(Debug)]
pub(super) struct Map {
    pub(super) layout: Layout,
    // Invariant: the start of `layout.words` words, mapped to be read and written until this is dropped.
    base: NonNull<AtomicU64>,
    file: File,
    identity: (u64, u64),
    watched: Watched,
    followed: AtomicBool,
}

// SAFETY: the memory is reached through atomics alone, and `base` never changes.
unsafe impl Send for Map {}
// SAFETY: as above.
unsafe impl Sync for Map {}

impl Map {
    /// Maps a file, which must be as long as its layout says. If somebody cuts it later, see [`bus`](super::bus).
    pub(super) fn new(file: File, layout: Layout) -> io::Result<Map> {
        let (bytes, identity) = (layout.words * 8, place::identity(&file.metadata()?));
        let (access, fd) = (libc::PROT_READ | libc::PROT_WRITE, file.as_raw_fd());
        // SAFETY: new memory where there was none; it is used as atomics alone, which bear any change from outside.
        let base = unsafe { libc::mmap(ptr::null_mut(), bytes, access, libc::MAP_SHARED, fd, 0) };
        let base = NonNull::new(base).filter(|base| base.as_ptr() != libc::MAP_FAILED);
        let Some(base) = base else { return Err(io::Error::last_os_error()) };
        let watched = Watched::new(base.as_ptr().addr(), bytes);
        Ok(Map { layout, base: base.cast(), file, identity, watched, followed: AtomicBool::new(false) })
    }

    /// A word.
    ///
    /// # Panics
    /// Outside the region. Offsets that come from the region itself are for [`words`](Map::words).
    #[inline(always)]
    pub(super) fn word(&self, at: usize) -> &AtomicU64 {
        &self.all_words()[at]
    }

    /// A half of a word, counted in halves from the start.
    ///
    /// # Panics
    /// Outside the region.
    #[inline(always)]
    pub(super) fn half(&self, at: usize) -> &AtomicU32 {
        &self.all_halves()[at]
    }

    /// `length` words, if there are so many.
    #[inline(always)]
    pub(super) fn words(&self, at: usize, length: usize) -> Option<&[AtomicU64]> {
        self.all_words().get(at..)?.get(..length)
    }

    /// A word of the header or of the board, which stays mapped for the life of the process.
    ///
    /// # Panics
    /// Behind the board.
    pub(super) fn word_forever(&self, at: usize) -> &'static AtomicU64 {
        assert!(at < FOREVER, "the header and the board stay alone");
        self.followed.store(true, Ordering::Relaxed);
        // SAFETY: within the mapping by the assertion, since every layout is longer; `drop` sees `followed`, because it
        // has the map for itself, and leaves these words mapped.
        unsafe { &*self.base.as_ptr().add(at) }
    }

    /// Gives `length` words their room in the file, so that a full disk is an error here and not a signal later.
    pub(super) fn allocate(&self, at: usize, length: usize) -> io::Result<()> {
        sys::allocate(self.file.as_raw_fd(), at * 8, length * 8)
    }

    /// Has a word brought near, wherever it lies.
    #[inline(always)]
    pub(super) fn prefetch(&self, at: usize) {
        #[cfg(target_arch = "x86_64")]
        // SAFETY: a hint, which no address can make fail.
        unsafe {
            use std::arch::x86_64::{_MM_HINT_T0, _mm_prefetch};
            _mm_prefetch::<_MM_HINT_T0>(self.base.as_ptr().wrapping_add(at).cast());
        }
        #[cfg(not(target_arch = "x86_64"))]
        let _ = at;
    }

    /// Another file has taken the place of this one. If it has no name left nobody will find it: its room is given back,
    /// though a mapping of it may stay, and whoever still reads there finds nothing.
    pub(super) fn give_up(&self) {
        if self.file.metadata().is_ok_and(|found| found.nlink() == 0) {
            sys::empty(self.file.as_raw_fd(), self.layout.words * 8);
        }
    }

    /// Whether the file was found shorter than the map: then what is read is zeros, and what is written is lost.
    #[inline]
    pub(super) fn is_cut(&self) -> bool {
        self.watched.is_cut()
    }

    /// Which file is mapped: one that has taken its name differs.
    pub(super) fn identity(&self) -> (u64, u64) {
        self.identity
    }

    #[cfg(test)]
    pub(super) fn watched(&self) -> &Watched {
        &self.watched
    }

    /// The file that is mapped.
    pub(super) fn file(&self) -> &File {
        &self.file
    }

    #[inline(always)]
    fn all_words(&self) -> &[AtomicU64] {
        // SAFETY: by the invariant of `base`; a page is aligned for it, and any bits are a value.
        unsafe { slice::from_raw_parts(self.base.as_ptr(), self.layout.words) }
    }

    #[inline(always)]
    fn all_halves(&self) -> &[AtomicU32] {
        // SAFETY: as above; which words are used as halves is fixed, so that no location has accesses of two sizes.
        unsafe { slice::from_raw_parts(self.base.as_ptr().cast(), self.layout.words * 2) }
    }
}

impl Drop for Map {
    fn drop(&mut self) {
        let stays = if *self.followed.get_mut() { FOREVER } else { 0 };
        self.watched.shrink(stays * 8);
        // SAFETY: it was mapped by `new` with this length, and no reference into this part of it is left.
        unsafe {
            let rest = self.base.as_ptr().add(stays);
            libc::munmap(rest.cast(), (self.layout.words - stays) * 8);
        }
    }
}
