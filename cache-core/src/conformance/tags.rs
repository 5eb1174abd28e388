//! What is invalidated by tag.

use super::{fresh_space, must, opens};
use crate::{Backend, ErrorKind, TagState};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The clock only grows, says for each tag when it was invalidated last, and loses none of several threads' invalidations.
///
/// # Panics
/// When it does not; a backend that keeps no tags passes.
pub fn tags(backend: &dyn Backend) {
    let [one, other, never] = [(); 3].map(|()| fresh_space().name.as_bytes().to_vec());
    let before = match backend.tags(&[&one, &other]) {
        Err(error) if error.kind() == ErrorKind::Unsupported => return,
        answer => must("tags", answer),
    };
    assert!(before.epoch != 0, "an epoch is not zero");
    assert_eq!(before.invalidated.len(), 2, "an answer for each tag");
    assert!(before.invalidated.iter().all(|at| *at <= before.clock), "nothing was invalidated later than now");
    let first = invalidate(backend, &[&one]);
    assert!(first.epoch == before.epoch && first.clock > before.clock, "an invalidation moves the clock");
    assert!((before.clock + 1..=first.clock).contains(&first.invalidated[0]), "and is noted for its tag");
    let both = invalidate(backend, &[&other, &one]);
    assert!(both.invalidated.iter().all(|at| *at > first.clock && *at <= both.clock), "and for each of several");
    let after = must("tags", backend.tags(&[&never, &one]));
    assert_eq!((after.epoch, after.clock), (both.epoch, both.clock), "a question changes nothing");
    assert!(after.invalidated[0] <= before.clock, "a tag that was never invalidated is older than what was");
    assert_eq!(after.invalidated[1], both.invalidated[1], "a tag says when it was invalidated last");
    assert!(invalidate(backend, &[]).clock > both.clock, "an invalidation of no tags moves the clock too");
    entries_stay(backend, &one);
    at_once(backend);
}

/// An invalidation removes nothing by itself.
fn entries_stay(backend: &dyn Backend, tag: &[u8]) {
    let space = fresh_space();
    assert!(opens(backend, &space), "an unbounded space must be accepted");
    must("put", backend.put(&space, b"key", &super::record("value"), super::at(0)));
    invalidate(backend, &[tag]);
    assert_eq!(super::value(backend, &space, b"key", super::at(0)), Some(b"value".to_vec()), "an entry of any space");
}

/// Each invalidation of many threads has a clock of its own, and none is lost.
fn at_once(backend: &dyn Backend) {
    let names: Vec<Vec<u8>> = (0..4).map(|_| fresh_space().name.as_bytes().to_vec()).collect();
    let last: Vec<AtomicU64> = names.iter().map(|_| AtomicU64::new(0)).collect();
    std::thread::scope(|scope| {
        for (name, last) in names.iter().zip(&last) {
            scope.spawn(move || {
                for _ in 0..20 {
                    let at = invalidate(backend, &[name]).invalidated[0];
                    assert!(at > last.swap(at, Relaxed), "a tag is invalidated later each time");
                }
            });
        }
    });
    let names: Vec<&[u8]> = names.iter().map(Vec::as_slice).collect();
    let state = must("tags", backend.tags(&names));
    let noted: Vec<u64> = last.iter().map(|at| at.load(Relaxed)).collect();
    assert_eq!(state.invalidated, noted, "an invalidation is seen as it was answered");
}

#[track_caller]
fn invalidate(backend: &dyn Backend, tags: &[&[u8]]) -> TagState {
    loop {
        match backend.invalidate_tags(tags) {
            Err(error) if error.kind() == ErrorKind::Busy => {}
            answer => return must("invalidate_tags", answer),
        }
    }
}
