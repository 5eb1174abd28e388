//! What only the system can do for the memory tier: a fence in every thread, a cheap reading of the clock, and memory
//! fetched before it is needed.

#![expect(
    unsafe_code,
    reason = "two calls of the C library and an instruction, which the standard library does not offer"
)]

use std::time::Duration;

/// Whether [`fence_everywhere`] works, so that readers may leave their fences to writers.
///
/// Linux 4.14 and later, unless a sandbox forbids the call. Elsewhere readers fence themselves.
pub(crate) fn has_asymmetric_fence() -> bool {
    #[cfg(all(target_os = "linux", not(any(miri, shuttle, loom, memolith_fenced))))]
    {
        static REGISTERED: std::sync::OnceLock<bool> = std::sync::OnceLock::new();
        // Asked before it is noted, by several threads perhaps: a child that is forked meanwhile would wait for ever for one.
        let known = REGISTERED.get().copied();
        known.unwrap_or_else(|| {
            let registered = membarrier(REGISTER_PRIVATE_EXPEDITED);
            *REGISTERED.get_or_init(|| registered)
        })
    }
    #[cfg(not(all(target_os = "linux", not(any(miri, shuttle, loom, memolith_fenced)))))]
    false
}

/// A full fence in every thread of the process that runs, between two of its instructions. `false` where there is none, as
/// in a sandbox that has come to forbid the call.
pub(crate) fn fence_everywhere() -> bool {
    #[cfg(all(target_os = "linux", not(any(miri, shuttle, loom, memolith_fenced))))]
    // A child of `fork` is registered as its parent was; should the kernel see that differently, it is done again.
    return membarrier(PRIVATE_EXPEDITED) || (membarrier(REGISTER_PRIVATE_EXPEDITED) && membarrier(PRIVATE_EXPEDITED));
    #[cfg(not(all(target_os = "linux", not(any(miri, shuttle, loom, memolith_fenced)))))]
    false
}

#[cfg(all(target_os = "linux", not(any(miri, shuttle, loom, memolith_fenced))))]
const PRIVATE_EXPEDITED: libc::c_int = 1 << 3;
#[cfg(all(target_os = "linux", not(any(miri, shuttle, loom, memolith_fenced))))]
const REGISTER_PRIVATE_EXPEDITED: libc::c_int = 1 << 4;

#[cfg(all(target_os = "linux", not(any(miri, shuttle, loom, memolith_fenced))))]
fn membarrier(command: libc::c_int) -> bool {
    // SAFETY: membarrier takes three integers and touches no memory of ours.
    unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
}

/// How often the process has become a forked child since this was first asked: another number than before says that the
/// memory is a copy, whose threads are gone and whose connections belong to another process as well. It costs no system
/// call.
pub fn forks() -> u32 {
    #[cfg(all(target_os = "linux", not(miri)))]
    {
        use std::sync::Once;
        use std::sync::atomic::{AtomicU32, Ordering};
        static FORKS: AtomicU32 = AtomicU32::new(0);
        static COUNTING: Once = Once::new();
        extern "C" fn count() {
            FORKS.fetch_add(1, Ordering::Relaxed);
        }
        COUNTING.call_once(|| {
            // Without memory for the handler a child is not known as one.
            // SAFETY: the function lives as long as the program, and does what a forked child may do.
            let _ = unsafe { libc::pthread_atfork(None, None, Some(count)) };
        });
        FORKS.load(Ordering::Relaxed)
    }
    #[cfg(not(all(target_os = "linux", not(miri))))]
    std::process::id()
}

/// Asks for large pages where there is much memory: who hits a million entries at random waits for page tables else.
#[cfg(not(any(shuttle, loom)))]
pub(crate) fn advise_huge_pages(first: *mut u8, size: usize) {
    #[cfg(all(target_os = "linux", not(miri)))]
    {
        const HUGE: usize = 2 << 20;
        let start = first.addr().next_multiple_of(HUGE);
        let end = (first.addr() + size) / HUGE * HUGE;
        if end > start {
            // SAFETY: the range lies within an allocation of the caller, and the advice changes nothing that a program can
            // see but time. Where it is refused, nothing happens.
            unsafe { libc::madvise(first.wrapping_add(start - first.addr()).cast(), end - start, libc::MADV_HUGEPAGE) };
        }
    }
    #[cfg(not(all(target_os = "linux", not(miri))))]
    let _ = (first, size);
}

/// The steady clock of [`Instant`](std::time::Instant) as of its last tick, up to 4 ms ago (10 ms where the kernel ticks
/// at 100 Hz), for a quarter of the price. `None` where there is none.
#[inline]
pub(crate) fn coarse_clock() -> Option<Duration> {
    #[cfg(all(target_os = "linux", not(miri)))]
    return read_clock(libc::CLOCK_MONOTONIC_COARSE);
    #[cfg(not(all(target_os = "linux", not(miri))))]
    None
}

/// The time since 1970 as of the same tick.
#[inline]
pub(crate) fn coarse_wall_clock() -> Option<Duration> {
    #[cfg(all(target_os = "linux", not(miri)))]
    return read_clock(libc::CLOCK_REALTIME_COARSE);
    #[cfg(not(all(target_os = "linux", not(miri))))]
    None
}

/// The steady clock now.
pub(crate) fn fine_clock() -> Option<Duration> {
    #[cfg(all(target_os = "linux", not(miri)))]
    return read_clock(libc::CLOCK_MONOTONIC);
    #[cfg(not(all(target_os = "linux", not(miri))))]
    None
}

#[cfg(all(target_os = "linux", not(miri)))]
#[inline]
fn read_clock(clock: libc::clockid_t) -> Option<Duration> {
    let mut time = libc::timespec { tv_sec: 0, tv_nsec: 0 };
    // SAFETY: the pointer is to a `timespec` of ours, which the call fills.
    let read = unsafe { libc::clock_gettime(clock, &raw mut time) } == 0;
    read.then(|| Duration::new(time.tv_sec as u64, time.tv_nsec as u32))
}

/// Asks for the memory at an address, without waiting for it.
#[inline(always)]
pub(crate) fn prefetch<T>(at: &T) {
    #[cfg(all(target_arch = "x86_64", not(miri)))]
    // SAFETY: a prefetch has no effect that a program can see, whatever the address.
    unsafe {
        std::arch::x86_64::_mm_prefetch::<{ std::arch::x86_64::_MM_HINT_T0 }>(std::ptr::from_ref(at).cast());
    }
    #[cfg(not(all(target_arch = "x86_64", not(miri))))]
    let _ = at;
}
