//! Memory stays bounded: what expires, is refreshed or invalidated leaves nothing behind. Its allocator counts, so it is
//! a binary of its own.

#![expect(unsafe_code, reason = "an allocator that counts")]
#![expect(clippy::unwrap_used, reason = "tests")]

use memolith::{Cache, Lookup, ManualClock};
use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::Arc;
use std::sync::atomic::{AtomicIsize, Ordering::Relaxed};
use std::time::Duration;

struct Counting;

static HELD: AtomicIsize = AtomicIsize::new(0);

// SAFETY: every request goes to the system's allocator as it came.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        HELD.fetch_add(layout.size() as isize, Relaxed);
        // SAFETY: the caller's promise about `layout` is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        HELD.fetch_sub(layout.size() as isize, Relaxed);
        // SAFETY: `block` came from `alloc` above with the same layout, as the caller promises.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// What `step` leaves held after many repetitions, beyond what it held after some.
fn growth(mut step: impl FnMut(u64)) -> isize {
    (0..10_000).for_each(&mut step);
    let before = HELD.load(Relaxed);
    (10_000..1_010_000).for_each(&mut step);
    HELD.load(Relaxed) - before
}

/// One test, because the counter is one.
#[test]
fn a_million_repetitions_take_no_memory() {
    let clock = Arc::new(ManualClock::default());
    let second = Duration::from_secs(1);
    let refreshed = Cache::<u64, u64>::builder().maxsize(None).ttl(second).clock(clock.clone()).build();
    let grown = growth(|step| {
        clock.advance(Duration::from_micros(step % 1_000));
        refreshed.insert(step % 5, step);
    });
    assert!(grown < 10_000, "refreshing five keys took {grown} bytes");

    let idle = Cache::<u64, u64>::builder().maxsize(None).tti(second).clock(clock.clone()).build();
    let grown = growth(|step| {
        clock.advance(Duration::from_micros(step % 1_000));
        idle.get_or_insert_with(&(step % 5), || step);
    });
    assert!(grown < 10_000, "using five keys took {grown} bytes");

    let passing = Cache::<u64, u64>::builder().maxsize(None).clock(clock.clone()).build();
    let grown = growth(|step| {
        clock.advance(Duration::from_millis(10));
        passing.insert_with_ttl(step, step, second);
    });
    assert!(grown < 50_000, "keys that pass took {grown} bytes");

    let invalidated = Cache::<u64, u64>::builder().maxsize(100).build();
    let grown = growth(|step| {
        let Lookup::Miss(lease) = invalidated.lookup(&step) else { panic!("no key comes twice") };
        if step % 2 == 0 {
            invalidated.remove(&step).unwrap();
        }
        if step % 3 == 0 {
            lease.fill(step);
        }
    });
    assert!(grown < 50_000, "leases took {grown} bytes");
}
