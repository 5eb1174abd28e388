//! What happens when somebody cuts the file of a region, or the memory for its pages is at an end: the next access
//! beyond raises `SIGBUS`, which would end the process.
//!
//! A handler puts zeros in place of what is missing, and notes it. Zeros are misses to a reader; a writer asks
//! [`Watched::is_cut`] once it holds its lock, and stops.
#![expect(unsafe_code, reason = "a handler of a signal")]

use super::cells::{Cell, Cells};
use std::mem::{MaybeUninit, transmute};
use std::ptr;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, AtomicPtr, AtomicUsize, Ordering};

static MAPS: Cells<Place> = Cells::new();
/// The handler before ours, leaked.
static FORMER: AtomicPtr<libc::sigaction> = AtomicPtr::new(ptr::null_mut());
static PAGE: AtomicUsize = AtomicUsize::new(0);

#[derive(Debug, Default)]
struct Place {
    start: AtomicUsize,
    /// Zero where nothing is mapped.
    length: AtomicUsize,
    cut: AtomicBool,
}

/// A mapping that the handler knows.
#[derive(Debug)]
pub(super) struct Watched(&'static Cell<Place>);

impl Watched {
    /// The mapping of `length` bytes from `start` on, which must be ours until [`shrink`](Watched::shrink).
    pub(super) fn new(start: usize, length: usize) -> Self {
        static HANDLER: Once = Once::new();
        HANDLER.call_once(install);
        let cell = MAPS.take();
        cell.value.cut.store(false, Ordering::Relaxed);
        cell.value.start.store(start, Ordering::Relaxed);
        // Release: the handler that finds a length finds its start.
        cell.value.length.store(length, Ordering::Release);
        Watched(cell)
    }

    /// Whether zeros have been put in place of something.
    #[inline]
    pub(super) fn is_cut(&self) -> bool {
        self.0.value.cut.load(Ordering::Relaxed)
    }

    /// From now on only the first `length` bytes are ours. With none of them, it is over.
    pub(super) fn shrink(&self, length: usize) {
        self.0.value.length.store(length, Ordering::Release);
        if length == 0 {
            self.0.give_back();
        }
    }
}

fn install() {
    // SAFETY: it takes an integer and answers with one.
    let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) };
    PAGE.store(usize::try_from(page).unwrap_or(4096), Ordering::Relaxed);
    let mut former = MaybeUninit::<libc::sigaction>::zeroed();
    // SAFETY: with no new handler it only writes the present one to `former`, of which zeros are a value.
    let former = unsafe {
        libc::sigaction(libc::SIGBUS, ptr::null(), former.as_mut_ptr());
        former.assume_init()
    };
    // Before ours can be called.
    FORMER.store(Box::leak(Box::new(former)), Ordering::Release);
    let mut ours = former;
    ours.sa_sigaction = on_bus as extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) as usize;
    // On the stack for signals, where the thread has one: a coroutine's own may be too short.
    ours.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
    // SAFETY: the handler is a function of this type and does what a handler may: atomics and system calls.
    unsafe {
        libc::sigemptyset(&raw mut ours.sa_mask);
        libc::sigaction(libc::SIGBUS, &raw const ours, ptr::null_mut());
    }
}

extern "C" fn on_bus(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the kernel gives a valid `info` to a handler with SA_SIGINFO, and an address with this code. The thread's
    // `errno` is put back, for the interrupted code may be about to read it.
    let mended = unsafe {
        let errno = libc::__errno_location();
        let before = *errno;
        let mended = (*info).si_code == libc::BUS_ADRERR && mend((*info).si_addr().addr());
        *errno = before;
        mended
    };
    if !mended {
        hand_on(signal, info, context);
    }
}

