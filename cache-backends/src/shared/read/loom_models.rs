//! Models of a reader beside writers that replace, move and remove what it reads, and use its segment again. The checksum
//! is not looked at: the sequence protocol alone has to do. For each the planted bugs that it must find.
//!
//! The writers are the real ones, in a stripe of three segments, of which a test says when they are full.
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p memolith-backends --features shared --lib loom_models --target-dir target/loom`

use super::super::layout::Layout;
use super::super::lock::{Guard, PATIENCE, lock};
use super::super::model::{byte, check};
use super::super::session::Session;
use super::super::spaces::{self, Bounds, Spaces};
use super::super::stripe::Stripe;
use super::super::write::{New, Put};
use super::*;
use crate::sync::plant;
use loom::thread;
use memolith_core::Policy;
use std::cell::RefCell;
use std::sync::Arc;

const SPACE: &str = "f";
const KEY: &[u8] = b"asked it";
const OTHER: &[u8] = b"another!";
const OLD: [u8; 16] = [1; 16];
const NEW: [u8; 16] = [2; 16];
const FOREIGN: [u8; 16] = [3; 16];
/// Words of each entry.
const WORDS: usize = 6;
const NOW: Timestamp = Timestamp::from_micros(1);
const LATER: Timestamp = Timestamp::from_micros(2);

/// A region as large as it must be, with one space, and its space as it was looked up.
struct Shared {
    map: Map,
    space: Space,
}

impl Shared {
    fn new() -> Arc<Shared> {
        let layout = Layout::new(1, 2, 3, 64).expect("the smallest region");
        let segments = (0..3).map(|segment| layout.segment_at(0, segment));
        let mut words: Vec<_> = segments.map(|at| at..at + layout.segment).collect();
        words.extend([
            layout.space(0)..layout.space(1),
            layout.totals(0)..layout.book(0, super::super::layout::SPACES),
            layout.generation(0, 0)..layout.scores(0),
            layout.links(0)..layout.links(0) + 2 * super::super::layout::SLOTS,
        ]);
        let (scores, lock) = (layout.scores(0) * 2, layout.stripe(0) * 2);
        let halves = [scores..layout.links(0) * 2, lock..lock + 2];
        let map = Map::blank(layout, &words, &halves);
        (0..3).for_each(|segment| map.store(layout.generation(0, segment), 1));
        let bounds = Bounds { maxsize: u64::MAX, max_bytes: u64::MAX, policy: Policy::Fifo, spread: 0 };
        let (space, _) = spaces::claim(&map, SPACE, bounds, NOW);
        Arc::new(Shared { map, space })
    }

    /// `KEY` has its old value in the first segment, which is full as the second is; the third is free. What is written
    /// next goes there and empties the first, and what is written after it has become full goes to the first again.
    fn with_two_full_segments(before: &[&[u8]]) -> Arc<Shared> {
        let shared = Shared::new();
        before.iter().for_each(|key| shared.put(key, FOREIGN));
        shared.put(KEY, OLD);
        shared.fill(0);
        shared.put(OTHER, FOREIGN);
        assert!(shared.take(OTHER));
        shared.fill(1);
        shared
    }

    /// Takes the lock as another process would, repairs where that is due, and works.
    fn locked<'s>(&'s self, session: &Session, work: impl Fn()) -> Guard<'s> {
        let guard = lock(session, &self.map, self.map.layout.stripe(0), PATIENCE).expect("nobody living has it");
        if guard.repair {
            self.work(|stripe| stripe.repair());
        }
        work();
        guard
    }

    /// Takes room for an entry that is never written.
    fn take_room(&self) {
        let room = self.work(|stripe| stripe.room(WORDS)).expect("the books fit together");
        assert!(room.is_some());
    }

    fn work<T>(&self, work: impl Fn(&Stripe<'_>) -> T) -> T {
        work(&Stripe::new((&self.map, 0), NOW, &RefCell::default()))
    }

    fn put(&self, key: &[u8], value: [u8; 16]) {
        let new = New { value: &value, expires: LATER, manifest: None };
        let put = self.work(|stripe| stripe.put(&self.space, &self.name(key), new));
        assert!(matches!(put, Ok(Put::Done | Put::Moved)));
    }

    fn take(&self, key: &[u8]) -> bool {
        self.work(|stripe| stripe.take(&self.name(key))).expect("the books fit together")
    }

    /// Other entries fill the segment.
    fn fill(&self, segment: usize) {
        self.work(|stripe| stripe.set_tail(segment, self.map.layout.segment));
    }

    fn name<'k>(&self, key: &'k [u8]) -> Name<'k> {
        Name::new(&self.map.layout, &self.space, key)
    }

    fn get(&self) -> Option<[u8; 16]> {
        self.get_of(&self.space)
    }

    fn get_of(&self, space: &Space) -> Option<[u8; 16]> {
        let mut value = vec![];
        let name = Name::new(&self.map.layout, space, KEY);
        get(&self.map, &name, (NOW, Verify::Here), &mut value)?;
        Some(value.try_into().expect("the length of another value"))
    }
}

/// What a call that ran beside the writers may have found.
fn is_whole(found: Option<[u8; 16]>) -> bool {
    [None, Some(OLD), Some(NEW)].contains(&found)
}

#[test]
fn a_replaced_value_is_not_mixed_with_what_takes_its_place() {
    plant("no checksum");
    check(
        || {
            let shared = Shared::with_two_full_segments(&[]);
            let reading = Arc::clone(&shared);
            let reading = thread::spawn(move || reading.get());
            shared.put(KEY, NEW);
            shared.fill(2);
            shared.put(OTHER, FOREIGN);
            let found = reading.join().expect("a panic ends the model");
            assert!(is_whole(found), "{found:?}");
            assert_eq!(shared.get(), Some(NEW));
        },
        &["no fence after the odd generation", "no second look at the generation"],
    );
}

#[test]
fn a_value_that_comes_where_the_old_one_was_is_not_read_half_written() {
    plant("no checksum");
    check(
        || {
            let shared = Shared::with_two_full_segments(&[]);
            let reading = Arc::clone(&shared);
            let reading = thread::spawn(move || reading.get());
            shared.put(OTHER, FOREIGN);
            shared.fill(2);
            shared.put(KEY, NEW);
            let found = reading.join().expect("a panic ends the model");
            assert!(is_whole(found), "{found:?}");
            assert_eq!(shared.get(), Some(NEW));
        },
        &["no fence after the odd generation", "no second look at the generation", "no second look at the slot"],
    );
}

/// A reader beside two processes: the first removes what is read and empties its segment, `end`s, and then the second
/// writes into that segment.
fn two_writers(end: fn(&Shared, &Session, Guard<'_>)) {
    // What is read lies behind another entry, so that its place is not the first that is used again.
    let shared = Shared::with_two_full_segments(&[OTHER]);
    let [first, second] = [(); 2].map(|()| Session::new(&shared.map));
    let reading = Arc::clone(&shared);
    let reading = thread::spawn(move || reading.get());
    let guard = shared.locked(&first, || {
        assert!(shared.take(KEY));
        shared.take_room();
        shared.fill(2);
        shared.take_room();
    });
    end(&shared, &first, guard);
    let writing = Arc::clone(&shared);
    let writing = thread::spawn(move || drop(writing.locked(&second, || writing.put(OTHER, FOREIGN))));
    let found = reading.join().expect("a panic ends the model");
    assert!([None, Some(OLD)].contains(&found), "{found:?}");
    writing.join().expect("a panic ends the model");
    assert_eq!(shared.get(), None);
}

#[test]
fn a_writer_that_comes_after_another_writes_into_what_that_one_has_emptied() {
    plant("no checksum");
    check(|| two_writers(|_, _, guard| drop(guard)), &["no fence under the lock", "no second look at the generation"]);
}

#[test]
fn a_writer_that_comes_after_a_dead_one_writes_into_what_that_one_has_emptied() {
    plant("no checksum");
    check(
        || {
            two_writers(|shared, session, guard| {
                std::mem::forget(guard);
                byte::die(&shared.map, session.me(&shared.map).expect("it has joined").row());
            });
        },
        &["no fence under the lock", "no second look at the generation"],
    );
}

#[test]
fn a_slot_that_is_cleared_meanwhile_leads_nowhere() {
    plant("no checksum");
    check(
        || {
            let shared = Shared::new();
            // At the place zero, where a free slot would lead.
            shared.put(KEY, OLD);
            assert!(shared.take(KEY));
            shared.put(KEY, NEW);
            let reading = Arc::clone(&shared);
            let reading = thread::spawn(move || reading.get());
            assert!(shared.take(KEY));
            let found = reading.join().expect("a panic ends the model");
            assert!([None, Some(NEW)].contains(&found), "{found:?}");
            assert_eq!(shared.get(), None);
        },
        &["a free slot followed"],
    );
}

#[test]
fn a_value_that_is_replaced_is_always_found_and_never_comes_back() {
    plant("no checksum");
    check(
        || {
            let shared = Shared::new();
            shared.put(KEY, OLD);
            let reading = Arc::clone(&shared);
            let reading = thread::spawn(move || [reading.get(), reading.get()]);
            shared.put(KEY, NEW);
            let found = reading.join().expect("a panic ends the model");
            let orders = [[OLD, OLD], [OLD, NEW], [NEW, NEW]];
            assert!(orders.iter().any(|order| order.map(Some) == found), "{found:?}");
        },
        &["slot before entry"],
    );
}

#[test]
fn what_was_being_written_when_its_space_was_renounced_is_not_found() {
    plant("no checksum");
    check(
        || {
            let shared = Shared::new();
            let clearing = Arc::clone(&shared);
            let clearing = thread::spawn(move || {
                spaces::renounce(&clearing.map, clearing.space.row);
                let space = Spaces::new().find(&clearing.map, &SPACE.into()).expect("it has a row");
                assert_eq!(clearing.get_of(&space), None);
                space
            });
            shared.put(KEY, OLD);
            let space = clearing.join().expect("a panic ends the model");
            assert_eq!(shared.get_of(&space), None);
        },
        &["epoch of the commit", "any epoch"],
    );
}
