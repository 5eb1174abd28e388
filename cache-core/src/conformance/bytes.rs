//! What goes in comes out: bytes, spaces, expiry, batches, scans.

use super::{at, fresh_space, must, opens, record, value};
use crate::{Backend, ErrorKind, Record, Timestamp, Visit};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Empty values, every byte, and a megabyte come back as they went in, with their expiry.
///
/// # Panics
/// When they do not.
pub fn round_trip(backend: &dyn Backend) {
    let space = fresh_space();
    assert!(opens(backend, &space), "an unbounded space must be accepted");
    let every: Vec<u8> = (0..=255).collect();
    let large: Vec<u8> = (0..1 << 20).map(|i: u32| (i.wrapping_mul(2_654_435_761) >> 24) as u8).collect();
    let values: [(&[u8], Vec<u8>); 4] = [(b"empty", vec![]), (b"one", vec![7]), (b"every", every), (b"large", large)];
    assert_eq!(value(backend, &space, b"empty", at(0)), None, "nothing was put yet");
    for (i, (key, bytes)) in (1..).zip(&values) {
        let record = Record { value: bytes.clone(), expires: at(1_000 + i) };
        must("put", backend.put(&space, key, &record, at(0)));
        let got = must("get", backend.get(&space, key, at(1)));
        assert_eq!(got.as_ref(), Some(&record), "the record of {:?}", String::from_utf8_lossy(key));
        assert_eq!(must("len", backend.len(&space)), i, "len after {i} puts");
    }
    for (key, bytes) in &values {
        assert_eq!(value(backend, &space, key, at(2)).as_ref(), Some(bytes), "a later put changed another key");
    }
}

/// A second put replaces, `remove` says what it did, `clear` leaves nothing.
///
/// # Panics
/// When they do not.
pub fn replace_and_remove(backend: &dyn Backend) {
    let space = fresh_space();
    assert!(opens(backend, &space), "an unbounded space must be accepted");
    for (step, bytes) in
        (0..).zip([&b"long enough to be shortened"[..], b"short", b"", b"long again, and longer than before"])
    {
        must("put", backend.put(&space, b"key", &record(bytes), at(step)));
        assert_eq!(value(backend, &space, b"key", at(step)).as_deref(), Some(bytes), "the last value put");
        assert_eq!(must("len", backend.len(&space)), 1, "a replaced entry counts once");
    }
    assert!(must("remove", backend.remove(&space, b"key")), "remove of a present key says true");
    assert!(!must("remove", backend.remove(&space, b"key")), "remove of an absent key says false");
    assert_eq!(value(backend, &space, b"key", at(9)), None, "a removed key is absent");
    assert_eq!(must("len", backend.len(&space)), 0, "a removed entry does not count");
    for i in 0..20u8 {
        must("put", backend.put(&space, &[i], &record([i]), at(10)));
    }
    must("clear", backend.clear(&space));
    assert_eq!(must("len", backend.len(&space)), 0, "clear leaves nothing");
    assert!((0..20u8).all(|i| value(backend, &space, &[i], at(11)).is_none()), "clear leaves nothing to get");
    must("put after clear", backend.put(&space, b"key", &record(*b"new"), at(12)));
    assert_eq!(value(backend, &space, b"key", at(12)).as_deref(), Some(&b"new"[..]), "a cleared space can be used");
}

/// Keys that are prefixes of each other, hold NUL, separators and no UTF-8, or are 64 KiB long are just keys.
///
/// # Panics
/// When one is taken for another or refused.
pub fn hostile_keys(backend: &dyn Backend) {
    let space = fresh_space();
    assert!(opens(backend, &space), "an unbounded space must be accepted");
    let mut keys: Vec<Vec<u8>> =
        [&b""[..], b"\0", b"\0\0", b"a", b"a\0", b"a\0b", b"ab", b"abc", b"\xff", b"\xff\xfe\x80"]
            .iter()
            .map(|key| key.to_vec())
            .collect();
    keys.extend([b"*", b"%", b"'", b"\"", b":", b"/", b"{", b"\n"].map(|key| key.to_vec()));
    keys.push(b"' OR '1'='1".to_vec());
    keys.push(vec![b'k'; 65_536]);
    keys.push([vec![b'k'; 65_535], vec![b'l']].concat());
    keys.extend((0..=255).map(|byte| vec![byte, 0xaa]));
    for (i, key) in (0u32..).zip(&keys) {
        must("put", backend.put(&space, key, &record(i.to_le_bytes()), at(0)));
    }
    assert_eq!(must("len", backend.len(&space)), keys.len() as u64, "every key is an entry of its own");
    for (i, key) in (0u32..).zip(&keys) {
        let got = value(backend, &space, key, at(1));
        assert_eq!(got.as_deref(), Some(&i.to_le_bytes()[..]), "key number {i} of {} bytes", key.len());
    }
    for (i, key) in keys.iter().enumerate().step_by(2) {
        assert!(must("remove", backend.remove(&space, key)), "key number {i} was there");
    }
    for (i, key) in keys.iter().enumerate() {
        assert_eq!(value(backend, &space, key, at(2)).is_some(), i % 2 == 1, "key number {i} after every other went");
    }
}

