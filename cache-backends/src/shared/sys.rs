//! The system calls that the standard library does not have. None of them follows a pointer of ours.
#![expect(unsafe_code, reason = "system calls")]

use std::io;
use std::os::fd::RawFd;
use std::time::Duration;

/// Where the bytes of sessions lie. Locks on them keep nobody from data, so it does no harm that a large file has some
/// there; and a program whose offsets have 32 bits finds the same ones.
const FIRST_BYTE: libc::off_t = 0x7fff_0000;

/// The user of this process.
pub(super) fn user() -> u32 {
    // SAFETY: it takes nothing and cannot fail.
    unsafe { libc::geteuid() }
}

/// Locks a byte for the open file description; `false` when another description has it.
/// The kernel gives it up when the last descriptor of the description is closed, so with the process at the latest.
pub(super) fn take_byte(fd: RawFd, byte: usize) -> bool {
    record(fd, libc::F_OFD_SETLK, byte).is_some()
}

/// Whether another description has the byte locked; `None` when the kernel does not answer.
pub(super) fn is_byte_held(fd: RawFd, byte: usize) -> Option<bool> {
    record(fd, libc::F_OFD_GETLK, byte).map(|kind| kind != libc::F_UNLCK as libc::c_short)
}

fn record(fd: RawFd, command: libc::c_int, byte: usize) -> Option<libc::c_short> {
    let start = FIRST_BYTE.checked_add(libc::off_t::try_from(byte).ok()?)?;
    // SAFETY: a record of integers, of which zero is a value.
    let mut lock: libc::flock = unsafe { std::mem::zeroed() };
    lock.l_type = libc::F_WRLCK as libc::c_short;
    lock.l_whence = libc::SEEK_SET as libc::c_short;
    lock.l_start = start;
    lock.l_len = 1;
    // SAFETY: the command reads and writes one such record, which lives until the call returns; a descriptor that is
    // not open is an error.
    let answer = unsafe { libc::fcntl(fd, command, &raw mut lock) };
    (answer == 0).then_some(lock.l_type)
}

/// Makes sure that the bytes of a file have their room on the disk.
pub(super) fn allocate(fd: RawFd, start: usize, length: usize) -> io::Result<()> {
    let large = |_| io::Error::from(io::ErrorKind::FileTooLarge);
    let (start, length) = (libc::off_t::try_from(start).map_err(large)?, libc::off_t::try_from(length).map_err(large)?);
    for _ in 0..16 {
        // SAFETY: it takes integers; a descriptor that is not open is an error.
        match unsafe { libc::posix_fallocate(fd, start, length) } {
            0 => return Ok(()),
            libc::EINTR => continue,
            error => return Err(io::Error::from_raw_os_error(error)),
        }
    }
    Err(io::ErrorKind::Interrupted.into())
}

/// Gives the room of a file back; what is mapped of it reads as zeros. It keeps its length.
pub(super) fn empty(fd: RawFd, length: usize) {
    let Ok(length) = libc::off_t::try_from(length) else { return };
    let mode = libc::FALLOC_FL_PUNCH_HOLE | libc::FALLOC_FL_KEEP_SIZE;
    // SAFETY: it takes integers; a descriptor that is not open is an error, and so is a system that cannot do it.
    unsafe { libc::fallocate(fd, mode, 0, length) };
}

/// Closes a descriptor, also in a handler.
pub(super) fn close(fd: RawFd) {
    // SAFETY: the callers own the descriptor, and have forgotten it before they call.
    unsafe { libc::close(fd) };
}

/// Sleeps while the word at `word` is `value`, until somebody wakes, for `limit` at most; also without a reason.
pub(super) fn sleep_on(word: *const u32, value: u32, limit: Duration) {
    let limit = libc::timespec {
        tv_sec: limit.as_secs() as libc::time_t,
        tv_nsec: libc::c_long::from(limit.subsec_nanos() as i32),
    };
    // SAFETY: the kernel reads the word and the limit, and answers an address that is not ours with an error. Not the
    // private kind: who wakes is another process.
    unsafe { libc::syscall(libc::SYS_futex, word, libc::FUTEX_WAIT, value, &raw const limit) };
}

/// Wakes up to `sleepers` of those who sleep on `word`.
pub(super) fn wake(word: *const u32, sleepers: i32) {
    // SAFETY: the kernel takes the address as a name.
    unsafe { libc::syscall(libc::SYS_futex, word, libc::FUTEX_WAKE, sleepers) };
}

/// Has the handlers called around every `fork` of this process: before it, in the parent, in the child.
pub(super) fn at_fork(before: extern "C" fn(), parent: extern "C" fn(), child: extern "C" fn()) {
    // SAFETY: functions live as long as the program; the one for the child keeps to atomics and `close`.
    // Without memory for the handlers a child would have no session of its own: it would share its parent's.
    let failed = unsafe { libc::pthread_atfork(Some(before), Some(parent), Some(child)) };
    debug_assert_eq!(failed, 0);
}
