#![expect(clippy::unwrap_used, reason = "tests")]

use super::{HEADER, Label, hashed, open, seal};
use crate::bytes::Stamp;
use crate::error::ErrorKind;
use crate::tags::Carried;
use crate::time::Timestamp;
use proptest::prelude::*;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

const NOW: Timestamp = Timestamp::from_micros(1_000_000_000);

fn label(key: &[u8]) -> Label<'_> {
    Label { seed: 3, key, hashed: false, codec: 1, shape: 7 }
}

fn stamp() -> Stamp {
    Stamp {
        created: Timestamp::from_micros(100),
        expires: Timestamp::NEVER,
        cost: Duration::from_micros(5),
        own_life: false,
        tags: None,
    }
}

fn sealed(label: &Label<'_>, stamp: Stamp, value: &[u8]) -> Vec<u8> {
    let mut record = vec![0xee; HEADER];
    record.extend_from_slice(value);
    seal(label, &stamp, &mut record).unwrap();
    record
}

fn record(key: &[u8], value: &[u8]) -> Vec<u8> {
    sealed(&label(key), stamp(), value)
}

fn refused(label: &Label<'_>, record: &[u8]) -> bool {
    matches!(open(label, record, NOW), Err(error) if error.kind() == ErrorKind::Damaged)
}

fn message(label: &Label<'_>, record: &[u8]) -> String {
    open(label, record, NOW).unwrap_err().to_string()
}

#[test]
fn golden_bytes() {
    let record = record(b"some key", b"value");
    let head = [
        b'm', b'l', b't', 1, 1, 0, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 100, 0, 0, 0, 0, 0, 0, 0, 255, 255, 255, 255, 255,
        255, 255, 255, 5, 0, 0, 0, 5, 0, 0, 0,
    ];
    assert_eq!(record[..40], head);
    assert_eq!(record[56..], *b"value");
    assert_eq!(u128::from_le_bytes(record[40..56].try_into().unwrap()), 61557975074155363845751334594899074569);
}

#[test]
fn every_change_of_a_byte_is_refused() {
    let key = *b"some key";
    let value: Vec<u8> = (0..24).collect();
    let record = record(&key, &value);
    assert_eq!(open(&label(&key), &record, NOW).unwrap(), Some((&value[..], stamp())));
    let mut reasons = BTreeMap::new();
    for at in 0..record.len() {
        for change in 1..=255 {
            let mut damaged = record.clone();
            damaged[at] ^= change;
            *reasons.entry(message(&label(&key), &damaged)).or_insert(0) += 1;
        }
    }
    assert_eq!(reasons.values().sum::<u32>(), 80 * 255);
    for at in 0..key.len() {
        for change in 1..=255 {
            let mut other = key;
            other[at] ^= change;
            assert!(refused(&label(&other), &record));
        }
    }
}

#[test]
fn every_pair_of_flipped_bits_is_refused() {
    let record = record(b"some key", &[7; 24]);
    for first in 0..record.len() * 8 {
        for second in first + 1..record.len() * 8 {
            let mut damaged = record.clone();
            damaged[first / 8] ^= 1 << (first % 8);
            damaged[second / 8] ^= 1 << (second % 8);
            assert!(refused(&label(b"some key"), &damaged), "bits {first} and {second}");
        }
    }
}

#[test]
fn every_length_but_the_right_one_is_refused() {
    let record = record(b"some key", &[0; 24]);
    for length in 0..record.len() {
        assert!(refused(&label(b"some key"), &record[..length]));
    }
    for more in 1..64 {
        let mut longer = record.clone();
        longer.resize(record.len() + more, 0);
        assert!(refused(&label(b"some key"), &longer));
    }
    for length in [0, 10, HEADER, HEADER + 1, 200] {
        assert!(refused(&label(b"some key"), &vec![0; length]));
        assert!(refused(&label(b"some key"), &vec![0xff; length]));
    }
}

#[test]
fn torn_and_zeroed_records_are_refused() {
    let (one, other) = (record(b"a", b"value a"), record(b"b", b"value b"));
    for cut in 0..one.len() {
        let torn = [&one[..cut], &other[cut..]].concat();
        assert!(torn == one || refused(&label(b"a"), &torn));
        let mut zeroed = one.clone();
        zeroed[cut..].fill(0);
        assert!(zeroed == one || refused(&label(b"a"), &zeroed));
    }
}

#[test]
fn a_record_is_good_for_its_key_and_space_alone() {
    let (one, other) = (record(b"a", b"value a"), record(b"b", b"value b"));
    assert!(refused(&label(b"b"), &one));
    assert!(refused(&label(b"a"), &other));
    assert!(refused(&Label { seed: 4, ..label(b"a") }, &one));
    assert!(refused(&label(b""), &record(b"\0", b"")));
    assert_ne!(
        record(b"ab", b"c")[40..56],
        record(b"a", b"bc")[40..56],
        "bytes of the key do not slide into the value"
    );
}

