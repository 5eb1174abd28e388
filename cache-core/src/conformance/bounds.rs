//! The bounds of a space, at every moment.

use super::{Draw, at, fresh_space, must, opens, record, value};
use crate::{Backend, Policy, Record, Space};

/// `maxsize` is exact for every policy: never exceeded, never undercut, and the newest entry is there.
///
/// # Panics
/// When it is not.
pub fn maxsize(backend: &dyn Backend) {
    for &policy in Policy::ALL {
        for most in [0, 1, 2, 7, 100] {
            let space = Space { maxsize: Some(most), policy, ..fresh_space() };
            if !opens(backend, &space) {
                continue;
            }
            for i in 0..most * 2 + 3 {
                must("put", backend.put(&space, &i.to_le_bytes(), &record(*b"v"), at(i)));
                let len = must("len", backend.len(&space));
                assert_eq!(len, most.min(i + 1), "len after {} puts, {policy:?}, maxsize {most}", i + 1);
                let there = value(backend, &space, &i.to_le_bytes(), at(i)).is_some();
                assert_eq!(there, most > 0, "the entry just put, {policy:?}, maxsize {most}");
            }
            batch(backend, &space, most);
        }
    }
}

/// A batch keeps the bound as its puts one by one would, and its last entry is there.
fn batch(backend: &dyn Backend, space: &Space, most: u64) {
    for (step, count) in [(1_000, most * 2 + 1), (1_001, most.div_ceil(2) + 1)] {
        let entry = |i: u64| ((step * 1_000 + i).to_le_bytes().to_vec(), record(*b"batch"));
        let entries: Vec<(Vec<u8>, Record)> = (0..count).map(entry).collect();
        must("put_many", backend.put_many(space, &entries, at(step)));
        assert_eq!(must("len", backend.len(space)), most, "len after a batch of {count}, {space:?}");
        let last = entries.last().is_some_and(|(key, _)| value(backend, space, key, at(step)).is_some());
        assert_eq!(last, most > 0, "the last entry of a batch of {count} is there, {space:?}");
    }
}

/// `max_bytes` holds for every policy, and is used.
///
/// # Panics
/// When it is exceeded, or an entry that fits is not kept.
pub fn max_bytes(backend: &dyn Backend) {
    const MOST: u64 = 10_000;
    for &policy in Policy::ALL {
        let space = Space { max_bytes: Some(MOST), policy, ..fresh_space() };
        if !opens(backend, &space) {
            continue;
        }
        let mut draw = Draw(0x5eed);
        for step in 0..150 {
            let (key, size) = (draw.below(60), draw.below(700) as usize);
            must("put", backend.put(&space, &key.to_le_bytes(), &record(vec![step as u8; size]), at(step)));
            assert!(value(backend, &space, &key.to_le_bytes(), at(step)).is_some(), "the entry just put, {policy:?}");
            if step % 10 == 9 {
                let held = held(backend, &space);
                assert!(held <= MOST, "{held} bytes are held where {MOST} are allowed, {policy:?}");
                assert!(step < 50 || held > MOST / 2, "{held} bytes are held where {MOST} are allowed, {policy:?}");
            }
        }
        must("put", backend.put(&space, b"large", &record(*b"small"), at(200)));
        let len = must("len", backend.len(&space));
        must("put", backend.put(&space, b"large", &record(vec![0; MOST as usize]), at(201)));
        assert_eq!(value(backend, &space, b"large", at(201)), None, "an entry that cannot fit is not kept, {policy:?}");
        assert_eq!(must("len", backend.len(&space)), len - 1, "nobody leaves for an entry that cannot fit, {policy:?}");
    }
}

/// The bytes of the keys and values that can be got.
fn held(backend: &dyn Backend, space: &Space) -> u64 {
    let size = |key: u64| value(backend, space, &key.to_le_bytes(), at(150)).map_or(0, |value| value.len() as u64 + 8);
    (0..60).map(size).sum()
}

/// Opening a space with other bounds adapts it, and nothing else is lost.
///
/// # Panics
/// When the new bounds do not hold, or more is gone than they demand.
pub fn shrink(backend: &dyn Backend) {
    for &policy in Policy::ALL {
        let mut space = Space { maxsize: Some(100), policy, ..fresh_space() };
        if !opens(backend, &space) {
            continue;
        }
        for i in 0..100u64 {
            must("put", backend.put(&space, &i.to_le_bytes(), &record(vec![0; 92]), at(i)));
        }
        for (maxsize, bytes, left) in
            [(Some(100), None, 100), (Some(40), None, 40), (None, Some(2_000), 20), (Some(9), None, 9)]
        {
            (space.maxsize, space.max_bytes) = (maxsize, bytes);
            if !opens(backend, &space) {
                continue;
            }
            let len = must("len", backend.len(&space));
            assert_eq!(len, left, "len after opening with maxsize {maxsize:?}, max_bytes {bytes:?}, {policy:?}");
        }
        (space.maxsize, space.max_bytes) = (None, None);
        assert!(opens(backend, &space), "an unbounded space must be accepted");
        for i in 200..400u64 {
            must("put", backend.put(&space, &i.to_le_bytes(), &record(*b"v"), at(i)));
        }
        let len = must("len", backend.len(&space));
        assert!(len >= 200, "a space opened without bounds grows, {policy:?}: {len}");
    }
}
