mod hostile;

use super::{Reader, Shape, shape};
use serde::de::{DeserializeOwned, Error as _, Visitor};
use serde::{Deserialize, Deserializer};
use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::fmt;

fn of<T: DeserializeOwned>() -> Shape {
    shape::<T>(Reader::Machine)
}

fn hash<T: DeserializeOwned>() -> u64 {
    of::<T>().hash
}

macro_rules! types {
    ($($item:item)*) => {$(
        #[derive(serde::Deserialize)]
        #[allow(dead_code, clippy::allow_attributes, reason = "only their shapes are looked at")]
        $item
    )*};
}

/// A module with a `Top` whose parts are as given.
macro_rules! version {
    ($module:ident { $($top:tt)* } { $($inner:tt)* } { $($other:tt)* } { $($kind:tt)* }) => {
        mod $module {
            use super::*;
            types! {
                pub(super) struct Top { $($top)* }
                struct Inner { $($inner)* }
                struct Other { $($other)* }
                enum Kind { $($kind)* }
            }
        }
    };
}

version!(base
    { x: i64, y: i64, inner: Inner, other: Option<Other>, list: Vec<(u8, String)>, map: HashMap<String, Vec<Kind>> }
    { a: f64, b: f64 } { z: u32 } { A, B(i64), C { p: i32, q: String }, D(u8, u16) });
