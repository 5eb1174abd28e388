#![expect(clippy::unwrap_used, reason = "tests")]

use super::{FULL, Fidelity, HASHED, decode, encode};
use crate::bytes::KeyBytes;
use crate::error::ErrorKind;
use proptest::prelude::*;
use serde::de::DeserializeOwned;
use serde::ser::SerializeSeq;
use serde::{Deserialize, Serialize, Serializer};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::path::PathBuf;

fn written<K: Serialize + ?Sized>(key: &K) -> Vec<u8> {
    let mut bytes = Vec::new();
    super::write::write(key, &mut bytes).unwrap();
    bytes
}

fn checked<K: Serialize + DeserializeOwned + Eq>(key: &K) -> crate::Result<KeyBytes> {
    encode(key, Fidelity::Checked, vec![])
}

type Deep = (String, Vec<u8>, Option<i64>, (u8, u16, bool), Vec<Option<String>>, Result<u32, char>, [i8; 3]);
type Small = Vec<(String, Option<u8>)>;

fn small() -> impl Strategy<Value = Small> {
    prop::collection::vec(("[ab]{0,2}", prop::option::of(0u8..2)), 0..3)
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
enum Shape {
    Point,
    Circle(u32),
    Rect { w: i16, h: i16 },
    Group(Vec<Shape>, Option<Box<Shape>>),
}

fn shapes() -> impl Strategy<Value = Shape> {
    let leaf = prop_oneof![
        Just(Shape::Point),
        any::<u32>().prop_map(Shape::Circle),
        any::<(i16, i16)>().prop_map(|(w, h)| Shape::Rect { w, h }),
    ];
    leaf.prop_recursive(4, 16, 3, |inner| {
        (prop::collection::vec(inner.clone(), 0..3), prop::option::of(inner))
            .prop_map(|(list, one)| Shape::Group(list, one.map(Box::new)))
    })
}

proptest! {
    #[test]
    fn bytes_are_equal_when_keys_are(one: Deep, other: Deep) {
        prop_assert_eq!(written(&one) == written(&other), one == other);
        prop_assert_eq!(written(&one), written(&one.clone()));
    }

    #[test]
    fn bytes_of_a_tiny_alphabet_do_not_meet(one in small(), other in small()) {
        prop_assert_eq!(written(&one) == written(&other), one == other);
    }

    #[test]
    fn every_key_comes_back(key: Deep, wide: (i128, u128, i64, u64, i32, i16, usize), shape in shapes()) {
        prop_assert_eq!(decode(&written(&key)), Some(key));
        prop_assert_eq!(decode(&written(&wide)), Some(wide));
        prop_assert_eq!(decode(&written(&shape)), Some(shape.clone()));
        prop_assert!(checked(&shape).is_ok());
    }

    #[test]
    fn maps_do_not_depend_on_their_order(map: HashMap<String, u32>) {
        let mut entries: Vec<_> = map.clone().into_iter().collect();
        entries.reverse();
        let mut again = HashMap::with_capacity(map.len() * 7 + 3);
        again.extend(entries);
        prop_assert_eq!(written(&map), written(&again));
        prop_assert_eq!(decode(&written(&map)), Some(map));
    }

    #[test]
    fn arbitrary_bytes_are_read_or_refused(bytes: Vec<u8>) {
        let _: Option<Deep> = decode(&bytes);
        let _: Option<BTreeMap<String, Vec<Option<u64>>>> = decode(&bytes);
        if let Some(shape) = decode::<Shape>(&bytes) {
            prop_assert_eq!(decode(&written(&shape)), Some(shape));
        }
    }

    #[test]
    fn every_truncation_and_extension_is_refused(key: Deep, more in 1..4usize) {
        let mut bytes = written(&key);
        prop_assert_eq!(decode::<Deep>(&bytes[..bytes.len() - 1]), None);
        bytes.resize(bytes.len() + more, 0);
        prop_assert_eq!(decode::<Deep>(&bytes), None);
    }
}

#[cfg(feature = "postcard")]
proptest! {
    #[test]
    fn bytes_are_those_of_postcard(key: Deep, i: i128, u: u128, f: f64, g: f32, c: char, shape in shapes()) {
        let key = (key, i, u, f, g, c, shape);
        prop_assert_eq!(written(&key), postcard::to_stdvec(&key).unwrap());
    }

    #[test]
    fn postcard_reads_sorted_maps(map: HashMap<String, BTreeMap<u8, i32>>) {
        let back: HashMap<String, BTreeMap<u8, i32>> = postcard::from_bytes(&written(&map)).unwrap();
        prop_assert_eq!(back, map);
    }
}

#[test]
fn owned_and_borrowed_forms_are_one() {
    assert_eq!(written(&("a", "bc")), written(&("a".to_string(), "bc".to_string())));
    assert_eq!(written("a"), written(&Cow::Borrowed("a")));
    assert_eq!(written(&[1u8, 2][..]), written(&vec![1u8, 2]));
    assert_eq!(written(&Box::new(7u32)), written(&7u32));
}

#[test]
fn neighbours_are_told_apart() {
    assert_ne!(written(&("a", "bc")), written(&("ab", "c")));
    assert_ne!(written(&[1u8, 2]), written(&vec![1u8, 2]), "an array has no length");
    assert_ne!(written(&0.0f64), written(&-0.0f64));
    assert_eq!(written(&f64::NAN), written(&f64::NAN));
    assert_eq!(written(&5u8), written(&(5u64,)), "the type is told by the space");
}

#[test]
fn golden_bytes() {
    assert_eq!(written(&(1u8, 300u16, -1i32, true, 'é')), [1, 0xac, 2, 1, 1, 2, 0xc3, 0xa9]);
    assert_eq!(written(&("ab", Some(1.5f32), None::<u8>)), [2, b'a', b'b', 1, 0, 0, 0xc0, 0x3f, 0]);
    assert_eq!(written(&HashMap::from([("b", 1u8), ("a", 2)])), [2, 1, b'a', 2, 1, b'b', 1]);
    assert_eq!(written(&Shape::Rect { w: -2, h: 64 }), [2, 3, 0x80, 1]);
    assert_eq!(written(&u128::MAX).len(), 19);
    assert_eq!(written(&(i128::MIN, u128::MAX))[18], 3);
    let long = encode(&"x".repeat(200), Fidelity::Known, vec![]).unwrap();
    assert!(long.hashed);
    assert_eq!(long.bytes[..8], 202u64.to_le_bytes());
    let mut full = vec![0xc8, 1];
    full.extend([b'x'; 200]);
    assert_eq!(long.bytes[8..], *blake3::hash(&full).as_bytes());
    assert_eq!(
        long.bytes[8..16],
        [110, 209, 4, 117, 216, 54, 217, 202],
        "the hash of a long key is part of the format"
    );
}

#[test]
fn keys_are_full_up_to_the_bound_and_hashed_beyond() {
    let of_length = |n: usize| encode(&"x".repeat(n - if n > 128 { 2 } else { 1 }), Fidelity::Known, vec![]).unwrap();
    let full = of_length(FULL);
    assert_eq!((full.bytes.len(), full.hashed), (FULL, false));
    let hashed = of_length(FULL + 2);
    assert_eq!((hashed.bytes.len(), hashed.hashed), (HASHED, true));
    assert_ne!(hashed, of_length(FULL + 3));
}

#[test]
fn sequences_need_not_know_their_length() {
    struct Unsized(Option<usize>);
    impl Serialize for Unsized {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            let mut list = serializer.serialize_seq(self.0)?;
            (0..200u8).try_for_each(|n| list.serialize_element(&n))?;
            list.end()
        }
    }
    let expected = written(&(0..200u8).collect::<Vec<_>>());
    assert_eq!(written(&Unsized(None)), expected);
    assert_eq!(written(&Unsized(Some(3))), expected, "a wrong claim is put right");
    assert_eq!(written(&(7u8, Unsized(None), 9u8))[1..203], expected[..]);
}

