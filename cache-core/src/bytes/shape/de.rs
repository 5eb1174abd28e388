//! The deserializer that a type is run against: it notes each request, and answers it.

use super::Reader;
use super::access::{Entry, NamedFields, Parts, Variant};
use super::form::{Form, Leaf, merge_at};
use super::samples::{ANYTHING, BOOLS, BYTES, CHARS, INTEGERS, TEXTS};
use super::tracer::{Answer, Identity, Kind, MAX_DEPTH, Tracer};
use serde::de::{self, Deserializer, Unexpected, Visitor};
use std::any::type_name;
use std::fmt;

/// Answers one request, and puts what was asked for into `form`.
pub(super) struct Probe<'t> {
    pub(super) tracer: &'t mut Tracer,
    pub(super) form: &'t mut Form,
}

/// How a container is met.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Visit {
    /// For the first time in this run: what is seen is noted.
    First,
    /// Within itself, or within one met again: it only has to end.
    Again,
}

impl<'t> Probe<'t> {
    fn leaf<'de, V: Visitor<'de>>(
        self,
        leaf: Leaf,
        samples: usize,
        visitor: V,
        answer: impl FnOnce(V, usize) -> Result<V::Value, Refused>,
    ) -> Result<V::Value, Refused> {
        self.tracer.count()?;
        let name = type_name::<V>();
        *self.form = if is_plain(name) { Form::Leaf(leaf) } else { Form::Named(leaf, name) };
        let (container, position) = match self.tracer.run.path.last() {
            Some(&(container, position)) => (Some(container), position),
            None => (None, 0),
        };
        let site = (container, position, name);
        let sample = self.tracer.sample(&site);
        let exploring = self.tracer.run.exploring.clone();
        self.tracer.run.last = Some(Answer { site, samples, exploring });
        answer(visitor, sample)
    }

    /// Asks for something inside: `visit` is told whether it may be non-empty, which it may not be where a recursion has
    /// to end or the nesting is too deep.
    fn nested<R>(self, visit: impl FnOnce(&mut Tracer, &mut Form, Visit) -> Result<R, Refused>) -> Result<R, Refused> {
        let Probe { tracer, form } = self;
        tracer.count()?;
        let ends = !tracer.run.ending.is_empty() || tracer.run.depth >= MAX_DEPTH;
        tracer.run.depth += 1;
        let result = visit(tracer, form, if ends { Visit::Again } else { Visit::First });
        tracer.run.depth -= 1;
        result
    }

    /// Enters a container; `visit` is told its number and how it is met.
    pub(super) fn enter<R>(
        self,
        identity: Identity,
        visit: impl FnOnce(&mut Tracer, usize, Visit) -> Result<R, Refused>,
    ) -> Result<R, Refused> {
        let Probe { tracer, form } = self;
        tracer.count()?;
        let number = tracer.number(identity);
        *form = Form::Container(number);
        if tracer.run.depth >= MAX_DEPTH {
            return Err(Refused);
        }
        let again = !tracer.run.ending.is_empty() || std::mem::replace(&mut tracer.run.met[number], true);
        tracer.run.depth += 1;
        tracer.run.path.push((number, 0));
        let result = if again {
            tracer.run.ending.push(number);
            let result = visit(tracer, number, Visit::Again);
            tracer.run.ending.pop();
            result
        } else {
            visit(tracer, number, Visit::First)
        };
        tracer.run.path.pop();
        tracer.run.depth -= 1;
        result
    }

    /// A struct: its fields in order, or by name where one refuses and has to come last.
    pub(super) fn fields<'de, V: Visitor<'de>>(
        self,
        identity: Identity,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.enter(identity, |tracer, number, visit| match visit {
            Visit::Again => visitor.visit_seq(Parts::ending(tracer, len)),
            Visit::First if tracer.containers[number].refusing.is_empty() => {
                visitor.visit_seq(Parts::of_container(tracer, number, len))
            }
            Visit::First => visitor.visit_map(NamedFields::new(tracer, number)),
        })
    }
}

