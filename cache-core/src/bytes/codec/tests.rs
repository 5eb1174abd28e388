#![expect(clippy::unwrap_used, reason = "tests")]

use super::{Bincode, Cbor, Codec, Json, MessagePack, Postcard};
use crate::error::ErrorKind;
use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::Debug;

/// Each codec in turn, under the name `$codec`.
macro_rules! every_codec {
    (|$codec:ident| $body:expr) => {{
        let $codec = Postcard;
        $body;
        let $codec = Bincode;
        $body;
        let $codec = Json;
        $body;
        let $codec = MessagePack;
        $body;
        let $codec = Cbor;
        $body;
    }};
}

fn encoded<T>(codec: &impl Codec<T>, value: &T) -> Vec<u8> {
    let mut out = b"before".to_vec();
    codec.encode(value, &mut out).unwrap();
    assert_eq!(out[..6], *b"before", "what is there stays");
    out.split_off(6)
}

fn back<T>(codec: &impl Codec<T>, value: &T) -> T {
    codec.decode(&encoded(codec, value)).unwrap()
}

fn refused<T: Debug>(codec: &impl Codec<T>, bytes: &[u8]) {
    let error = codec.decode(bytes).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Codec, "{error}");
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
struct Record {
    name: String,
    tags: Vec<Option<u16>>,
    ratio: f64,
    small: f32,
    wide: (i128, u128),
    letter: char,
    kind: Kind,
    counts: BTreeMap<String, i64>,
    next: Option<Box<Record>>,
}

#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
enum Kind {
    #[default]
    Plain,
    Sized(u32),
    Pair(i8, String),
    Named {
        a: bool,
        b: Vec<u8>,
    },
}

fn kinds() -> impl Strategy<Value = Kind> {
    prop_oneof![
        Just(Kind::Plain),
        any::<u32>().prop_map(Kind::Sized),
        any::<(i8, String)>().prop_map(|(n, text)| Kind::Pair(n, text)),
        any::<(bool, Vec<u8>)>().prop_map(|(a, b)| Kind::Named { a, b }),
    ]
}

fn records() -> impl Strategy<Value = Record> {
    type Parts = (String, Vec<Option<u16>>, f64, f32, (i128, u128), char, BTreeMap<String, i64>);
    (any::<Parts>(), kinds()).prop_map(|((name, tags, ratio, small, wide, letter, counts), kind)| {
        let next = Some(Box::new(Record { letter: 'x', ..Record::default() }));
        Record { name, tags, ratio, small, wide, letter, kind, counts, next }
    })
}

proptest! {
    #[test]
    fn values_come_back(record in records()) {
        every_codec!(|codec| prop_assert_eq!(&back(&codec, &record), &record));
    }

    #[test]
    fn floats_come_back_bit_by_bit(bits: u64, single: u32) {
        let (double, single) = (f64::from_bits(bits), f32::from_bits(single));
        prop_assume!(double.is_finite() && single.is_finite());
        every_codec!(|codec| {
            prop_assert_eq!(back(&codec, &double).to_bits(), double.to_bits());
            prop_assert_eq!(back(&codec, &single).to_bits(), single.to_bits());
        });
    }

    #[test]
    fn a_byte_too_many_or_too_few_is_refused(record in records(), more in any::<u8>()) {
        every_codec!(|codec| {
            let mut bytes = encoded(&codec, &record);
            refused::<Record>(&codec, &bytes[..bytes.len() - 1]);
            bytes.push(if more.is_ascii_whitespace() { b'x' } else { more });
            refused::<Record>(&codec, &bytes);
        });
    }

    #[test]
    fn arbitrary_bytes_end_in_a_value_or_an_error(bytes: Vec<u8>) {
        every_codec!(|codec| {
            let _ = Codec::<Record>::decode(&codec, &bytes);
            let _ = Codec::<Vec<Vec<String>>>::decode(&codec, &bytes);
            let _ = Codec::<BTreeMap<u64, Option<Kind>>>::decode(&codec, &bytes);
        });
    }

    #[test]
    fn damaged_bytes_end_in_a_value_or_an_error(record in records(), at: prop::sample::Index, change in 1..=255u8) {
        every_codec!(|codec| {
            let mut bytes = encoded(&codec, &record);
            let at = at.index(bytes.len());
            bytes[at] ^= change;
            let _ = Codec::<Record>::decode(&codec, &bytes);
        });
    }
}