#[test]
fn sets_in_order_have_one_form() {
    let set: BTreeSet<u32> = (0..40).collect();
    assert_eq!(written(&set), written(&set.iter().rev().copied().collect::<BTreeSet<_>>()));
    let hashed: HashSet<u32> = (0..40).collect();
    assert_eq!(decode::<HashSet<u32>>(&written(&hashed)), Some(hashed));
}

#[cfg(unix)]
#[test]
fn a_path_that_is_not_text_is_an_error() {
    use std::os::unix::ffi::OsStringExt;
    let path = PathBuf::from(std::ffi::OsString::from_vec(vec![0xff]));
    let error = encode(&path, Fidelity::of::<PathBuf>(), vec![]).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Codec);
}

#[test]
fn a_key_that_loses_a_field_is_refused() {
    #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
    struct Lossy {
        id: u8,
        #[serde(skip)]
        mode: u8,
    }
    assert_eq!(Fidelity::of::<Lossy>(), Fidelity::Checked);
    assert_eq!(Fidelity::of::<(u8, Vec<Lossy>)>(), Fidelity::Checked);
    assert!(checked(&Lossy { id: 1, mode: 0 }).is_ok());
    let error = checked(&(7u8, vec![Lossy { id: 1, mode: 2 }])).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Codec);
    assert!(error.to_string().contains("loses information"), "{error}");
}