/// Whether a visitor is one of serde's. Others carry their name: seconds and milliseconds are both an `i64`.
fn is_plain(visitor: &str) -> bool {
    ["serde::", "serde_core::", "serde_bytes::"].iter().any(|start| visitor.starts_with(start))
}

fn identity<'de, V: Visitor<'de>>(kind: Kind, name: &'static str, parts: &'static [&'static str]) -> Identity {
    Identity { kind, name, visitor: type_name::<V>(), size: size_of::<V::Value>(), parts }
}

macro_rules! integers {
    ($($method:ident $visit:ident $leaf:ident $type:ty;)*) => {$(
        fn $method<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
            self.leaf(Leaf::$leaf, INTEGERS.len(), visitor, |visitor, n| visitor.$visit(INTEGERS[n] as $type))
        }
    )*};
}

impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = Refused;

    integers! {
        deserialize_i8 visit_i8 I8 i8;
        deserialize_i16 visit_i16 I16 i16;
        deserialize_i32 visit_i32 I32 i32;
        deserialize_i64 visit_i64 I64 i64;
        deserialize_i128 visit_i128 I128 i128;
        deserialize_u8 visit_u8 U8 u8;
        deserialize_u16 visit_u16 U16 u16;
        deserialize_u32 visit_u32 U32 u32;
        deserialize_u64 visit_u64 U64 u64;
        deserialize_u128 visit_u128 U128 u128;
        deserialize_f32 visit_f32 F32 f32;
        deserialize_f64 visit_f64 F64 f64;
    }

    fn is_human_readable(&self) -> bool {
        self.tracer.reader == Reader::Human
    }

    fn deserialize_bool<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.leaf(Leaf::Bool, BOOLS.len(), visitor, |visitor, n| visitor.visit_bool(BOOLS[n]))
    }

    fn deserialize_char<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.leaf(Leaf::Char, CHARS.len(), visitor, |visitor, n| visitor.visit_char(CHARS[n]))
    }

    fn deserialize_str<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.leaf(Leaf::Str, TEXTS.len(), visitor, |visitor, n| visitor.visit_borrowed_str(TEXTS[n]))
    }

    fn deserialize_string<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.deserialize_str(visitor)
    }

    fn deserialize_bytes<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.leaf(Leaf::Bytes, BYTES.len(), visitor, |visitor, n| visitor.visit_borrowed_bytes(BYTES[n]))
    }

    fn deserialize_byte_buf<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.deserialize_bytes(visitor)
    }

    fn deserialize_unit<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.leaf(Leaf::Unit, 1, visitor, |visitor, _| visitor.visit_unit())
    }

    fn deserialize_identifier<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.tracer.note_anything();
        self.leaf(Leaf::Identifier, TEXTS.len(), visitor, |visitor, n| visitor.visit_borrowed_str(TEXTS[n]))
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.leaf(Leaf::Ignored, 1, visitor, |visitor, _| visitor.visit_unit())
    }

    fn deserialize_any<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        let Probe { tracer, form } = self;
        tracer.note_anything();
        *form = Form::Any(type_name::<V::Value>(), size_of::<V::Value>());
        let probe = Probe { tracer, form: &mut Form::Unknown };
        probe.leaf(Leaf::Any, ANYTHING, visitor, |visitor, n| match n {
            0 => visitor.visit_unit(),
            1 => visitor.visit_borrowed_str("a"),
            2 => visitor.visit_u64(1),
            3 => visitor.visit_bool(true),
            4 => visitor.visit_f64(1.0),
            _ => visitor.visit_i64(1),
        })
    }

    fn deserialize_option<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.nested(|tracer, form, visit| {
            let mut inside = Form::Unknown;
            let result = match visit {
                Visit::First => visitor.visit_some(tracer.probe(&mut inside)),
                Visit::Again => visitor.visit_none(),
            };
            *form = Form::Option(Box::new(inside));
            result
        })
    }

    fn deserialize_seq<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.nested(|tracer, form, visit| {
            let mut inside = Vec::new();
            let len = if visit == Visit::First { 1 } else { 0 };
            let result = visitor.visit_seq(Parts::of_tuple(tracer, &mut inside, len));
            *form = Form::Seq(Box::new(inside.pop().unwrap_or(Form::Unknown)));
            result
        })
    }

    fn deserialize_map<V: Visitor<'de>>(self, visitor: V) -> Result<V::Value, Refused> {
        self.nested(|tracer, form, visit| {
            let mut entry = [Form::Unknown, Form::Unknown];
            let result = visitor.visit_map(Entry::new(tracer, &mut entry, visit));
            *form = Form::Map(Box::new(entry));
            result
        })
    }

    fn deserialize_tuple<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Refused> {
        self.nested(|tracer, form, _| {
            if tracer.run.depth > MAX_DEPTH {
                return Err(Refused);
            }
            let mut parts = Vec::new();
            let result = visitor.visit_seq(Parts::of_tuple(tracer, &mut parts, len));
            *form = Form::Tuple(len, parts);
            result
        })
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Refused> {
        self.enter(identity::<V>(Kind::Unit, name, &[]), |_, _, _| visitor.visit_unit())
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(self, name: &'static str, visitor: V) -> Result<V::Value, Refused> {
        self.enter(identity::<V>(Kind::Newtype, name, &[]), |tracer, number, visit| {
            let mut inside = Form::Unknown;
            let result = visitor.visit_newtype_struct(tracer.probe(&mut inside));
            if visit == Visit::First {
                merge_at(&mut tracer.containers[number].forms, 0, inside);
            }
            result
        })
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.fields(identity::<V>(Kind::TupleStruct, name, &[]), len, visitor)
    }

    fn deserialize_struct<V: Visitor<'de>>(
        self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        self.fields(identity::<V>(Kind::Struct, name, fields), fields.len(), visitor)
    }

    fn deserialize_enum<V: Visitor<'de>>(
        self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Refused> {
        if variants.is_empty() {
            return Err(Refused);
        }
        let identity = identity::<V>(Kind::Enum, name, variants);
        let number = self.tracer.number(identity.clone());
        if self.tracer.run.ending.contains(&number) {
            self.tracer.move_base(number);
            return Err(Refused);
        }
        self.enter(identity, |tracer, number, visit| {
            if visit == Visit::Again {
                let variant = tracer.containers[number].base;
                return visitor.visit_enum(Variant { tracer, number, variant, visit });
            }
            let variant = tracer.choose(number);
            tracer.run.exploring.push((number, variant));
            let result = visitor.visit_enum(Variant { tracer: &mut *tracer, number, variant, visit });
            tracer.run.exploring.pop();
            result
        })
    }
}

/// Refused by the type, or by the bounds of the trace. Messages are never built: they would be most of the cost.
#[derive(Debug)]
pub(super) struct Refused;

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("refused")
    }
}

impl std::error::Error for Refused {}

impl de::Error for Refused {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Refused
    }

    fn invalid_type(_: Unexpected<'_>, _: &dyn de::Expected) -> Self {
        Refused
    }

    fn invalid_value(_: Unexpected<'_>, _: &dyn de::Expected) -> Self {
        Refused
    }

    fn invalid_length(_: usize, _: &dyn de::Expected) -> Self {
        Refused
    }

    fn unknown_variant(_: &str, _: &'static [&'static str]) -> Self {
        Refused
    }

    fn unknown_field(_: &str, _: &'static [&'static str]) -> Self {
        Refused
    }

    fn missing_field(_: &'static str) -> Self {
        Refused
    }

    fn duplicate_field(_: &'static str) -> Self {
        Refused
    }
}