#[test]
fn another_codec_type_or_key_form_is_told_from_damage() {
    let record = record(b"a", b"value");
    assert!(message(&Label { codec: 2, ..label(b"a") }, &record).contains("written by codec 1, not 2"));
    assert!(message(&Label { shape: 8, ..label(b"a") }, &record).contains("another type of value"));
    assert!(message(&Label { hashed: true, ..label(b"a") }, &record).contains("stored in another form"));
    assert!(message(&label(b"b"), &record).contains("checksum"));
    let mut foreign = record.clone();
    foreign[3] = 2;
    assert!(message(&label(b"a"), &foreign).contains("format 2"));
    foreign[0] = b'x';
    assert!(message(&label(b"a"), &foreign).contains("not ours"));
}

#[test]
fn a_full_key_does_not_pass_for_a_hashed_one() {
    let key = [9; 40];
    let full = sealed(&label(&key), stamp(), b"value");
    let long = Label { hashed: true, ..label(&key) };
    assert!(refused(&long, &full));
    assert!(!hashed(&full));
    let of_hash = sealed(&long, stamp(), b"value");
    assert!(refused(&label(&key), &of_hash));
    assert!(hashed(&of_hash));
    assert!(!hashed(&[]));
}

#[test]
fn an_expired_record_is_absent() {
    let expires = |at| Stamp { expires: at, ..stamp() };
    let at_once = sealed(&label(b"a"), expires(NOW), b"v");
    assert_eq!(open(&label(b"a"), &at_once, NOW).unwrap(), None);
    let soon = sealed(&label(b"a"), expires(NOW.after(Duration::from_micros(1))), b"v");
    assert!(open(&label(b"a"), &soon, NOW).unwrap().is_some());
}

#[test]
fn a_record_from_the_future_is_refused() {
    let created = |ahead| Stamp { created: NOW.after(Duration::from_secs(ahead)), ..stamp() };
    let near = sealed(&label(b"a"), created(3600), b"v");
    assert!(open(&label(b"a"), &near, NOW).unwrap().is_some());
    let far = sealed(&label(b"a"), created(3601), b"v");
    assert!(refused(&label(b"a"), &far));
    assert!(message(&label(b"a"), &far).contains("3601 s in the future"));
    assert!(open(&label(b"a"), &far, Timestamp::NEVER).unwrap().is_none(), "nothing outlives the end of time");
}

#[test]
fn a_time_of_its_own_is_told_whatever_the_form_of_the_key() {
    for (hashed, own_life) in [(false, false), (false, true), (true, false), (true, true)] {
        let (label, stamp) = (Label { hashed, ..label(b"a") }, Stamp { own_life, ..stamp() });
        let record = sealed(&label, stamp.clone(), b"v");
        assert_eq!(open(&label, &record, NOW).unwrap(), Some((&b"v"[..], stamp)));
        assert_eq!(super::hashed(&record), hashed);
    }
}

#[test]
fn tags_come_back_and_are_under_the_sum() {
    let carried = Carried { epoch: 9, clock: 8, tags: vec![(&b"one"[..]).into(), (&b""[..]).into()] };
    let stamp = Stamp { tags: Some(Arc::new(carried)), ..stamp() };
    let record = sealed(&label(b"a"), stamp.clone(), b"value");
    assert_eq!(open(&label(b"a"), &record, NOW).unwrap(), Some((&b"value"[..], stamp)));
    for at in 0..record.len() {
        let mut damaged = record.clone();
        damaged[at] ^= 4;
        assert!(refused(&label(b"a"), &damaged), "byte {at}");
    }
}

#[test]
fn the_cost_is_bounded_by_its_field() {
    let long = Stamp { cost: Duration::from_secs(1 << 40), ..stamp() };
    let record = sealed(&label(b"a"), long, b"v");
    let (_, stamp) = open(&label(b"a"), &record, NOW).unwrap().unwrap();
    assert_eq!(stamp.cost, Duration::from_micros(u32::MAX.into()));
}

#[cfg(target_pointer_width = "64")]
#[test]
fn a_value_that_its_length_field_cannot_hold_is_an_error() {
    // Zeroed memory that nobody touches costs nothing.
    let mut record = vec![0; HEADER + (1 << 32)];
    assert_eq!(seal(&label(b"a"), &stamp(), &mut record).unwrap_err().kind(), ErrorKind::Codec);
}

proptest! {
    #[test]
    fn what_was_sealed_opens(key: Vec<u8>, value: Vec<u8>, seed: u64, codec: u8, shape: u64, hashed: bool, cost: u32) {
        let label = Label { seed, key: &key, hashed, codec, shape };
        let stamp = Stamp { cost: Duration::from_micros(cost.into()), ..stamp() };
        let record = sealed(&label, stamp.clone(), &value);
        prop_assert_eq!(open(&label, &record, NOW).unwrap(), Some((&value[..], stamp)));
    }

    #[test]
    fn arbitrary_bytes_are_refused(bytes: Vec<u8>) {
        prop_assert!(refused(&label(b"a"), &bytes));
        let with_magic = [b"mlt\x01".as_slice(), &bytes].concat();
        prop_assert!(refused(&label(b"a"), &with_magic));
    }
}
