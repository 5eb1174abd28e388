//! Models of the hand-over of a lock between processes, some of which die: every order of their steps with few changes
//! of thread, and every value that the memory model lets a load see. For each the planted bugs that it must find.
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p memolith-backends --features shared --lib loom_models --target-dir target/loom`

use super::super::layout::{Layout, SPACES_LOCK};
use super::super::model::{byte, check};
use super::*;
use loom::cell::UnsafeCell;
use loom::thread;
use std::sync::Arc;

const AT: usize = SPACES_LOCK;
/// Looks at a lock that somebody holds.
const LOOKS: Duration = Duration::from_millis(2);

/// A region as large as it must be, and what its lock guards.
struct Shared {
    map: Map,
    guarded: UnsafeCell<()>,
}

impl Shared {
    fn new() -> Arc<Shared> {
        let layout = Layout::new(1, 2, 3, 64).expect("the smallest region");
        Arc::new(Shared { map: Map::blank(layout, &[], &[AT * 2..AT * 2 + 2]), guarded: UnsafeCell::new(()) })
    }

    /// Takes the lock and changes what it guards. Whether a repair was due; `None` if it was not to be had.
    fn change(&self, session: &Session) -> Option<bool> {
        let guard = lock(session, &self.map, AT, LOOKS).ok()?;
        self.guarded.with_mut(|_| ());
        Some(guard.repair)
    }

    /// Takes the lock, begins a change, and dies. Whether it had the lock.
    fn die_changing(&self, session: &Session) -> bool {
        let held = lock(session, &self.map, AT, LOOKS).map(std::mem::forget).is_ok();
        if held {
            self.guarded.with_mut(|_| ());
        }
        byte::die(&self.map, session.me(&self.map).expect("it has joined").row());
        held
    }

    fn join(&self) -> Session {
        let session = Session::new(&self.map);
        assert!(session.me(&self.map).is_some());
        session
    }
}

#[test]
fn the_living_have_it_one_at_a_time() {
    check(
        || {
            let shared = Shared::new();
            let other = Arc::clone(&shared);
            let other = thread::spawn(move || other.change(&other.join()));
            let mine = shared.change(&shared.join());
            let other = other.join().expect("a panic ends the model");
            assert!([mine, other].iter().all(|repair| *repair != Some(true)), "nobody died");
            assert_eq!(shared.change(&shared.join()), Some(false));
        },
        &["released too early", "name before generation", "taken without a look"],
    );
}

#[test]
fn what_a_dying_owner_leaves_is_repaired() {
    check(
        || {
            let shared = Shared::new();
            let (dying, session) = (Arc::clone(&shared), shared.join());
            let dying = thread::spawn(move || dying.die_changing(&session));
            let session = shared.join();
            let mine = shared.change(&session);
            let died = dying.join().expect("a panic ends the model");
            let last = shared.change(&session);
            assert!(last.is_some(), "a dead owner is waited for");
            assert_eq!([mine, last].iter().filter(|repair| **repair == Some(true)).count(), usize::from(died));
        },
        &["released too early"],
    );
}

#[test]
fn two_who_find_a_dead_owner_repair_once() {
    check(
        || {
            let shared = Shared::new();
            let sessions = [(); 3].map(|()| shared.join());
            let [dead, other, mine] = sessions;
            assert!(shared.die_changing(&dead));
            let waiting = Arc::clone(&shared);
            let waiting = thread::spawn(move || waiting.change(&other));
            let first = shared.change(&mine);
            let other = waiting.join().expect("a panic ends the model");
            let last = shared.change(&mine);
            assert_eq!([first, other, last].iter().filter(|repair| **repair == Some(true)).count(), 1);
        },
        &["released too early", "taken without a look"],
    );
}

#[test]
fn who_comes_after_the_dead_is_not_taken_for_them() {
    check(
        || {
            let shared = Shared::new();
            let (next, dying) = (Arc::clone(&shared), shared.join());
            let next = thread::spawn(move || {
                let died = next.die_changing(&dying);
                // It has the row of the dead.
                let session = next.join();
                (died, next.change(&session), session)
            });
            let session = shared.join();
            let mine = shared.change(&session);
            let (died, other, _alive) = next.join().expect("a panic ends the model");
            let last = shared.change(&session);
            assert!(last.is_some(), "a dead owner is waited for");
            let repairs = [mine, other, last].iter().filter(|repair| **repair == Some(true)).count();
            assert_eq!(repairs, usize::from(died));
        },
        &["generation not raised", "generation without the past"],
    );
}
