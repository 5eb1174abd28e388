//! What was put and is taken back.

use super::{at, fresh_space, must, record, value};
use crate::Backend;

/// What was put is gone when it is taken back, whether the caller still has it or not; nothing else is, but what was put
/// in its place may be.
///
/// # Panics
/// When it is still there, or something else is gone.
pub fn take_back(backend: &dyn Backend) {
    let space = fresh_space();
    must("open", backend.open(&space));
    for kept in [true, false] {
        for bytes in [b"own".to_vec(), vec![7; 200_000]] {
            let own = record(bytes);
            must("put", backend.put(&space, b"other", &record("other"), at(1)));
            must("put", backend.put(&space, b"key", &own, at(1)));
            let taken = must("take_back", backend.take_back(&space, b"key", kept.then_some(&own)));
            assert!(taken, "what was there was not taken back");
            assert_eq!(value(backend, &space, b"key", at(2)), None, "what was taken back is there");
            assert_eq!(value(backend, &space, b"other", at(2)), Some(b"other".to_vec()), "another key is gone");
            let again = must("take_back", backend.take_back(&space, b"key", kept.then_some(&own)));
            assert!(!again, "something was taken back where nothing is");
        }
    }
    must("put", backend.put(&space, b"key", &record("later"), at(3)));
    let taken = must("take_back", backend.take_back(&space, b"key", Some(&record("own"))));
    let left = value(backend, &space, b"key", at(4));
    let kept = if taken { None } else { Some(b"later".to_vec()) };
    assert_eq!(left, kept, "it does not say what became of the value that came later");
    must("clear", backend.clear(&space));
}
