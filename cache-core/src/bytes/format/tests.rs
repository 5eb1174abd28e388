#![expect(clippy::unwrap_used, reason = "tests")]

use super::Format;
use crate::Result;
use crate::bytes::codec::{Codec, Postcard};
use crate::bytes::{KeyBytes, Stamp, Wire};
use crate::error::ErrorKind;
use crate::key::{Key, Value};
use crate::time::Timestamp;
use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::time::Duration;
use xxhash_rust::xxh3::xxh3_64;

const NOW: Timestamp = Timestamp::from_micros(1_000_000_000);

fn wire<K, V>() -> impl Wire<K, V>
where
    K: Key + Serialize + DeserializeOwned,
    V: Value + Serialize + DeserializeOwned,
{
    Format::<K, V, _>::new(Postcard)
}

fn stamp() -> Stamp {
    Stamp {
        created: NOW,
        expires: NOW.after(Duration::from_secs(60)),
        cost: Duration::from_millis(3),
        own_life: false,
        tags: None,
    }
}

type Args = (u64, String);

#[test]
fn a_value_comes_back_with_its_stamp() {
    let wire = wire::<Args, Vec<f32>>();
    let space = wire.space("area");
    let key = wire.key(&(7, "disc".into()), vec![]).unwrap();
    let record = wire.seal(xxh3_64(space.as_bytes()), &key, &vec![1.5, -0.0], stamp()).unwrap();
    let (value, stamp_back) = wire.open(xxh3_64(space.as_bytes()), &key, &record, NOW).unwrap().unwrap();
    assert_eq!(value, [1.5, -0.0]);
    assert_eq!(stamp_back, stamp());
}

#[test]
fn golden_record() {
    let wire = wire::<u8, u8>();
    let space = wire.space("f");
    assert_eq!(space, "f#c6ada5134aeb7bee");
    let key = wire.key(&5, vec![]).unwrap();
    let record = wire.seal(xxh3_64(space.as_bytes()), &key, &7, stamp()).unwrap();
    assert_eq!(record.len(), 57);
    assert_eq!(u128::from_le_bytes(record[40..56].try_into().unwrap()), 307289685946226384994736170776289363193);
}

#[test]
fn the_space_carries_the_type_of_the_key() {
    let name = |space: String| space;
    assert_ne!(name(wire::<u64, u8>().space("f")), name(wire::<i64, u8>().space("f")));
    assert_eq!(
        name(wire::<u64, u8>().space("f")),
        name(wire::<u64, String>().space("f")),
        "values have their own shape"
    );
    assert!(wire::<u64, u8>().space("f").starts_with("f#"));
    assert_eq!(wire::<u64, u8>().space("f").len(), 18);
}

#[test]
fn a_record_of_another_type_codec_key_or_space_is_refused() {
    struct Other;
    impl Codec<u32> for Other {
        fn id(&self) -> u8 {
            200
        }
        fn encode(&self, value: &u32, out: &mut Vec<u8>) -> Result<()> {
            Postcard.encode(value, out)
        }
        fn decode(&self, bytes: &[u8]) -> Result<u32> {
            Postcard.decode(bytes)
        }
        fn shape(&self) -> u64 {
            Codec::<u32>::shape(&Postcard)
        }
    }
    let unsigned = wire::<u8, u32>();
    let key = unsigned.key(&1, vec![]).unwrap();
    let record = unsigned.seal(xxh3_64(b"f"), &key, &9, stamp()).unwrap();
    assert_eq!(unsigned.open(xxh3_64(b"f"), &key, &record, NOW).unwrap().unwrap().0, 9);
    let kind = |error: crate::Error| (error.kind(), error.to_string());

    let (of_type, text) = kind(wire::<u8, i32>().open(xxh3_64(b"f"), &key, &record, NOW).unwrap_err());
    assert_eq!(of_type, ErrorKind::Damaged);
    assert!(text.contains("another type"), "{text}");

    let (of_codec, text) = kind(Format::<u8, u32, _>::new(Other).open(xxh3_64(b"f"), &key, &record, NOW).unwrap_err());
    assert_eq!(of_codec, ErrorKind::Damaged);
    assert!(text.contains("codec 1"), "{text}");

    let other_key = unsigned.key(&2, vec![]).unwrap();
    let (of_key, text) = kind(unsigned.open(xxh3_64(b"f"), &other_key, &record, NOW).unwrap_err());
    assert_eq!(of_key, ErrorKind::Damaged);
    assert!(text.contains("checksum"), "{text}");
    assert_eq!(unsigned.open(xxh3_64(b"g"), &key, &record, NOW).unwrap_err().kind(), ErrorKind::Damaged);

    let as_hash = KeyBytes { hashed: true, ..key };
    assert_eq!(unsigned.open(xxh3_64(b"f"), &as_hash, &record, NOW).unwrap_err().kind(), ErrorKind::Damaged);
}

