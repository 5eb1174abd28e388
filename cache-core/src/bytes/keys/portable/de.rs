//! From the portable form to a key of Rust: to compare it with the one that was written, and to show it in a scan.

use super::super::Fault;
use super::items::{Item, Items};
use super::numbers;
use serde::de::value::{MapAccessDeserializer, StrDeserializer};
use serde::de::{self, DeserializeOwned, DeserializeSeed, Deserializer, Visitor};

/// Keys nested deeper than this are refused rather than followed to the end of the stack.
const MAX_DEPTH: u32 = 128;

/// The key that `bytes` are, all of them. What another language wrote may come out as a key with other bytes.
pub(super) fn deserialize<K: DeserializeOwned>(bytes: &[u8]) -> Result<K, Fault> {
    let mut reader = Reader { items: Items::new(bytes), depth: 0 };
    let key = K::deserialize(&mut reader)?;
    if !reader.items.is_at_end() {
        return Err(Fault::new("bytes are left over"));
    }
    Ok(key)
}

struct Reader<'de> {
    items: Items<'de>,
    depth: u32,
}

impl<'de> Reader<'de> {
    fn nested<T>(&mut self, read: impl FnOnce(&mut Self) -> Result<T, Fault>) -> Result<T, Fault> {
        if self.depth == MAX_DEPTH {
            return Err(Fault::new("the key is nested too deeply"));
        }
        self.depth += 1;
        let result = read(self);
        self.depth -= 1;
        result
    }

    fn elements<V: Visitor<'de>>(&mut self, left: usize, visitor: V) -> Result<V::Value, Fault> {
        self.nested(|reader| {
            let mut elements = Elements { reader, left };
            let value = visitor.visit_seq(&mut elements)?;
            if elements.left == 0 { Ok(value) } else { Err(Fault::new("there are more elements than expected")) }
        })
    }

    fn entries<V: Visitor<'de>>(&mut self, left: usize, visitor: V) -> Result<V::Value, Fault> {
        self.nested(|reader| {
            let mut entries = Elements { reader, left };
            let value = visitor.visit_map(&mut entries)?;
            if entries.left == 0 { Ok(value) } else { Err(Fault::new("there are more entries than expected")) }
        })
    }

    fn float(&mut self) -> Result<f64, Fault> {
        match self.items.step()? {
            Item::Float(n) => Ok(n),
            Item::Int(n) => Ok(n as f64),
            Item::Big { is_negative, bytes } => Ok(numbers::float(is_negative, bytes)),
            _ => Err(Fault::new("a number is none")),
        }
    }
}

impl<'de> Deserializer<'de> for &mut Reader<'de> {
    type Error = Fault;

    fn is_human_readable(&self) -> bool {
        true
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.items.step()? {
            Item::None => visitor.visit_unit(),
            Item::Int(n) => match (i64::try_from(n), u64::try_from(n)) {
                (_, Ok(n)) => visitor.visit_u64(n),
                (Ok(n), _) => visitor.visit_i64(n),
                _ => visitor.visit_i128(n),
            },
            Item::Big { is_negative: false, bytes } => visitor.visit_u128(numbers::magnitude(bytes)?),
            Item::Big { is_negative: true, bytes } => visitor.visit_i128(numbers::negative(bytes)?),
            Item::Float(n) => visitor.visit_f64(n),
            Item::Text(text) => visitor.visit_borrowed_str(text),
            Item::Bytes(bytes) => visitor.visit_borrowed_bytes(bytes),
            Item::Tuple(len) | Item::List(len) | Item::Set(len) => self.elements(len, visitor),
            Item::Dict(len) => self.entries(len, visitor),
            Item::Surrogates(_) | Item::Extension(_) => Err(Fault::new("no type of Rust holds the key")),
        }
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.items.step()? {
            Item::Int(n @ (0 | 1)) => visitor.visit_bool(n == 1),
            _ => Err(Fault::new("a bool is neither 0 nor 1")),
        }
    }

    fn deserialize_f32<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_f32(self.float()? as f32)
    }

    fn deserialize_f64<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        visitor.visit_f64(self.float()?)
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        if self.items.is_none_next() {
            self.items.step()?;
            return visitor.visit_none();
        }
        self.nested(|reader| visitor.visit_some(reader))
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.items.step()? {
            Item::None | Item::Tuple(0) => visitor.visit_unit(),
            _ => Err(Fault::new("a unit is something")),
        }
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_unit(visitor)
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, _name: &'static str, visitor: V) -> Result<V::Value, Fault> {
        self.nested(|reader| visitor.visit_newtype_struct(reader))
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        _name: &'static str,
        _variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match self.items.step()? {
            Item::Text(name) => visitor.visit_enum(StrDeserializer::new(name)),
            Item::Dict(1) => {
                self.nested(|reader| visitor.visit_enum(MapAccessDeserializer::new(Elements { reader, left: 1 })))
            }
            _ => Err(Fault::new("a variant is neither a text nor a dictionary of one entry")),
        }
    }

    /// Of what nobody looks at anything will do, however deep.
    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Fault> {
        let mut left = 1_u64;
        while left > 0 {
            left += match self.items.step()? {
                Item::Tuple(len) | Item::List(len) | Item::Set(len) => len as u64,
                Item::Dict(len) => 2 * len as u64,
                Item::Extension(_) => 1,
                _ => 0,
            };
            left -= 1;
        }
        visitor.visit_unit()
    }

    serde::forward_to_deserialize_any! {
        i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 char str string bytes byte_buf seq tuple tuple_struct map struct identifier
    }
}

/// What is left of a tuple, a list, a set or a dictionary.
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
        Some(self.left)
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
        Some(self.left)
    }
}
