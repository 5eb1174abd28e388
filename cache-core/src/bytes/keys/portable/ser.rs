//! From a key of Rust to the portable form.

use super::super::Fault;
use super::grammar::{self, head};
use super::parts::{Dict, List, Tuple};
use super::write;
use serde::Serialize;
use serde::ser::Serializer;

/// Appends the portable form of `key`.
pub(super) fn serialize<K: Serialize + ?Sized>(key: &K, out: &mut Vec<u8>) -> Result<(), Fault> {
    key.serialize(Writer { out, within: Within::Nothing })
}

/// What a value is directly in. Newtypes leave no trace, and so do not count.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    /// It is the key itself.
    Nothing,
    Some,
    Other,
}

pub(super) struct Writer<'o> {
    out: &'o mut Vec<u8>,
    within: Within,
}

impl<'o> Writer<'o> {
    pub(super) fn part(out: &'o mut Vec<u8>) -> Self {
        Writer { out, within: Within::Other }
    }

    /// `None`, or a unit: they are one, so that a `Some` around them would be one with what is around it.
    fn none(self) -> Result<(), Fault> {
        if self.within == Within::Some {
            return Err(Fault::new("a `Some` around nothing has the form of a `None`"));
        }
        write::none(self.out);
        Ok(())
    }

    /// A unit that is the whole key is no argument, which is not one that is nothing.
    fn unit(self) -> Result<(), Fault> {
        if self.within != Within::Nothing {
            return self.none();
        }
        write::tuple(self.out, 0);
        Ok(())
    }

    /// A dictionary of one entry, whose value follows.
    fn variant(self, name: &str) -> &'o mut Vec<u8> {
        head(self.out, grammar::MAP, 1);
        write::text(self.out, name);
        self.out
    }
}

macro_rules! leaves {
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
    type SerializeTuple = Tuple<'o>;
    type SerializeTupleStruct = Tuple<'o>;
    type SerializeTupleVariant = Tuple<'o>;
    type SerializeMap = Dict<'o>;
    type SerializeStruct = Dict<'o>;
    type SerializeStructVariant = Dict<'o>;

    leaves! {
        serialize_bool bool: |n, out| write::int64(out, n.into());
        serialize_u8 u8: |n, out| write::int64(out, n.into());
        serialize_u16 u16: |n, out| write::int64(out, n.into());
        serialize_u32 u32: |n, out| write::int64(out, n.into());
        serialize_u64 u64: |n, out| head(out, grammar::POSITIVE, n);
        serialize_u128 u128: |n, out| write::big(out, false, &n.to_le_bytes());
        serialize_i8 i8: |n, out| write::int64(out, n.into());
        serialize_i16 i16: |n, out| write::int64(out, n.into());
        serialize_i32 i32: |n, out| write::int64(out, n.into());
        serialize_i64 i64: |n, out| write::int64(out, n);
        serialize_i128 i128: |n, out| write::int(out, n);
        serialize_f32 f32: |n, out| float(out, n.into());
        serialize_f64 f64: |n, out| float(out, n);
        serialize_str &str: |text, out| write::text(out, text);
        serialize_char char: |c, out| write::text(out, c.encode_utf8(&mut [0; 4]));
        serialize_bytes &[u8]: |bytes, out| write::bytes(out, bytes);
    }

    /// Addresses, dates and the like are texts, as everywhere else.
    fn is_human_readable(&self) -> bool {
        true
    }

    fn serialize_none(self) -> Result<(), Fault> {
        self.none()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Fault> {
        value.serialize(Writer { within: Within::Some, ..self })
    }

    fn serialize_unit(self) -> Result<(), Fault> {
        self.unit()
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), Fault> {
        self.unit()
    }

    fn serialize_unit_variant(self, _name: &'static str, _index: u32, variant: &'static str) -> Result<(), Fault> {
        self.serialize_str(variant)
    }

    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _name: &'static str, value: &T) -> Result<(), Fault> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        value: &T,
    ) -> Result<(), Fault> {
        value.serialize(Writer::part(self.variant(variant)))
    }

    fn serialize_seq(self, len: Option<usize>) -> Result<List<'o>, Fault> {
        Ok(List::new(self.out, len))
    }

    fn serialize_tuple(self, len: usize) -> Result<Tuple<'o>, Fault> {
        Ok(Tuple::new(self.out, len))
    }

    fn serialize_tuple_struct(self, _name: &'static str, len: usize) -> Result<Tuple<'o>, Fault> {
        self.serialize_tuple(len)
    }

    fn serialize_tuple_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Tuple<'o>, Fault> {
        Writer::part(self.variant(variant)).serialize_tuple(len)
    }

    fn serialize_map(self, _len: Option<usize>) -> Result<Dict<'o>, Fault> {
        Ok(Dict::new(self.out))
    }

    fn serialize_struct(self, _name: &'static str, len: usize) -> Result<Dict<'o>, Fault> {
        self.serialize_map(Some(len))
    }

    fn serialize_struct_variant(
        self,
        _name: &'static str,
        _index: u32,
        variant: &'static str,
        len: usize,
    ) -> Result<Dict<'o>, Fault> {
        Writer::part(self.variant(variant)).serialize_map(Some(len))
    }
}

/// Types of Rust that tell -0.0 from 0.0 must find it again.
fn float(out: &mut Vec<u8>, n: f64) {
    if n == 0.0 && n.is_sign_negative() {
        return write::fraction(out, n);
    }
    write::float(out, n);
}