version!(same
    { x: i64, y: i64, inner: Box<Inner>, other: Option<Other>, list: Vec<(u8, Cow<'static, str>)>,
      map: BTreeMap<String, Vec<Kind>> }
    { a: f64, b: f64 } { z: u32 } { A, B(i64), C { p: i32, q: String }, D(u8, u16) });
version!(swapped_at_the_top
    { y: i64, x: i64, inner: Inner, other: Option<Other>, list: Vec<(u8, String)>, map: HashMap<String, Vec<Kind>> }
    { a: f64, b: f64 } { z: u32 } { A, B(i64), C { p: i32, q: String }, D(u8, u16) });
version!(swapped_inside
    { x: i64, y: i64, inner: Inner, other: Option<Other>, list: Vec<(u8, String)>, map: HashMap<String, Vec<Kind>> }
    { b: f64, a: f64 } { z: u32 } { A, B(i64), C { p: i32, q: String }, D(u8, u16) });
version!(renamed_behind_an_option
    { x: i64, y: i64, inner: Inner, other: Option<Other>, list: Vec<(u8, String)>, map: HashMap<String, Vec<Kind>> }
    { a: f64, b: f64 } { zz: u32 } { A, B(i64), C { p: i32, q: String }, D(u8, u16) });
version!(variant_added
    { x: i64, y: i64, inner: Inner, other: Option<Other>, list: Vec<(u8, String)>, map: HashMap<String, Vec<Kind>> }
    { a: f64, b: f64 } { z: u32 } { A, B(i64), C { p: i32, q: String }, D(u8, u16), E });
version!(variants_reordered
    { x: i64, y: i64, inner: Inner, other: Option<Other>, list: Vec<(u8, String)>, map: HashMap<String, Vec<Kind>> }
    { a: f64, b: f64 } { z: u32 } { B(i64), A, C { p: i32, q: String }, D(u8, u16) });
version!(swapped_in_a_variant
    { x: i64, y: i64, inner: Inner, other: Option<Other>, list: Vec<(u8, String)>, map: HashMap<String, Vec<Kind>> }
    { a: f64, b: f64 } { z: u32 } { A, B(i64), C { q: String, p: i32 }, D(u8, u16) });
version!(last_payload_changed
    { x: i64, y: i64, inner: Inner, other: Option<Other>, list: Vec<(u8, String)>, map: HashMap<String, Vec<Kind>> }
    { a: f64, b: f64 } { z: u32 } { A, B(i64), C { p: i32, q: String }, D(u8, u32) });
version!(sign_changed_in_a_variant
    { x: i64, y: i64, inner: Inner, other: Option<Other>, list: Vec<(u8, String)>, map: HashMap<String, Vec<Kind>> }
    { a: f64, b: f64 } { z: u32 } { A, B(u64), C { p: i32, q: String }, D(u8, u16) });
version!(swapped_in_a_list
    { x: i64, y: i64, inner: Inner, other: Option<Other>, list: Vec<(String, u8)>, map: HashMap<String, Vec<Kind>> }
    { a: f64, b: f64 } { z: u32 } { A, B(i64), C { p: i32, q: String }, D(u8, u16) });

#[test]
fn every_change_of_the_form_changes_the_shape() {
    let all = [
        hash::<base::Top>(),
        hash::<swapped_at_the_top::Top>(),
        hash::<swapped_inside::Top>(),
        hash::<renamed_behind_an_option::Top>(),
        hash::<variant_added::Top>(),
        hash::<variants_reordered::Top>(),
        hash::<swapped_in_a_variant::Top>(),
        hash::<last_payload_changed::Top>(),
        hash::<sign_changed_in_a_variant::Top>(),
        hash::<swapped_in_a_list::Top>(),
    ];
    assert_eq!(all.iter().collect::<HashSet<_>>().len(), all.len());
}

#[test]
fn nothing_else_changes_the_shape() {
    assert_eq!(of::<base::Top>(), of::<same::Top>());
    assert_eq!(hash::<String>(), hash::<Cow<'static, str>>());
    assert_eq!(hash::<Box<i64>>(), hash::<i64>());
    assert_eq!(hash::<HashMap<u8, u16>>(), hash::<BTreeMap<u8, u16>>());
    assert_eq!(hash::<HashSet<u8>>(), hash::<Vec<u8>>());
    for _ in 0..20 {
        assert_eq!(hash::<Expr>(), hash::<Expr>());
        assert_eq!(hash::<Three>(), hash::<Three>());
    }
}

types! {
    struct Node { v: i64, next: Option<Box<Node>> }
    struct Knot { v: u64, next: Option<Box<Knot>> }
    enum Expr { Add(Box<Expr>, Box<Expr>), Neg(Box<Expr>), Num(i64), Call { f: String, args: Vec<Expr> } }
    enum Exqr { Add(Box<Exqr>, Box<Exqr>), Neg(Box<Exqr>), Num(u64), Call { f: String, args: Vec<Exqr> } }
    struct A { b: Vec<B> }
    struct B { a: Option<Box<A>>, c: C }
    enum C { X(Box<A>), Y }
    struct Wrapper<T> { value: T }
    struct Unit;
    struct Meters(f64);
    struct Feet(f64);
    struct Pair(i64, String);
    struct Renamed { #[serde(rename = "n")] name: String, #[serde(default)] d: u32, #[serde(skip)] s: u64 }
    struct RenamedTo { #[serde(rename = "m")] name: String, #[serde(default)] d: u32, #[serde(skip)] s: u64 }
    struct Defaulted { #[serde(rename = "n")] name: String, #[serde(default)] d: u64, #[serde(skip)] s: u64 }
    #[serde(untagged)] enum Untagged { A(i64), B(String) }
    #[serde(tag = "t")] enum Internal { A { x: i64 }, B { y: String } }
    #[serde(tag = "t", content = "c")] enum Adjacent { A { x: i64 }, B(String) }
    struct Flat { a: i64, #[serde(flatten)] rest: Rest }
    struct Rest { m: f64 }
    struct WithText { #[serde(deserialize_with = "from_text")] t: i64, u: u8 }
    #[serde(try_from = "u32")] struct Even(u32);
    struct HasEven { a: u8, e: Even, z: i64 }
    #[serde(try_from = "String")] struct Isbn(String);
    struct Book { a: u8, isbn: Isbn, z: i64 }
    struct BookZ { a: u8, isbn: Isbn, z: u64 }
    struct BookOrder { z: i64, isbn: Isbn, a: u8 }
    struct Shelf { first: Book, second: Vec<Book>, year: i16 }
    struct ShelfYear { first: Book, second: Vec<Book>, year: u16 }
    struct TwoIsbns { one: Isbn, a: u8, two: Isbn, z: i64 }
    struct TwoIsbnsZ { one: Isbn, a: u8, two: Isbn, z: u64 }
    enum Item { Known(i64), Book(Isbn), Thing { k: u8 } }
    enum ItemK { Known(i64), Book(Isbn), Thing { k: u16 } }
    enum Entry { Book { isbn: Isbn, pages: u32 } }
    enum EntryPages { Book { isbn: Isbn, pages: i32 } }
    struct Endless { next: Box<Endless> }
    #[serde(transparent)] struct Tree { kids: Vec<Tree> }
    #[serde(transparent)] struct Onion { skin: Option<Box<Onion>> }
    #[serde(transparent)] struct Thicket { kids: (Vec<Thicket>, Vec<Thicket>) }
    enum Never {}
    enum One { A, B, C, D, E, F, G, H(u8) }
    enum Two { A(One), B, C, D, E, F, G, H { x: One } }
    enum Three { A(Two), B, C, D, E, F, G, H(Two, One) }
    struct Grid { cells: [[f32; 8]; 8] }
}

impl TryFrom<u32> for Even {
    type Error = String;
    fn try_from(n: u32) -> Result<Self, String> {
        if n.is_multiple_of(2) { Ok(Even(n)) } else { Err("odd".into()) }
    }
}

impl TryFrom<String> for Isbn {
    type Error = String;
    fn try_from(text: String) -> Result<Self, String> {
        if text == "978-3-16-148410-0" { Ok(Isbn(text)) } else { Err("bad".into()) }
    }
}

fn from_text<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
    String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
}

#[test]
fn types_that_differ_have_different_shapes() {
    macro_rules! differ {
        ($($one:ty, $other:ty;)*) => {$(
            assert_ne!(hash::<$one>(), hash::<$other>(), "{} {}", stringify!($one), stringify!($other));
        )*};
    }
    differ! {
        i64, u64; u64, u32; f32, f64; String, Vec<u8>; Option<u8>, u8; (u8, u16), (u16, u8); [u8; 3], [u8; 4];
        Vec<u8>, [u8; 1]; (), u8; Node, Knot; Expr, Exqr; Meters, Feet; Meters, f64; Renamed, RenamedTo;
        Renamed, Defaulted; Wrapper<i64>, Wrapper<u64>; Wrapper<Wrapper<Wrapper<i64>>>, Wrapper<Wrapper<Wrapper<u64>>>;
        Book, BookZ; Book, BookOrder; Shelf, ShelfYear; TwoIsbns, TwoIsbnsZ; Item, ItemK; Entry, EntryPages;
        Result<u8, u16>, Result<u16, u8>; HashMap<u8, u16>, HashMap<u16, u8>; Vec<(u8, u8)>, HashMap<u8, u8>;
        Untagged, Internal; One, Two; (Wrapper<u8>, Wrapper<u16>), (Wrapper<u16>, Wrapper<u8>); Box<Expr>, Option<Expr>;
        Option<Option<u8>>, Option<u8>; Date, Hour; Date, String; Tree, Onion; char, String; bool, u8; i128, u128;
    }
}

/// Texts of one's own, as date crates have them.
struct Date;
struct Hour;

struct Text<T>(&'static str, T);

impl<T> Visitor<'_> for Text<T> {
    type Value = T;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a text")
    }
    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<T, E> {
        if text == self.0 { Ok(self.1) } else { Err(E::custom("another text")) }
    }
}

impl<'de> Deserialize<'de> for Date {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text("1970-01-01", Date))
    }
}

impl<'de> Deserialize<'de> for Hour {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_str(Text("00:00:00", Hour))
    }
}

/// A moment as a number, whose unit only the visitor knows.
macro_rules! moment {
    ($module:ident $unit:literal) => {
        mod $module {
            use super::*;
            use serde::de::Error;

            #[derive(Deserialize)]
            pub(super) struct Moment {
                #[serde(deserialize_with = "read")]
                pub(super) millis: i64,
            }

            fn read<'de, D: Deserializer<'de>>(deserializer: D) -> Result<i64, D::Error> {
                deserializer.deserialize_i64(Unit)
            }

            struct Unit;

            impl Visitor<'_> for Unit {
                type Value = i64;
                fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                    f.write_str("a moment")
                }
                fn visit_i64<E: Error>(self, n: i64) -> Result<i64, E> {
                    Ok(n * $unit)
                }
            }
        }
    };
}
moment!(seconds 1000);
moment!(millis 1);

