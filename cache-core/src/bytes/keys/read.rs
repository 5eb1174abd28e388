//! From canonical bytes back to a key: to compare it with the one that was written, and to show it in a scan.

use super::Fault;
use serde::de::{self, DeserializeOwned, DeserializeSeed, Deserializer, IntoDeserializer, Visitor};

/// Keys nested deeper than this are refused rather than followed to the end of the stack.
const MAX_DEPTH: u32 = 128;

/// The key that `bytes` are, all of them.
pub(super) fn read<K: DeserializeOwned>(bytes: &[u8]) -> Result<K, Fault> {
    let mut reader = Reader { rest: bytes, depth: 0 };
    let key = K::deserialize(&mut reader)?;
    if !reader.rest.is_empty() {
        return Err(Fault::new("bytes are left over"));
    }
    Ok(key)
}

struct Reader<'de> {
    rest: &'de [u8],
    depth: u32,
}

impl<'de> Reader<'de> {
    fn take(&mut self, n: usize) -> Result<&'de [u8], Fault> {
        let Some((taken, rest)) = self.rest.split_at_checked(n) else {
            return Err(Fault::new("the bytes end too early"));
        };
        self.rest = rest;
        Ok(taken)
    }

    #[inline]
    fn byte(&mut self) -> Result<u8, Fault> {
        let Some((&byte, rest)) = self.rest.split_first() else {
            return Err(Fault::new("the bytes end too early"));
        };
        self.rest = rest;
        Ok(byte)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Fault> {
        let Some((taken, rest)) = self.rest.split_first_chunk() else {
            return Err(Fault::new("the bytes end too early"));
        };
        self.rest = rest;
        Ok(*taken)
    }

    fn varint<T: TryFrom<u128>>(&mut self) -> Result<T, Fault> {
        let mut n = 0u128;
        for shift in (0..).step_by(7) {
            let byte = self.byte()?;
            let bits = u128::from(byte & 0x7f);
            if shift > 121 && bits.leading_zeros() < shift {
                break;
            }
            n |= bits << shift;
            if byte < 0x80 {
                return T::try_from(n).map_err(|_| Fault::new("a number is too large for its type"));
            }
        }
        Err(Fault::new("a number is too large for its type"))
    }

    fn zigzag<T: TryFrom<i128>>(&mut self) -> Result<T, Fault> {
        let n: u128 = self.varint()?;
        T::try_from((n >> 1) as i128 ^ -((n & 1) as i128)).map_err(|_| Fault::new("a number is too large for its type"))
    }

    /// A number of elements. Each takes a byte at least, so that no claim makes anyone reserve more than there is.
    fn len(&mut self) -> Result<usize, Fault> {
        let len = self.varint()?;
        if len > self.rest.len() {
            return Err(Fault::new("more elements are claimed than there are bytes"));
        }
        Ok(len)
    }

    fn bytes(&mut self) -> Result<&'de [u8], Fault> {
        let len = self.len()?;
        self.take(len)
    }

    fn str(&mut self) -> Result<&'de str, Fault> {
        std::str::from_utf8(self.bytes()?).map_err(|_| Fault::new("a text is not UTF-8"))
    }

    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        if self.depth == MAX_DEPTH {
            return Err(Fault::new("the key is nested too deeply"));
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }
}

macro_rules! leaves {
    ($($method:ident $visit:ident: |$reader:ident| $read:expr;)*) => {$(
        #[inline]
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
            let $reader = self;
            visitor.$visit($read)
        }
    )*};
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = Fault;

    leaves! {
        deserialize_u8 visit_u8: |r| r.byte()?;
        deserialize_u16 visit_u16: |r| r.varint()?;
        deserialize_u32 visit_u32: |r| r.varint()?;
        deserialize_u64 visit_u64: |r| r.varint()?;
        deserialize_u128 visit_u128: |r| r.varint()?;
        deserialize_i8 visit_i8: |r| r.byte()? as i8;
        deserialize_i16 visit_i16: |r| r.zigzag()?;
        deserialize_i32 visit_i32: |r| r.zigzag()?;
        deserialize_i64 visit_i64: |r| r.zigzag()?;
        deserialize_i128 visit_i128: |r| r.zigzag()?;
        deserialize_f32 visit_f32: |r| f32::from_le_bytes(r.array()?);
        deserialize_f64 visit_f64: |r| f64::from_le_bytes(r.array()?);
        deserialize_str visit_borrowed_str: |r| r.str()?;
        deserialize_string visit_borrowed_str: |r| r.str()?;
        deserialize_bytes visit_borrowed_bytes: |r| r.bytes()?;
        deserialize_byte_buf visit_borrowed_bytes: |r| r.bytes()?;
    }

    fn is_human_readable(&self) -> bool {
        false
    }

    fn deserialize_any<V: Visitor<'de>>(self, _visitor: V) -> Result<V::Value, Fault> {
        Err(Fault::new("the type asks what comes next, which canonical bytes do not say"))
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_any(visitor)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_any(visitor)
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.byte()? {
            0 => visitor.visit_bool(false),
            1 => visitor.visit_bool(true),
            _ => Err(Fault::new("a bool is neither 0 nor 1")),
        }
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let mut chars = self.str()?.chars();
        match (chars.next(), chars.next()) {
            (Some(c), None) => visitor.visit_char(c),
            _ => Err(Fault::new("a char is not one char")),
        }
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.byte()? {
            0 => visitor.visit_none(),
            1 => self.nested(|reader| visitor.visit_some(reader)),
            _ => Err(Fault::new("an option is neither 0 nor 1")),
        }
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value, Fault> {
        self.nested(|reader| visitor.visit_newtype_struct(reader))
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let left = self.len()?;
        self.nested(|reader| visitor.visit_seq(Elements { reader, left }))
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Fault> {
        self.nested(|reader| visitor.visit_seq(Elements { reader, left: len }))
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_tuple(len, visitor)
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let left = self.len()?;
        self.nested(|reader| visitor.visit_map(Elements { reader, left }))
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        _name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.deserialize_tuple(fields.len(), visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        self.nested(|reader| visitor.visit_enum(reader))
    }
}

/// What is left of a sequence or a map.
struct Elements<'r, 'de> {
    reader: &'r mut Reader<'de>,
    left: usize,
}

impl<'de> de::SeqAccess<'de> for Elements<'_, 'de> {
    type Error = Fault;

    fn next_element_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Fault> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        seed.deserialize(&mut *self.reader).map(Some)
    }

    fn size_hint(&self) -> Option<usize> {
        Some(self.left.min(self.reader.rest.len()))
    }
}

impl<'de> de::MapAccess<'de> for Elements<'_, 'de> {
    type Error = Fault;

    fn next_key_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<Option<S::Value>, Fault> {
        de::SeqAccess::next_element_seed(self, seed)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Fault> {
        seed.deserialize(&mut *self.reader)
    }

    fn size_hint(&self) -> Option<usize> {
        de::SeqAccess::size_hint(self)
    }
}

impl<'de> de::EnumAccess<'de> for &mut Reader<'de> {
    type Error = Fault;
    type Variant = Self;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Self), Fault> {
        let index: u32 = self.varint()?;
        let variant = seed.deserialize(IntoDeserializer::<Fault>::into_deserializer(index))?;
        Ok((variant, self))
    }
}

impl<'de> de::VariantAccess<'de> for &mut Reader<'de> {
    type Error = Fault;

    fn unit_variant(self) -> Result<(), Fault> {
        Ok(())
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Fault> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(self, fields: &'static [&'static str], visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_tuple(fields.len(), visitor)
    }
}
