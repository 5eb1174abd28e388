//! From a key to its canonical bytes.

use super::Fault;
use serde::Serialize;
use serde::ser::{self, Serializer};

/// Appends the canonical bytes of `key`.
pub(super) fn write<K: Serialize + ?Sized>(key: &K, out: &mut Vec<u8>) -> Result<(), Fault> {
    key.serialize(Writer { out })
}

struct Writer<'o> {
    out: &'o mut Vec<u8>,
}

/// Seven bits a byte, the lowest first; a set top bit says that more follow.
#[inline]
fn varint(out: &mut Vec<u8>, mut n: u64) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

fn wide_varint(out: &mut Vec<u8>, mut n: u128) {
    while n >= 0x80 {
        out.push(n as u8 | 0x80);
        n >>= 7;
    }
    out.push(n as u8);
}

/// Small numbers of either sign become small numbers.
#[inline]
fn zigzag(n: i64) -> u64 {
    ((n << 1) ^ (n >> 63)) as u64
}

macro_rules! numbers {
    ($($method:ident $type:ty: |$n:ident, $out:ident| $write:expr;)*) => {$(
        #[inline]
        fn $method(self, $n: $type) -> Result<(), Fault> {
            let $out = self.out;
            $write;
            Ok(())
        }
    )*};
}

impl<'o> Serializer for Writer<'o> {
    type Ok = ();
    type Error = Fault;
    type SerializeSeq = List<'o>;
    type SerializeTuple = Fields<'o>;
    type SerializeTupleStruct = Fields<'o>;
    type SerializeTupleVariant = Fields<'o>;
    type SerializeMap = Map<'o>;
    type SerializeStruct = Fields<'o>;
    type SerializeStructVariant = Fields<'o>;

    numbers! {
        serialize_bool bool: |n, out| out.push(n as u8);
        serialize_u8 u8: |n, out| out.push(n);
        serialize_u16 u16: |n, out| varint(out, n.into());
        serialize_u32 u32: |n, out| varint(out, n.into());
        serialize_u64 u64: |n, out| varint(out, n);
        serialize_u128 u128: |n, out| wide_varint(out, n);
        serialize_i8 i8: |n, out| out.push(n as u8);
        serialize_i16 i16: |n, out| varint(out, zigzag(n.into()));
        serialize_i32 i32: |n, out| varint(out, zigzag(n.into()));
        serialize_i64 i64: |n, out| varint(out, zigzag(n));
        serialize_i128 i128: |n, out| wide_varint(out, ((n << 1) ^ (n >> 127)) as u128);
        serialize_f32 f32: |n, out| out.extend_from_slice(&n.to_bits().to_le_bytes());
        serialize_f64 f64: |n, out| out.extend_from_slice(&n.to_bits().to_le_bytes());
    }

    fn is_human_readable(&self) -> bool {
        false
    }

    fn serialize_char(self, c: char) -> Result<(), Fault> {
        self.serialize_str(c.encode_utf8(&mut [0; 4]))
    }

    #[inline]
    fn serialize_str(self, text: &str) -> Result<(), Fault> {
        self.serialize_bytes(text.as_bytes())
    }