#[test]
fn another_way_to_read_a_number_is_noticed() {
    let two = || serde::de::value::MapDeserializer::<_, serde::de::value::Error>::new([("millis", 2i64)].into_iter());
    assert_eq!(seconds::Moment::deserialize(two()).map(|moment| moment.millis), Ok(2000));
    assert_eq!(millis::Moment::deserialize(two()).map(|moment| moment.millis), Ok(2));
    assert!(of::<seconds::Moment>().complete);
    assert_ne!(hash::<seconds::Moment>(), hash::<millis::Moment>());
}

#[test]
fn usual_types_are_walked_to_their_end() {
    macro_rules! complete {
        ($($type:ty),* $(,)?) => {$(
            assert!(of::<$type>().complete, "{}", stringify!($type));
            assert!(shape::<$type>(Reader::Human).complete, "{} for humans", stringify!($type));
        )*};
    }
    complete!(
        i64, String, Cow<'static, str>, Box<str>, char, (), (u8, String), [u8; 32], Option<Option<u8>>, Vec<Vec<f64>>,
        HashMap<String, BTreeMap<u64, BTreeSet<i8>>>, base::Top, Node, Expr, A, Wrapper<Wrapper<i64>>, Unit, Meters, Pair,
        Result<u8, String>, std::time::Duration, std::time::SystemTime, std::net::IpAddr, std::net::SocketAddr,
        std::path::PathBuf, std::num::NonZeroU64, std::ops::Range<u8>, std::cmp::Reverse<u8>, std::ops::Bound<u8>,
        std::sync::atomic::AtomicU8, Renamed, WithText, Even, HasEven, One, Two, Three, Grid, Date, Hour, (Date, Hour),
    );
}