#[test]
fn ids_are_those_of_the_format() {
    fn id(codec: impl Codec<u8>) -> u8 {
        codec.id()
    }
    assert_eq!([id(Postcard), id(Bincode), id(Json), id(MessagePack), id(Cbor)], [1, 2, 3, 4, 5]);
}

#[test]
fn extremes_come_back() {
    every_codec!(|codec| {
        assert_eq!(
            back(&codec, &(i64::MIN, u64::MAX, i128::MIN, u128::MAX)),
            (i64::MIN, u64::MAX, i128::MIN, u128::MAX)
        );
        assert_eq!(back(&codec, &Some(Some(3u8))), Some(Some(3)));
        assert_eq!(back(&codec, &Err::<u8, _>("no".to_string())), Err("no".to_string()));
        assert_eq!(back(&codec, &BTreeMap::from([(1u32, 'a'), (7, 'b')])), BTreeMap::from([(1, 'a'), (7, 'b')]));
        back(&codec, &());
    });
}

fn has_no_form<T: Serialize + DeserializeOwned>(codec: &impl Codec<T>, value: T) {
    let error = codec.encode(&value, &mut Vec::new()).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Codec, "{error}");
}

#[test]
fn what_would_come_back_as_another_value_is_refused() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Newtype(Option<u8>);
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    enum Choice {
        Nothing(()),
        Maybe(Option<u8>),
    }
    macro_rules! refused {
        ($($codec:expr),*) => {$(
            has_no_form(&$codec, Some(None::<u8>));
            has_no_form(&$codec, vec![(1u8, Some(Some(())))]);
            has_no_form(&$codec, BTreeMap::from([(1u8, Some(Newtype(None)))]));
        )*};
    }
    refused!(Json, MessagePack, Cbor);
    every_codec!(|codec| {
        assert_eq!(back(&codec, &Some(Newtype(Some(1)))), Some(Newtype(Some(1))));
        assert_eq!(back(&codec, &vec![Some(Choice::Nothing(())), None]), [Some(Choice::Nothing(())), None]);
        assert_eq!(back(&codec, &Some(Choice::Maybe(None))), Some(Choice::Maybe(None)));
        assert_eq!(back(&codec, &Some(vec![None::<u8>])), Some(vec![None]));
    });
    assert_eq!(back(&Postcard, &Some(None::<u8>)), Some(None));
    assert_eq!(back(&Bincode, &Some(None::<u8>)), Some(None));
}

#[test]
fn json_refuses_what_it_has_no_form_for() {
    has_no_form(&Json, f64::NAN);
    has_no_form(&Json, Some(f32::INFINITY));
    has_no_form(&Json, BTreeMap::from([((1u8, 2u8), 3u8)]));
    assert!(back(&Cbor, &Some(f64::NAN)).unwrap().is_nan());
    assert_eq!(back(&MessagePack, &f32::NEG_INFINITY), f32::NEG_INFINITY);
}

#[test]
fn types_that_ask_what_comes_next_need_a_format_that_says_it() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Untagged {
        Number(i64),
        Text(String),
    }
    let text = || Untagged::Text("a".into());
    assert_eq!(back(&Json, &text()), text());
    assert_eq!(back(&MessagePack, &text()), text());
    assert_eq!(back(&Cbor, &text()), text());
    refused::<Untagged>(&Postcard, &encoded(&Postcard, &text()));
    refused::<Untagged>(&Bincode, &encoded(&Bincode, &text()));
}

