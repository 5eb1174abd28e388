//! Types that would take all time or memory if they were let.

use super::{hash, of};
use serde::de::{MapAccess, SeqAccess, Visitor};
use serde::{Deserialize, Deserializer};
use std::fmt;

#[test]
fn boundless_types_are_bounded() {
    assert!(!of::<Greedy>().complete);
    assert!(!of::<Huge>().complete);
    assert!(!of::<HugeGrid>().complete);
    assert!(!of::<Hungry>().complete);
    assert_eq!(hash::<Huge>(), hash::<Huge>());
}

#[test]
fn a_type_that_panics_is_incomplete() {
    struct Panics;
    impl<'de> Deserialize<'de> for Panics {
        fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
            let n = u8::deserialize(deserializer)?;
            // Unwinds without the panic hook, so that nothing is printed.
            std::panic::resume_unwind(Box::new(n))
        }
    }
    assert!(!of::<Panics>().complete);
    assert_ne!(hash::<Panics>(), hash::<u8>());
}

/// Takes elements as long as there are any.
struct All<T>(T);

impl<'de, T> Visitor<'de> for All<T> {
    type Value = T;
    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("elements")
    }
    fn visit_seq<S: SeqAccess<'de>>(self, mut list: S) -> Result<T, S::Error> {
        while list.next_element::<u8>()?.is_some() {}
        Ok(self.0)
    }
    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<T, M::Error> {
        while map.next_entry::<u8, Greedy>()?.is_some() {}
        Ok(self.0)
    }
}

/// Never stops by itself, and contains itself.
struct Greedy;

impl<'de> Deserialize<'de> for Greedy {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(All(Greedy))
    }
}

/// A tuple longer than any memory.
struct Huge;

impl<'de> Deserialize<'de> for Huge {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_tuple(usize::MAX, All(Huge))
    }
}

/// Many such tuples, none of them read.
struct HugeGrid;

impl<'de> Deserialize<'de> for HugeGrid {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Row;
        struct Unread;
        impl<'de> Visitor<'de> for Unread {
            type Value = Row;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("nothing")
            }
            fn visit_seq<S: SeqAccess<'de>>(self, _: S) -> Result<Row, S::Error> {
                Ok(Row)
            }
        }
        impl<'de> Deserialize<'de> for Row {
            fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                deserializer.deserialize_tuple(usize::MAX, Unread)
            }
        }
        <[[Row; 32]; 32]>::deserialize(deserializer).map(|_| HugeGrid)
    }
}

/// Reserves what it is promised.
struct Hungry;

impl<'de> Deserialize<'de> for Hungry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Reserves;
        impl<'de> Visitor<'de> for Reserves {
            type Value = Hungry;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("elements")
            }
            fn visit_seq<S: SeqAccess<'de>>(self, mut list: S) -> Result<Hungry, S::Error> {
                let mut all: Vec<u64> = Vec::with_capacity(list.size_hint().unwrap_or(0));
                while let Some(n) = list.next_element()? {
                    all.push(n);
                }
                Ok(Hungry)
            }
        }
        deserializer.deserialize_tuple(1 << 40, Reserves)
    }
}