#[test]
fn a_key_that_cannot_be_told_apart_is_refused() {
    #[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
    #[serde(untagged)]
    enum Untagged {
        Signed(i64),
        Unsigned(u64),
    }
    assert_eq!(written(&Untagged::Signed(5)), written(&Untagged::Unsigned(10)), "two keys, one form");
    let error = checked(&Untagged::Signed(5)).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Codec);
    assert!(error.to_string().contains("cannot be read back"), "{error}");
}

#[test]
fn std_types_that_lose_a_part_are_refused() {
    let address = std::net::SocketAddrV6::new(std::net::Ipv6Addr::LOCALHOST, 80, 0, 7);
    assert!(encode(&address, Fidelity::of::<std::net::SocketAddrV6>(), vec![]).is_err(), "serde drops the scope");
    let plain = std::net::SocketAddrV6::new(std::net::Ipv6Addr::LOCALHOST, 80, 0, 0);
    assert!(encode(&plain, Fidelity::of::<std::net::SocketAddrV6>(), vec![]).is_ok());
}

#[test]
fn plain_types_are_known_to_be_faithful() {
    type Plain = (u64, String, Vec<[u8; 4]>, Option<Box<str>>, Result<bool, char>, BTreeMap<i128, PathBuf>, ());
    assert_eq!(Fidelity::of::<Plain>(), Fidelity::Known);
    assert_eq!(Fidelity::of::<BTreeSet<isize>>(), Fidelity::Known);
    assert_eq!(Fidelity::of::<std::time::Duration>(), Fidelity::Checked);
}

#[test]
fn hostile_claims_are_refused_at_once() {
    let endless = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f];
    assert_eq!(decode::<Vec<u64>>(&endless), None);
    assert_eq!(decode::<Vec<()>>(&endless), None);
    assert_eq!(decode::<String>(&endless), None);
    assert_eq!(decode::<BTreeMap<u8, u8>>(&endless), None);
    assert_eq!(decode::<u64>(&[0xff; 30]), None);
    assert_eq!(decode::<u128>(&[[0xff; 18].as_slice(), &[4]].concat()), None, "one bit too many");
    assert_eq!(decode::<u16>(&[0x80, 0x80, 4]), None);
    assert_eq!(decode::<Shape>(&[9]), None);
    assert_eq!(decode::<bool>(&[2]), None);
    assert_eq!(decode::<char>(&[2, b'a', b'b']), None);
    assert_eq!(decode::<String>(&[1, 0xff]), None);
}

#[test]
fn hostile_nesting_is_refused() {
    #[derive(Debug, PartialEq, Serialize, Deserialize)]
    struct Chain {
        next: Option<Box<Chain>>,
    }
    assert_eq!(decode::<Chain>(&vec![1; 1 << 20]), None);
    assert!(decode::<Chain>(&[1, 1, 1, 0]).is_some());
}
