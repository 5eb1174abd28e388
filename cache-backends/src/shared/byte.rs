//! The byte of a session, which the kernel vouches for.

use super::fork::{self, Unshared};
use super::layout::SESSIONS;
use super::map::Map;
use super::sys;
use std::fs::OpenOptions;
use std::io;
use std::os::fd::AsRawFd;

/// An open file description of the region's file that no other process has, and through it the lock on a byte.
#[derive(Debug)]
pub(super) struct Byte(Unshared);

impl Byte {
    /// None yet.
    pub(super) fn new() -> Self {
        Byte(Unshared::new())
    }

    /// Takes a byte that nobody has, and lets go of the one before. Which one it is.
    ///
    /// # Errors
    /// When all are taken, or the file cannot be opened once more.
    pub(super) fn take(&self, map: &Map) -> io::Result<usize> {
        let fd = self.0.keep(|| {
            // The very file that is mapped, whatever its name is by now.
            let path = format!("/proc/self/fd/{}", map.file().as_raw_fd());
            OpenOptions::new().read(true).write(true).open(path)
        })?;
        // Each process begins elsewhere, so that those who start at once do not all ask for the same bytes.
        let first = std::process::id() as usize;
        let taken = (0..SESSIONS).map(|next| (first + next) % SESSIONS).find(|byte| sys::take_byte(fd, *byte));
        taken.ok_or_else(|| {
            self.0.close();
            io::Error::other("too many processes use the region")
        })
    }

    /// Whether somebody else has a byte. Also when the kernel cannot be asked: then it is safer to wait.
    pub(super) fn is_held(&self, _map: &Map, byte: usize) -> bool {
        sys::is_byte_held(self.0.fd(), byte).unwrap_or(true)
    }
}

/// Differs between a process and its children, who have lost its byte.
#[inline(always)]
pub(super) fn forks() -> u32 {
    fork::forks()
}