/// Puts zeros from the page of `address` to the end of the mapping that it is in, if that is ours.
fn mend(address: usize) -> bool {
    for place in MAPS.values() {
        // Acquire pairs with the Release of `new`.
        let length = place.length.load(Ordering::Acquire);
        let start = place.start.load(Ordering::Relaxed);
        let Some(offset) = address.checked_sub(start).filter(|offset| *offset < length) else { continue };
        let offset = offset - offset % PAGE.load(Ordering::Relaxed);
        place.cut.store(true, Ordering::Relaxed);
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED | libc::MAP_NORESERVE;
        let (at, access) = (ptr::without_provenance_mut(start + offset), libc::PROT_READ | libc::PROT_WRITE);
        // SAFETY: it replaces memory that is ours, by the contract of `Watched::new`: the access that raised the signal
        // borrows the map, so that it is not being dropped. All references into it are to atomics, of which zero is a
        // value.
        let mapped = unsafe { libc::mmap(at, length - offset, access, flags, -1, 0) };
        return mapped != libc::MAP_FAILED;
    }
    false
}

/// Does what would have happened without us.
fn hand_on(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: leaked before the handler was installed, and never changed.
    let Some(former) = (unsafe { FORMER.load(Ordering::Acquire).as_ref() }) else { return };
    // SAFETY: the kernel gave it to `on_bus`.
    let sent = unsafe { (*info).si_code } <= 0;
    match former.sa_sigaction {
        libc::SIG_IGN if sent => {}
        libc::SIG_IGN | libc::SIG_DFL => {
            // SAFETY: the default is put back, and the signal, blocked in its handler, comes again when this returns:
            // by the access itself, or because it is raised here.
            unsafe {
                libc::signal(signal, libc::SIG_DFL);
                if sent {
                    libc::raise(signal);
                }
            }
        }
        handler if former.sa_flags & libc::SA_SIGINFO != 0 => {
            // SAFETY: with this flag the address is that of a function of this type.
            let handler: extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void) =
                unsafe { transmute(handler) };
            handler(signal, info, context);
        }
        handler => {
            // SAFETY: without the flag, of this one.
            let handler: extern "C" fn(libc::c_int) = unsafe { transmute(handler) };
            handler(signal);
        }
    }
}

#[cfg(test)]
#[expect(clippy::unwrap_used, reason = "tests")]
mod tests {
    use super::super::layout::SPACES_LOCK;
    use super::super::lock::{PATIENCE, lock};
    use super::super::map::Map;
    use super::super::trial::{Other, Scratch, region, role, small};
    use std::fs::OpenOptions;
    use std::mem::ManuallyDrop;
    use std::os::unix::process::ExitStatusExt;

    #[test]
    fn a_file_that_is_cut_is_survived_and_noticed() {
        let scratch = Scratch::new();
        let path = scratch.path("region");
        let (region, bystander) = (region(&path), region(&scratch.path("bystander")));
        let (near, far) = (100, region.map.layout.segment_at(0, 0));
        [near, far].iter().for_each(|word| region.map.store(*word, 7));
        let board = region.map.word_forever(700);
        OpenOptions::new().write(true).open(&path).unwrap().set_len(4096).unwrap();
        assert!(!region.map.is_cut());
        assert_eq!((region.map.load(far), region.map.load(near)), (0, 7));
        assert!(region.map.is_cut() && !bystander.map.is_cut());
        region.map.store(far, 8);
        assert!(lock(&region.session, &region.map, SPACES_LOCK, PATIENCE).is_ok());
        region.map.file().set_len(0).unwrap();
        assert_eq!((region.map.load(near), region.map.load(region.map.layout.words - 1)), (0, 0));
        drop(region);
        assert_eq!(board.load(std::sync::atomic::Ordering::Relaxed), 0);
    }

    #[test]
    fn what_is_not_ours_ends_the_process_as_before() {
        if let Some((_, path)) = role() {
            let region = region(&path);
            let file = OpenOptions::new().read(true).write(true).open(&path).unwrap();
            // Mapped, and then taken off the list, as if somebody else had mapped it.
            let strange = ManuallyDrop::new(Map::new(file, small()).unwrap());
            strange.watched().shrink(0);
            region.map.file().set_len(0).unwrap();
            assert_eq!(strange.load(5000), 0);
            return;
        }
        let scratch = Scratch::new();
        let test = "shared::bus::tests::what_is_not_ours_ends_the_process_as_before";
        let mut other = Other::start(test, "strange", &scratch.path("region"));
        assert_eq!(other.process.wait().unwrap().signal(), Some(libc::SIGBUS));
    }
}