    #[inline]
    fn serialize_bytes(self, bytes: &[u8]) -> Result<(), Fault> {
        varint(self.out, bytes.len() as u64);
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    fn serialize_none(self) -> Result<(), Fault> {
        self.out.push(0);
        Ok(())
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Fault> {
        self.out.push(1);
        value.serialize(self)
    }

    fn serialize_unit(self) -> Result<(), Fault> {
        Ok(())
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), Fault> {
        Ok(())
    }

    fn serialize_unit_variant(self, _name: &'static str, index: u32, _variant: &'static str) -> Result<(), Fault> {
        varint(self.out, index.into());
        Ok(())
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _name: &'static str, value: &T) -> Result<(), Fault> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        index: u32,
        _variant: &'static str,
        value: &T,
    ) -> Result<(), Fault> {
        varint(self.out, index.into());
        value.serialize(self)
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<List<'o>, Fault> {
        let start = self.out.len();
        if let Some(len) = len {
            varint(self.out, len as u64);
        }
        let first = self.out.len();
        Ok(List { out: self.out, start, first, claimed: len, written: 0 })
    }

    fn serialize_tuple(self, _len: usize) -> Result<Fields<'o>, Fault> {
        Ok(Fields { out: self.out })
    }

    fn serialize_tuple_struct(self, _name: &'static str, _len: usize) -> Result<Fields<'o>, Fault> {
        Ok(Fields { out: self.out })
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        index: u32,
        _variant: &'static str,
        _len: usize,
    ) -> Result<Fields<'o>, Fault> {
        varint(self.out, index.into());
        Ok(Fields { out: self.out })
    }

    fn serialize_map(self, _len: Option<usize>) -> Result<Map<'o>, Fault> {
        let start = self.out.len();
        Ok(Map { out: self.out, start, entries: Vec::new() })
    }

    fn serialize_struct(self, _name: &'static str, _len: usize) -> Result<Fields<'o>, Fault> {
        Ok(Fields { out: self.out })
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        index: u32,
        _variant: &'static str,
        _len: usize,
    ) -> Result<Fields<'o>, Fault> {
        varint(self.out, index.into());
        Ok(Fields { out: self.out })
    }
}

/// Tuples and structs: their fields one after another, since the type says how many there are.
struct Fields<'o> {
    out: &'o mut Vec<u8>,
}

macro_rules! fields {
    ($($trait:ident $method:ident $($name:ident)?;)*) => {$(
        impl ser::$trait for Fields<'_> {
            type Ok = ();
            type Error = Fault;

            #[inline]
            fn $method<T: Serialize + ?Sized>(&mut self, $($name: &'static str,)? value: &T) -> Result<(), Fault> {
                value.serialize(Writer { out: self.out })
            }

            #[inline]
            fn end(self) -> Result<(), Fault> {
                Ok(())
            }
        }
    )*};
}
fields! {
    SerializeTuple serialize_element;
    SerializeTupleStruct serialize_field;
    SerializeTupleVariant serialize_field;
    SerializeStruct serialize_field _name;
    SerializeStructVariant serialize_field _name;
}

/// A sequence: its length, then its elements. A length that was not said, or said wrong, is put in front at the end.
struct List<'o> {
    out: &'o mut Vec<u8>,
    start: usize,
    first: usize,
    claimed: Option<usize>,
    written: usize,
}

impl ser::SerializeSeq for List<'_> {
    type Ok = ();
    type Error = Fault;

    #[inline]
    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        self.written += 1;
        value.serialize(Writer { out: self.out })
    }

    fn end(self) -> Result<(), Fault> {
        if self.claimed == Some(self.written) {
            return Ok(());
        }
        let mut len = Vec::new();
        varint(&mut len, self.written as u64);
        self.out.splice(self.start..self.first, len);
        Ok(())
    }
}

/// A map: how many entries, then these in the order of their bytes, so that the map's own order does not matter.
struct Map<'o> {
    out: &'o mut Vec<u8>,
    start: usize,
    /// Where each entry begins in `out`.
    entries: Vec<usize>,
}

impl ser::SerializeMap for Map<'_> {
    type Ok = ();
    type Error = Fault;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Fault> {
        self.entries.push(self.out.len());
        key.serialize(Writer { out: self.out })
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        value.serialize(Writer { out: self.out })
    }

    fn end(self) -> Result<(), Fault> {
        let written = self.out.split_off(self.start);
        let ends = self.entries.iter().skip(1).copied().chain([self.start + written.len()]);
        let mut entries: Vec<&[u8]> =
            self.entries.iter().zip(ends).map(|(&from, to)| &written[from - self.start..to - self.start]).collect();
        entries.sort_unstable();
        varint(self.out, entries.len() as u64);
        entries.iter().for_each(|entry| self.out.extend_from_slice(entry));
        Ok(())
    }
}