#[test]
fn odd_types_are_incomplete_and_keep_a_stable_shape() {
    macro_rules! incomplete {
        ($($type:ty),* $(,)?) => {$(
            assert!(!of::<$type>().complete, "{}", stringify!($type));
            assert!(!shape::<$type>(Reader::Human).complete, "{} for humans", stringify!($type));
            assert_eq!(of::<$type>(), of::<$type>(), "{}", stringify!($type));
        )*};
    }
    incomplete!(
        Untagged, Internal, Adjacent, Flat, Isbn, Book, Shelf, TwoIsbns, Item, Entry, Endless, Never, Tree, Onion,
        Thicket,
    );
}

#[test]
fn twins_in_two_scopes_are_told_apart() {
    mod one {
        types! { pub(super) struct Twin { v: u8 } }
    }
    mod other {
        types! { pub(super) struct Twin { v: i8 } }
    }
    assert_ne!(hash::<(one::Twin, other::Twin)>(), hash::<(one::Twin, one::Twin)>());
    assert_ne!(hash::<one::Twin>(), hash::<other::Twin>());
}

#[test]
fn the_kind_of_format_matters_where_the_type_asks() {
    let both = |shape: fn(Reader) -> Shape| (shape(Reader::Human).hash, shape(Reader::Machine).hash);
    let (human, machine) = both(shape::<std::net::IpAddr>);
    assert_ne!(human, machine);
}

/// Shapes are stored: a change here makes every stored value of such types be computed anew.
#[test]
fn golden_shapes() {
    let shapes = [
        hash::<u64>(),
        hash::<(String, Option<Vec<f32>>)>(),
        hash::<base::Top>(),
        hash::<Expr>(),
        shape::<u64>(Reader::Human).hash,
    ];
    let expected =
        [3378392690591533301, 7930690438520998375, 7963624909312698763, 11185645215866229650, 4858230844114322465];
    assert_eq!(shapes, expected);
}
