//! Many threads on one space.

use super::{Draw, at, fresh_space, must, opens, value};
use crate::{Backend, Error, ErrorKind, Record, Space, Timestamp, Visit};

/// Four threads put, get, remove and scan at once: every value belongs to its key, and the bound, if the backend keeps one, holds throughout.
///
/// # Panics
/// When a value is wrong, the bound is exceeded, or an error is not [`ErrorKind::Busy`].
pub fn hammer(backend: &dyn Backend) {
    let mut space = Space { maxsize: Some(50), ..fresh_space() };
    if !opens(backend, &space) {
        space = fresh_space();
        must("open", backend.open(&space));
    }
    std::thread::scope(|scope| {
        for thread in 1..=4u64 {
            let space = &space;
            scope.spawn(move || {
                let mut draw = Draw(thread * 0x9e37_79b9);
                for step in 0..400 {
                    let key = draw.below(100);
                    work(backend, space, (key, at(step)), draw.below(20));
                    let Some(len) = patient("len", backend.len(space)) else { continue };
                    assert!(space.maxsize.is_none_or(|most| len <= most), "{len} entries in {space:?}");
                }
            });
        }
    });
    let there =
        (0..100).filter(|key| value(backend, &space, &bytes(*key), at(500)).is_some_and(|got| got == filled(*key)));
    assert_eq!(there.count() as u64, must("len", backend.len(&space)), "len is the number of entries that can be got");
}

fn work(backend: &dyn Backend, space: &Space, (key, now): (u64, Timestamp), kind: u64) {
    match kind {
        0..8 => {
            let record = Record { value: filled(key), expires: Timestamp::NEVER };
            patient("put", backend.put(space, &bytes(key), &record, now));
        }
        8..17 => {
            let got = patient("get", backend.get(space, &bytes(key), now)).flatten();
            assert!(got.is_none_or(|record| record.value == filled(key)), "key {key} has the value of another");
        }
        17 | 18 => {
            patient("remove", backend.remove(space, &bytes(key)));
        }
        _ => {
            let result = backend.scan(space, now, &mut |key, record| {
                let key = u64::from_le_bytes(key.try_into().expect("keys of eight bytes were put"));
                assert_eq!(record.value, filled(key), "a scan shows a key with the value of another");
                Visit::Keep
            });
            if result.as_ref().is_err_and(|error| error.kind() == ErrorKind::Unsupported) {
                return;
            }
            patient("scan", result);
        }
    }
}

fn bytes(key: u64) -> [u8; 8] {
    key.to_le_bytes()
}

/// A value that tells which key it belongs to in every byte.
fn filled(key: u64) -> Vec<u8> {
    vec![key as u8; 16 + key as usize * 7]
}

/// The value; none when the backend was busy, which under contention it may say.
fn patient<T>(what: &str, result: Result<T, Error>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error) if error.kind() == ErrorKind::Busy => None,
        Err(error) => panic!("{what} failed under contention: {error}"),
    }
}