/// The same key in several spaces is several entries, also when names are prefixes of each other.
///
/// # Panics
/// When one space sees what was done to another.
pub fn spaces_apart(backend: &dyn Backend) {
    let base = fresh_space();
    let spaces = ["", "a", "ab", "a:b", "\u{e9}", "*"].map(|end| {
        let mut space = base.clone();
        space.name = format!("{}{end}", space.name).into();
        space
    });
    for (i, space) in (0u8..).zip(&spaces) {
        assert!(opens(backend, space), "an unbounded space must be accepted");
        must("put", backend.put(space, b"key", &record([i]), at(0)));
        must("put", backend.put(space, &[i], &record([i]), at(0)));
    }
    for (i, space) in (0u8..).zip(&spaces) {
        assert_eq!(value(backend, space, b"key", at(1)), Some(vec![i]), "the value of its own space");
        assert_eq!(must("len", backend.len(space)), 2, "entries of its own");
    }
    must("clear", backend.clear(&spaces[1]));
    must("remove", backend.remove(&spaces[3], b"key"));
    for (i, space) in (0u8..).zip(&spaces) {
        let left = [2, 0, 2, 1, 2, 2][usize::from(i)];
        assert_eq!(must("len", backend.len(space)), left, "space {i} after a clear of space 1 and a remove in space 3");
        assert_eq!(value(backend, space, b"key", at(2)).is_some(), left == 2, "the key of space {i}");
    }
}

/// A record is answered before its expiry, and not from then on.
///
/// # Panics
/// When it is answered too long or not long enough.
pub fn expiry(backend: &dyn Backend) {
    let space = fresh_space();
    assert!(opens(backend, &space), "an unbounded space must be accepted");
    let before = |moment: Timestamp| Timestamp::from_micros(moment.as_micros() - 1);
    let expiring = Record { value: b"v".to_vec(), expires: at(10) };
    must("put", backend.put(&space, b"expiring", &expiring, at(0)));
    must("put", backend.put(&space, b"lasting", &record(*b"v"), at(0)));
    must("put", backend.put(&space, b"dead", &Record { value: b"v".to_vec(), expires: at(0) }, at(0)));
    let moments = [(at(1), true), (before(at(10)), true), (at(10), false), (at(11), false)];
    for (now, alive) in moments {
        assert_eq!(value(backend, &space, b"expiring", now).is_some(), alive, "expires {:?}, now {now:?}", at(10));
        assert!(value(backend, &space, b"lasting", now).is_some(), "what never expires is there at {now:?}");
        assert!(value(backend, &space, b"dead", now).is_none(), "what expired when it was put is absent");
    }
    must("put", backend.put(&space, b"expiring", &Record { value: b"w".to_vec(), expires: at(30) }, at(20)));
    assert_eq!(value(backend, &space, b"expiring", at(29)).as_deref(), Some(&b"w"[..]), "a put renews the expiry");
    let far = Timestamp::from_micros(u64::MAX - 1);
    assert!(value(backend, &space, b"lasting", far).is_some(), "what never expires is there at the end of time");
}

