//! Keys of Rust in the portable form.

use super::super::super::{Fidelity, HASHED};
use super::super::*;
use proptest::prelude::*;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt::Debug;
use std::net::Ipv4Addr;

fn checked<K: Serialize + DeserializeOwned + Eq>(key: &K) -> Result<KeyBytes> {
    encode(key, Fidelity::Checked, vec![])
}

/// The form of `key`, which comes back from it.
fn form<K: Serialize + DeserializeOwned + Eq + Debug>(key: K) -> String {
    let bytes = checked(&key).unwrap().bytes;
    assert_eq!(decode::<K>(&bytes), Some(key));
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn text(text: &str) -> String {
    text.to_owned()
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
struct Point {
    y: i32,
    x: i32,
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
enum Shape {
    Empty,
    Circle(u8),
    Line(Point, Point),
    Box { width: u8 },
}

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Meters(u64);

#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
struct Unit;

#[test]
fn keys_have_the_form_of_what_they_mean() {
    assert_eq!(form((text("a"), 3_u8)), "82616103");
    assert_eq!(form((text("a"), 3_i128)), "82616103");
    assert_eq!(form((5_u64,)), "8105", "one argument is a tuple of one");
    assert_eq!(form(()), "80", "no argument is a tuple of none");
    assert_eq!(form(((), 1_u8)), "82f601");
    assert_eq!(form(text("a")), "6161");
    assert_eq!(form('ä'), "62c3a4");
    assert_eq!(form((true, false)), "820100");
    assert_eq!(form((None::<u8>, Some(1_u8))), "82f601");
    assert_eq!(form(vec![1_u8, 2]), "d96d6c820102");
    assert_eq!(form([1_u8, 2]), "820102");
    assert_eq!(form(BTreeSet::from([2, 1])), "d96d6c820102");
    assert_eq!(form(HashMap::from([(text("bb"), 1), (text("c"), 2), (text("a"), 3)])), "a361610361630262626201");
    assert_eq!(form(BTreeMap::from([((1, 2), 3)])), "a182010203", "keys of maps are any");
    assert_eq!(form(Point { y: 1, x: -1 }), "a2617820617901");
    assert_eq!(form(Shape::Empty), "65456d707479");
    assert_eq!(form(Shape::Circle(3)), "a166436972636c6503");
    assert_eq!(form(Shape::Box { width: 3 }), "a163426f78a165776964746803");
    assert_eq!(form(Meters(3)), "03");
    assert_eq!(form((Meters(3), Unit)), "8203f6");
    assert_eq!(form((u128::MAX,)), format!("81c250{}", "ff".repeat(16)));
    assert_eq!(form((i128::MIN,)), format!("81c3507f{}", "ff".repeat(15)));
    assert_eq!(form(Ipv4Addr::LOCALHOST), "693132372e302e302e31", "as a person reads it");
    let line = form(Shape::Line(Point { y: 0, x: 0 }, Point { y: 0, x: 1 }));
    assert_eq!(line, "a1644c696e6582a2617800617900a2617801617900");
}

/// A float that is a key, by its bits.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Bits(f64);

impl PartialEq for Bits {
    fn eq(&self, other: &Self) -> bool {
        self.0.to_bits() == other.0.to_bits()
    }
}

impl Eq for Bits {}

#[test]
fn floats_come_back_with_their_bits_or_are_refused() {
    assert_eq!(form(Bits(2.0)), "02");
    assert_eq!(form(Bits(-0.0)), "fb8000000000000000");
    assert_eq!(form(Bits(0.0)), "00");
    assert_eq!(form(Bits(f64::NAN)), "fb7ff8000000000000");
    assert_eq!(form(Bits(1e23)), "c24a152d02c7e14af6000000");
    assert_eq!(form(Bits(-1e300)).len(), 2 * 128);
    assert!(checked(&Bits(f64::MAX)).is_ok());
    assert!(checked(&Bits(f64::MIN)).is_ok());
    assert!(checked(&Bits(-f64::NAN)).is_err());
}

#[test]
fn what_would_be_one_with_another_key_is_refused() {
    for fidelity in [Fidelity::Known, Fidelity::Checked] {
        assert!(encode(&Some(None::<u8>), fidelity, vec![]).is_err());
        assert!(encode(&Some(()), fidelity, vec![]).is_err());
        assert!(encode(&Some(Unit), fidelity, vec![]).is_err());
        assert!(encode(&(Some(Box::new(None::<u8>)),), fidelity, vec![]).is_err());
        assert!(encode(&Some(vec![None::<u8>]), fidelity, vec![]).is_ok());
    }
    #[derive(PartialEq, Eq, Serialize, Deserialize)]
    struct Lossy {
        #[serde(skip)]
        mode: u8,
    }
    assert!(checked(&Lossy { mode: 1 }).is_err());
    assert!(checked(&Lossy { mode: 0 }).is_ok());
}

#[test]
fn a_key_of_another_type_is_not_shown_as_one_of_ours() {
    let bytes = |key: &(String, u16)| checked(key).unwrap().bytes;
    assert_eq!(decode::<(String, u8)>(&bytes(&(text("a"), 3))), Some((text("a"), 3)));
    assert_eq!(decode::<(String, u8)>(&bytes(&(text("a"), 300))), None);
    assert_eq!(decode::<(String,)>(&bytes(&(text("a"), 3))), None);
    assert_eq!(decode::<(String, u16, u8)>(&bytes(&(text("a"), 3))), None);
    // What is read is not what was written: a lookup would not find it.
    assert_eq!(decode::<Vec<u8>>(&[0x82, 1, 2]), None);
    assert_eq!(decode::<(f32,)>(&[&[0x81, 0xfb], &0.1_f64.to_be_bytes()[..]].concat()), None);
}

#[test]
fn nesting_is_bounded() {
    #[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
    struct Nest(Vec<Nest>);
    #[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
    struct Doll(Option<Box<Doll>>);
    let deep = |levels: usize| [0xd9, 0x6d, 0x6c, 0x81].repeat(levels).into_iter().chain([0xd9, 0x6d, 0x6c, 0x80]);
    assert!(decode::<Nest>(&deep(20).collect::<Vec<_>>()).is_some());
    assert!(decode::<Nest>(&deep(100_000).collect::<Vec<_>>()).is_none());
    assert!(decode::<Doll>(&[0x01]).is_none(), "a type that asks for ever");
}

#[test]
fn a_long_key_is_a_length_and_a_hash() {
    let long = checked(&text(&"x".repeat(200))).unwrap();
    assert!(long.hashed);
    assert_eq!(long.bytes.len(), HASHED);
    assert_eq!(long.bytes[..8], 202_u64.to_le_bytes());
}

#[test]
fn a_key_that_is_ready_goes_as_it_is() {
    let key = PortableKey::new(vec![0x82, 0x61, 0x61, 3]);
    assert_eq!(ready(&key, &mut vec![9; 9]).unwrap().bytes, key.bytes());
    assert_eq!(ready(&text("a"), &mut Vec::new()), None);
    assert_eq!(shown::<PortableKey>(key.bytes()), Some(key));
    assert_eq!(shown::<String>(b"a"), None);
}

proptest! {
    #[test]
    fn keys_come_back(key: (String, Vec<(i64, Option<bool>)>, HashMap<u8, (char, [i128; 2])>, Option<u128>)) {
        let mut bytes = Vec::new();
        super::super::ser::serialize(&key, &mut bytes).unwrap();
        prop_assert_eq!(decode(&bytes), Some(key));
    }

    #[test]
    fn different_keys_have_different_bytes(one: (Option<String>, Vec<i8>), other: (Option<String>, Vec<i8>)) {
        prop_assert_eq!(one == other, checked(&one).unwrap() == checked(&other).unwrap());
    }
}