#[test]
fn an_expired_value_is_absent() {
    let wire = wire::<u8, u32>();
    let key = wire.key(&1, vec![]).unwrap();
    let record = wire.seal(xxh3_64(b"f"), &key, &9, stamp()).unwrap();
    assert!(wire.open(xxh3_64(b"f"), &key, &record, NOW.after(Duration::from_secs(59))).unwrap().is_some());
    assert!(wire.open(xxh3_64(b"f"), &key, &record, NOW.after(Duration::from_secs(60))).unwrap().is_none());
    assert!(
        wire.open_scanned(xxh3_64(b"f"), &key.bytes, &record, NOW.after(Duration::from_secs(60))).unwrap().is_none()
    );
}

#[test]
fn a_scan_shows_full_keys() {
    let wire = wire::<Args, u8>();
    let short = (7, "disc".to_string());
    let key = wire.key(&short, vec![]).unwrap();
    let record = wire.seal(xxh3_64(b"f"), &key, &1, stamp()).unwrap();
    assert_eq!(wire.open_scanned(xxh3_64(b"f"), &key.bytes, &record, NOW).unwrap(), Some((Some(short), 1, stamp())));
    assert!(wire.open_scanned(xxh3_64(b"f"), b"other", &record, NOW).is_err());

    let long = wire.key(&(7, "x".repeat(500)), vec![]).unwrap();
    let record = wire.seal(xxh3_64(b"f"), &long, &2, stamp()).unwrap();
    assert_eq!(wire.open_scanned(xxh3_64(b"f"), &long.bytes, &record, NOW).unwrap(), Some((None, 2, stamp())));
    assert_eq!(wire.open(xxh3_64(b"f"), &long, &record, NOW).unwrap().unwrap().0, 2);
}

#[test]
fn a_codec_that_does_not_append_is_noticed() {
    struct Clears;
    impl Codec<u8> for Clears {
        fn id(&self) -> u8 {
            200
        }
        fn encode(&self, value: &u8, out: &mut Vec<u8>) -> Result<()> {
            out.clear();
            out.resize(usize::from(*value), 1);
            Ok(())
        }
        fn decode(&self, bytes: &[u8]) -> Result<u8> {
            Ok(bytes.len() as u8)
        }
    }
    let wire = Format::<u8, u8, _>::new(Clears);
    let key = wire.key(&1, vec![]).unwrap();
    for length in [0, 55, 56, 200] {
        assert_eq!(wire.seal(xxh3_64(b"f"), &key, &length, stamp()).unwrap_err().kind(), ErrorKind::Codec);
    }
}

#[test]
fn what_has_no_form_is_an_error() {
    #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
    struct Lossy {
        #[serde(skip)]
        mode: u8,
    }
    #[derive(Clone)]
    struct Mute;
    impl Serialize for Mute {
        fn serialize<S: serde::Serializer>(&self, _: S) -> Result<S::Ok, S::Error> {
            Err(serde::ser::Error::custom("no form"))
        }
    }
    impl<'de> Deserialize<'de> for Mute {
        fn deserialize<D: serde::Deserializer<'de>>(_: D) -> Result<Self, D::Error> {
            Err(serde::de::Error::custom("no form"))
        }
    }
    let lossy = wire::<Lossy, Mute>();
    assert_eq!(lossy.key(&Lossy { mode: 1 }, vec![]).unwrap_err().kind(), ErrorKind::Codec);
    let key = lossy.key(&Lossy { mode: 0 }, vec![]).unwrap();
    assert_eq!(lossy.seal(xxh3_64(b"f"), &key, &Mute, stamp()).unwrap_err().kind(), ErrorKind::Codec);
}

proptest! {
    #[test]
    fn round_trip(key: (String, Vec<u8>, Option<u64>), value: (Vec<String>, i128, Option<bool>), space: String) {
        let wire = wire::<(String, Vec<u8>, Option<u64>), (Vec<String>, i128, Option<bool>)>();
        let bytes = wire.key(&key, vec![]).unwrap();
        let record = wire.seal(xxh3_64(space.as_bytes()), &bytes, &value, stamp()).unwrap();
        prop_assert_eq!(wire.open(xxh3_64(space.as_bytes()), &bytes, &record, NOW).unwrap(), Some((value.clone(), stamp())));
        let shown = if bytes.hashed { None } else { Some(key) };
        prop_assert_eq!(wire.open_scanned(xxh3_64(space.as_bytes()), &bytes.bytes, &record, NOW).unwrap(), Some((shown, value, stamp())));
    }

    #[test]
    fn no_damage_gets_through(at: prop::sample::Index, change in 1..=255u8) {
        let wire = wire::<Args, String>();
        let key = wire.key(&(7, "disc".into()), vec![]).unwrap();
        let mut record = wire.seal(xxh3_64(b"f"), &key, &"a value".to_string(), stamp()).unwrap();
        let at = at.index(record.len());
        record[at] ^= change;
        prop_assert_eq!(wire.open(xxh3_64(b"f"), &key, &record, NOW).unwrap_err().kind(), ErrorKind::Damaged);
        prop_assert_eq!(wire.open_scanned(xxh3_64(b"f"), &key.bytes, &record, NOW).unwrap_err().kind(), ErrorKind::Damaged);
    }
}