/// A batch is the same as its puts, whatever it repeats.
///
/// # Panics
/// When it is not.
pub fn batches(backend: &dyn Backend) {
    let space = fresh_space();
    assert!(opens(backend, &space), "an unbounded space must be accepted");
    must("an empty batch", backend.put_many(&space, &[], at(0)));
    must("put", backend.put(&space, &7u32.to_le_bytes(), &record(*b"old"), at(0)));
    let mut entries: Vec<(Vec<u8>, Record)> =
        (0..500u32).map(|i| (i.to_le_bytes().to_vec(), record(vec![i as u8; i as usize]))).collect();
    entries.push((3u32.to_le_bytes().to_vec(), record(*b"the later one")));
    must("put_many", backend.put_many(&space, &entries, at(1)));
    assert_eq!(must("len", backend.len(&space)), 500, "a key twice in a batch is one entry");
    for i in 0..500u32 {
        let expected = if i == 3 { b"the later one".to_vec() } else { vec![i as u8; i as usize] };
        assert_eq!(value(backend, &space, &i.to_le_bytes(), at(2)), Some(expected), "entry {i} of a batch");
    }
}

/// A scan shows every live record once, removes what it is told to, stops when it is told to, and may call back.
///
/// # Panics
/// When it does not; a backend without scans passes.
pub fn scan(backend: &dyn Backend) {
    let (space, other) = (fresh_space(), fresh_space());
    assert!(opens(backend, &space) && opens(backend, &other), "an unbounded space must be accepted");
    for i in 0..300u32 {
        let expires = if i % 3 == 0 { at(5) } else { Timestamp::NEVER };
        let record = Record { value: vec![i as u8; 10], expires };
        must("put", backend.put(&space, &i.to_be_bytes(), &record, at(0)));
        must("put", backend.put(&other, &i.to_be_bytes(), &record, at(0)));
    }
    let mut seen = BTreeMap::new();
    let result = backend.scan(&space, at(9), &mut |key, record| {
        *seen.entry(key.to_vec()).or_insert(0) += 1;
        let i = u32::from_be_bytes(key.try_into().expect("keys of four bytes were put"));
        assert_eq!(record.value, vec![i as u8; 10], "the record of the key it is shown with");
        // Called back from inside: no lock may be held meanwhile.
        assert!(value(backend, &space, key, at(9)).is_some(), "what a scan shows can be got");
        if i % 2 == 0 { Visit::Remove } else { Visit::Keep }
    });
    if result.as_ref().is_err_and(|error| error.kind() == ErrorKind::Unsupported) {
        return;
    }
    must("scan", result);
    assert_eq!(seen.len(), 200, "every live record is shown");
    assert!(seen.values().all(|times| *times == 1), "each is shown once");
    for i in 0..300u32 {
        let alive = i % 3 != 0 && i % 2 == 1;
        assert_eq!(
            value(backend, &space, &i.to_be_bytes(), at(9)).is_some(),
            alive,
            "record {i} after a scan that removes"
        );
        assert_eq!(
            value(backend, &other, &i.to_be_bytes(), at(9)).is_some(),
            i % 3 != 0,
            "record {i} of another space"
        );
    }
    let mut shown = 0;
    must(
        "scan",
        backend.scan(&space, at(9), &mut |_, _| {
            shown += 1;
            if shown == 10 { Visit::Stop } else { Visit::Keep }
        }),
    );
    assert_eq!(shown, 10, "a scan stops when it is told to");
}

/// What was put through one backend is got through the next that `make` returns. For backends that outlive the process.
///
/// # Panics
/// When it is not.
pub fn reopened(make: impl Fn() -> Arc<dyn Backend>) {
    let mut space = fresh_space();
    space.maxsize = Some(50);
    let entries =
        |backend: &dyn Backend| (0..60u8).filter(|i| value(backend, &space, &[*i], at(100)) == Some(vec![*i])).count();
    let first = make();
    assert!(opens(&*first, &space), "a bounded space must be accepted");
    for i in 0..60u8 {
        must("put", first.put(&space, &[i], &record([i]), at(u64::from(i))));
    }
    must("flush", first.flush());
    drop(first);
    let second = make();
    assert!(opens(&*second, &space), "a space that exists must be accepted");
    assert_eq!(must("len", second.len(&space)), 50, "len after reopening");
    assert_eq!(entries(&*second), 50, "entries after reopening");
    assert!(value(&*second, &space, &[59], at(100)).is_some(), "the last entry put is there");
    must("put", second.put(&space, b"more", &record(*b"more"), at(101)));
    assert_eq!(must("len", second.len(&space)), 50, "the bound holds after reopening");
}