#[test]
fn claims_beyond_the_bytes_are_refused() {
    fn all<C>(codec: C, claims: &[&[u8]])
    where
        C: Codec<String> + Codec<Vec<u64>> + Codec<Vec<String>> + Codec<BTreeMap<u8, u8>>,
    {
        for claim in claims {
            assert!(Codec::<String>::decode(&codec, claim).is_err());
            assert!(Codec::<Vec<u64>>::decode(&codec, claim).is_err());
            assert!(Codec::<Vec<String>>::decode(&codec, claim).is_err());
            assert!(Codec::<BTreeMap<u8, u8>>::decode(&codec, claim).is_err());
        }
    }
    let large = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
    all(Postcard, &[&large, &[0xff, 0xff, 0xff, 0xff, 0x0f], &[[0xff; 9].as_slice(), &[1]].concat()]);
    all(Bincode, &[&[253, 255, 255, 255, 255, 255, 255, 255, 127], &[252, 255, 255, 255, 15], &[254; 17]]);
    all(Json, &[b"[", b"\"", b"{\"1\":"]);
    all(MessagePack, &[&[0xdb, 255, 255, 255, 255], &[0xdd, 255, 255, 255, 255], &[0xdf, 255, 255, 255, 255]]);
    for major in [0x5b, 0x7b, 0x9b, 0xbb] {
        all(Cbor, &[&[major, 0x7f, 255, 255, 255, 255, 255, 255, 255], &[major, 0, 0, 0, 0, 255, 255, 255, 255]]);
    }
}

#[derive(Debug, Serialize, Deserialize)]
struct Nest(Vec<Nest>);

#[derive(Debug, Serialize, Deserialize)]
struct Chain {
    next: Option<Box<Chain>>,
}

fn deep<T: DeserializeOwned + Debug>(codec: impl Codec<T>, level: &[u8]) {
    refused::<T>(&codec, &level.repeat(200_000));
}

#[test]
fn hostile_nesting_is_refused_where_the_format_describes_itself() {
    deep::<Nest>(Json, b"[");
    deep::<Nest>(MessagePack, &[0x91]);
    deep::<Nest>(Cbor, &[0x81]);
    deep::<Chain>(Json, b"{\"next\":");
    deep::<Chain>(MessagePack, b"\x81\xa4next");
    deep::<Chain>(Cbor, b"\xa1\x64next");
}

#[test]
fn bincode_refuses_what_it_would_not_read_back() {
    let long = "x".repeat((16 << 20) + 1);
    assert_eq!(Bincode.encode(&long, &mut Vec::new()).unwrap_err().kind(), ErrorKind::Codec);
    let longest = vec![1u128; 1 << 20];
    assert_eq!(back(&Bincode, &longest), longest);
}

#[test]
fn shapes_follow_the_type_and_the_kind_of_format() {
    #[derive(Serialize, Deserialize)]
    struct Pair {
        a: u8,
        b: u8,
    }
    mod other {
        use serde::{Deserialize, Serialize};
        #[derive(Serialize, Deserialize)]
        pub(super) struct Pair {
            b: u8,
            a: u8,
        }
    }
    every_codec!(|codec| assert_ne!(Codec::<Pair>::shape(&codec), Codec::<other::Pair>::shape(&codec)));
    assert_ne!(Codec::<u64>::shape(&Json), Codec::<u64>::shape(&Cbor));
}

#[test]
fn a_codec_of_ones_own_need_not_know_shapes() {
    struct Raw;
    impl Codec<u8> for Raw {
        fn id(&self) -> u8 {
            128
        }
        fn encode(&self, value: &u8, out: &mut Vec<u8>) -> crate::Result<()> {
            out.push(*value);
            Ok(())
        }
        fn decode(&self, bytes: &[u8]) -> crate::Result<u8> {
            bytes.first().copied().ok_or_else(|| crate::Error::new(ErrorKind::Codec, "nothing to decode"))
        }
    }
    impl Codec<i8> for Raw {
        fn id(&self) -> u8 {
            128
        }
        fn encode(&self, value: &i8, out: &mut Vec<u8>) -> crate::Result<()> {
            out.push(*value as u8);
            Ok(())
        }
        fn decode(&self, bytes: &[u8]) -> crate::Result<i8> {
            Codec::<u8>::decode(self, bytes).map(|byte| byte as i8)
        }
    }
    assert_ne!(Codec::<u8>::shape(&Raw), Codec::<i8>::shape(&Raw));
    assert_eq!(back::<u8>(&Raw, &7), 7);
    assert_eq!(back::<i8>(&Raw, &-7), -7);
}
