//! Values and keys that are larger than an entry can be.

use crate::support::{Dir, at, has, open, put, record, space, value};
use memolith_core::{Backend, ErrorKind, Policy, Visit};

#[test]
fn values_of_every_size_come_back() {
    let dir = Dir::new("sizes");
    let region = dir.region(64);
    let space = space("sizes", None, Policy::Lru);
    open(&region, &space);
    let sizes = (0..40).chain([4095, 4096, 65_000, 131_000, 131_072, 140_000, 262_144, 1 << 20, 5 << 20]);
    for (key, size) in (0..).zip(sizes) {
        put(&region, &space, key, size, 0);
        assert!(has(&region, &space, key, size, 1), "a value of {size} bytes");
    }
}

#[test]
fn a_value_too_large_for_the_region_is_refused_and_what_was_there_is_gone() {
    let dir = Dir::new("refused");
    let region = dir.region(16);
    let space = space("refused", None, Policy::Lru);
    open(&region, &space);
    put(&region, &space, 7, 10, 0);
    let refused = region.put(&space, &7_u64.to_le_bytes(), &record(vec![0; 3 << 20]), at(1)).unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Unsupported);
    assert!(refused.to_string().contains("larger"), "{refused}");
    assert!(!has(&region, &space, 7, 10, 2));
    assert_eq!(region.info().oversize, 1);
}

#[test]
fn pieces_leave_with_their_value() {
    let dir = Dir::new("pieces");
    let region = dir.region(16);
    let space = space("pieces", Some(4), Policy::Fifo);
    open(&region, &space);
    for key in 0..12 {
        put(&region, &space, key, 700_000, key);
    }
    let live = region.info().live;
    assert!((4 * 700_000..5 * 700_000).contains(&live), "{live} bytes are live for 4 values of 700,000");
    put(&region, &space, 11, 20, 20);
    assert!(region.info().live < 3 * 710_000, "what was replaced has left its pieces behind");
    assert!(region.remove(&space, &10_u64.to_le_bytes()).unwrap());
    assert!(region.info().live < 2 * 710_000, "what was removed has left its pieces behind");
    region.clear(&space).unwrap();
    assert_eq!(region.info().live, 0);
    assert_eq!(region.len(&space).unwrap(), 0);
}

#[test]
fn long_keys_that_differ_in_one_byte_are_two() {
    let dir = Dir::new("long-keys");
    let region = dir.region(16);
    let space = space("long", None, Policy::Lru);
    open(&region, &space);
    let key = |last: u8| [vec![b'k'; 100_000], vec![last]].concat();
    for last in 0..5 {
        region.put(&space, &key(last), &record(value(u64::from(last), 300)), at(0)).unwrap();
    }
    let mut seen = vec![];
    let mut visit = |found: &[u8], record: &memolith_core::Record| {
        let last = found[100_000];
        assert!(found == key(last) && record.value == value(u64::from(last), 300));
        seen.push(last);
        if last == 3 { Visit::Remove } else { Visit::Keep }
    };
    region.scan(&space, at(1), &mut visit).unwrap();
    seen.sort_unstable();
    assert_eq!(seen, [0, 1, 2, 3, 4]);
    for last in 0..5 {
        let found = region.get(&space, &key(last), at(1)).unwrap().map(|record| record.value);
        assert_eq!(found, (last != 3).then(|| value(u64::from(last), 300)));
    }
    // What a long key is kept as.
    let digest = xxhash_rust::xxh3::xxh3_128(&key(0)).to_le_bytes();
    let found = region.get(&space, &digest, at(1)).unwrap();
    assert_eq!(found, None, "a key that is the digest of another is another");
}
