//! What a lock is to threads, to processes, and to those that come after the dead.
#![expect(clippy::unwrap_used, reason = "tests")]
#![expect(unsafe_code, reason = "a test that forks")]

use super::super::layout::SPACES_LOCK;
use super::super::session::Region;
use super::super::trial::{Other, Scratch, region, role, say, wait};
use super::*;
use std::sync::Arc;
use std::time::Instant;

const AT: usize = SPACES_LOCK;
/// A word that the lock guards in these tests.
const WORD: usize = 700;
/// Longer than any death takes to be noticed.
const LONG: Duration = Duration::from_secs(10);

fn take(region: &Region, patience: Duration) -> Result<Guard<'_>, Busy> {
    lock(&region.session, &region.map, AT, patience)
}

fn count(region: &Region, rounds: u32) {
    for _ in 0..rounds {
        let guard = take(region, LONG).unwrap();
        assert!(!guard.repair);
        region.map.store(WORD, region.map.load(WORD) + 1);
    }
}

#[test]
fn one_at_a_time_in_threads_and_processes() {
    if let Some((_, place)) = role() {
        count(&region(&place), 5_000);
        return say("done");
    }
    let scratch = Scratch::new();
    let path = scratch.path("region");
    // Two sessions of this process as well.
    let regions = [region(&path), region(&path)];
    let mut other = Other::start("shared::lock::tests::one_at_a_time_in_threads_and_processes", "count", &path);
    std::thread::scope(|scope| {
        for region in [&regions[0], &regions[0], &regions[1]] {
            scope.spawn(|| count(region, 5_000));
        }
    });
    assert_eq!(other.hear(), "done");
    assert_eq!(regions[0].map.load(WORD), 20_000);
}

/// Holds the lock of the region in `place` until the process is killed, or told to go on.
fn hold(place: &std::path::Path) {
    let region = region(place);
    let guard = take(&region, LONG).unwrap();
    say("held");
    wait();
    drop(guard);
    say("released");
}

#[test]
fn a_dead_owners_lock_is_taken_over_once() {
    if let Some((_, place)) = role() {
        return hold(&place);
    }
    let scratch = Scratch::new();
    let path = scratch.path("region");
    let region = region(&path);
    let mut other = Other::start("shared::lock::tests::a_dead_owners_lock_is_taken_over_once", "hold", &path);
    assert_eq!(other.hear(), "held");
    assert_eq!(take(&region, Duration::ZERO).unwrap_err(), Busy);
    other.kill();
    assert!(take(&region, LONG).unwrap().repair);
    assert!(!take(&region, LONG).unwrap().repair);
}

#[test]
fn a_stopped_owner_is_waited_for_once_and_never_robbed() {
    if let Some((_, place)) = role() {
        return hold(&place);
    }
    let scratch = Scratch::new();
    let path = scratch.path("region");
    let region = region(&path);
    let test = "shared::lock::tests::a_stopped_owner_is_waited_for_once_and_never_robbed";
    let mut other = Other::start(test, "hold", &path);
    assert_eq!(other.hear(), "held");
    other.signal("STOP");
    let start = Instant::now();
    assert_eq!(take(&region, PATIENCE).unwrap_err(), Busy);
    assert!(start.elapsed() >= PATIENCE);
    // Each would wait for a second. If this thread loses its processor for a quarter of one, one of them does.
    let start = Instant::now();
    assert!((0..10).all(|_| take(&region, LONG / 10).is_err()));
    assert!(start.elapsed() < LONG / 2);
    other.signal("CONT");
    other.go_on();
    assert_eq!(other.hear(), "released");
    assert!(!take(&region, LONG).unwrap().repair);
}

#[test]
fn who_gives_up_or_panics_leaves_a_repair() {
    let scratch = Scratch::new();
    let region = region(&scratch.path("region"));
    take(&region, LONG).unwrap().poison();
    assert!(take(&region, LONG).unwrap().repair);
    let panicking = Arc::clone(&region);
    let panicked = std::thread::spawn(move || {
        let _guard = take(&panicking, LONG).unwrap();
        panic!("on purpose");
    });
    assert!(panicked.join().is_err());
    assert!(take(&region, LONG).unwrap().repair);
    assert!(!take(&region, LONG).unwrap().repair);
}

#[test]
fn whatever_a_damaged_lock_says_no_call_hangs_or_panics() {
    let scratch = Scratch::new();
    let region = region(&scratch.path("region"));
    let me = region.session.me(&region.map).unwrap().bits();
    // One of them lives alone, the last: who was waited for in vain is not waited for again.
    for owner in [1, 0x1fe, AWAITED, u32::MAX, u32::MAX >> 1, me + (1 << 9), me] {
        region.map.half(AT * 2).store(owner, Ordering::Relaxed);
        let start = Instant::now();
        let taken = take(&region, PATIENCE).is_ok();
        assert!(taken || start.elapsed() >= PATIENCE, "{owner:#x}");
        region.map.half(AT * 2).store(FREE, Ordering::Relaxed);
    }
}

/// Forks, runs `work` in the child, and tells whether it held.
fn in_child(work: impl FnOnce() -> bool) -> libc::pid_t {
    // SAFETY: the child calls nothing that waits for a thread of its parent, and ends without destructors.
    let child = unsafe { libc::fork() };
    if child == 0 {
        let held = work();
        // SAFETY: it ends the process.
        unsafe { libc::_exit(if held { 0 } else { 1 }) };
    }
    child
}

fn ended_well(child: libc::pid_t) -> bool {
    let mut status = -1;
    // SAFETY: it writes the status of a process that this one has forked.
    unsafe { libc::waitpid(child, &raw mut status, 0) };
    status == 0
}

#[test]
fn a_forked_child_has_a_session_of_its_own() {
    if role().is_none() {
        // In a process without other tests, whose threads would be missing in the child.
        let scratch = Scratch::new();
        let test = "shared::lock::tests::a_forked_child_has_a_session_of_its_own";
        let mut other = Other::start(test, "fork", &scratch.path("region"));
        return assert_eq!(other.hear(), "well");
    }
    let (_, place) = role().unwrap();
    let region = region(&place);
    let parent = region.session.me(&region.map).unwrap();
    let guard = take(&region, LONG).unwrap();
    let child = in_child(|| {
        // The parent's lock is neither the child's nor a dead one's.
        let busy = take(&region, PATIENCE).is_err();
        let me = region.session.me(&region.map);
        busy && me.is_some_and(|me| me != parent && me.row() != parent.row())
            && region.session.is_alive(&region.map, parent)
    });
    let well = ended_well(child);
    drop(guard);
    say(if well && region.session.me(&region.map) == Some(parent) { "well" } else { "ill" });
}

#[test]
fn a_dead_owner_is_noticed_though_its_child_lives() {
    let test = "shared::lock::tests::a_dead_owner_is_noticed_though_its_child_lives";
    if let Some((_, place)) = role() {
        let region = region(&place);
        std::mem::forget(take(&region, LONG).unwrap());
        let child = in_child(|| {
            wait();
            true
        });
        say(child);
        wait();
        return;
    }
    let scratch = Scratch::new();
    let path = scratch.path("region");
    let region = region(&path);
    let mut other = Other::start(test, "fork", &path);
    let child: libc::pid_t = other.hear().parse().unwrap();
    let hold_open = other.process.stdin.take();
    other.kill();
    let guard = take(&region, LONG);
    // SAFETY: it asks whether the process is there.
    assert_eq!(unsafe { libc::kill(child, 0) }, 0);
    assert!(guard.unwrap().repair);
    drop(hold_open);
}
