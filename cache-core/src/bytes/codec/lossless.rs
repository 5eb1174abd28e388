//! A look at a value before it is encoded: in formats that describe themselves, a `Some` around nothing is written like a
//! `None`, and JSON writes floats it has no form for like nothing. Such a value would come back as another one.

use crate::error::{Error, ErrorKind, Result};
use serde::Serialize;
use serde::ser::{self, Serializer};
use std::fmt;

/// Which floats a format can hold.
#[derive(Clone, Copy, Debug)]
pub(super) enum Floats {
    #[cfg_attr(not(any(feature = "messagepack", feature = "cbor")), expect(dead_code, reason = "JSON holds fewer"))]
    All,
    #[cfg_attr(not(feature = "json"), expect(dead_code, reason = "the other formats hold all"))]
    Finite,
}

/// Whether `value` comes back as itself from a format that writes `None`, `()` and unit structs alike.
///
/// # Errors
/// [`ErrorKind::Codec`] when it does not.
pub(super) fn check<T: Serialize>(value: &T, floats: Floats) -> Result<()> {
    value.serialize(Check { floats, within: Within::Other }).map_err(|fault| {
        let message = "the value would not come back as itself, use the codec `Postcard` or another type";
        Error::new(ErrorKind::Codec, message).with_source(fault)
    })
}

#[derive(Clone, Copy)]
enum Within {
    Some,
    Other,
}

#[derive(Clone, Copy)]
struct Check {
    floats: Floats,
    within: Within,
}

#[derive(Debug)]
struct Fault(String);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Fault {}

impl ser::Error for Fault {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Fault(message.to_string())
    }
}

impl Check {
    fn inside(self) -> Self {
        Check { within: Within::Other, ..self }
    }

    fn nothing(self) -> Result<(), Fault> {
        match self.within {
            Within::Some => Err(Fault("a `Some` around nothing is read back as `None`".into())),
            Within::Other => Ok(()),
        }
    }

    fn float(self, n: f64) -> Result<(), Fault> {
        match self.floats {
            Floats::Finite if !n.is_finite() => Err(Fault(format!("the format has no form for the number {n}"))),
            Floats::Finite | Floats::All => Ok(()),
        }
    }
}

macro_rules! passes {
    ($($method:ident($($type:ty),*);)*) => {$(
        fn $method(self, $(_: $type),*) -> Result<(), Fault> {
            Ok(())
        }
    )*};
}

macro_rules! opens {
    ($($method:ident($($type:ty),*);)*) => {$(
        fn $method(self, $(_: $type),*) -> Result<Check, Fault> {
            Ok(self.inside())
        }
    )*};
}

impl Serializer for Check {
    type Ok = ();
    type Error = Fault;
    type SerializeSeq = Check;
    type SerializeTuple = Check;
    type SerializeTupleStruct = Check;
    type SerializeTupleVariant = Check;
    type SerializeMap = Check;
    type SerializeStruct = Check;
    type SerializeStructVariant = Check;

    passes! {
        serialize_bool(bool);
        serialize_i8(i8);
        serialize_i16(i16);
        serialize_i32(i32);
        serialize_i64(i64);
        serialize_i128(i128);
        serialize_u8(u8);
        serialize_u16(u16);
        serialize_u32(u32);
        serialize_u64(u64);
        serialize_u128(u128);
        serialize_char(char);
        serialize_str(&str);
        serialize_bytes(&[u8]);
        serialize_unit_variant(&'static str, u32, &'static str);
    }

    opens! {
        serialize_seq(Option<usize>);
        serialize_tuple(usize);
        serialize_tuple_struct(&'static str, usize);
        serialize_tuple_variant(&'static str, u32, &'static str, usize);
        serialize_map(Option<usize>);
        serialize_struct(&'static str, usize);
        serialize_struct_variant(&'static str, u32, &'static str, usize);
    }

    /// As the formats say of themselves, since the form of some types depends on it.
    fn is_human_readable(&self) -> bool {
        matches!(self.floats, Floats::Finite)
    }

    fn serialize_f32(self, n: f32) -> Result<(), Fault> {
        self.float(n.into())
    }

    fn serialize_f64(self, n: f64) -> Result<(), Fault> {
        self.float(n)
    }

    fn serialize_none(self) -> Result<(), Fault> {
        self.nothing()
    }

    fn serialize_some<T: Serialize + ?Sized>(self, value: &T) -> Result<(), Fault> {
        value.serialize(Check { within: Within::Some, ..self })
    }

    fn serialize_unit(self) -> Result<(), Fault> {
        self.nothing()
    }

    fn serialize_unit_struct(self, _name: &'static str) -> Result<(), Fault> {
        self.nothing()
    }

    /// Newtypes leave no trace in the formats, so what is within a `Some` stays so.
    fn serialize_newtype_struct<T: Serialize + ?Sized>(self, _name: &'static str, value: &T) -> Result<(), Fault> {
        value.serialize(self)
    }

    fn serialize_newtype_variant<T: Serialize + ?Sized>(
        self,
        _name: &'static str,
        _index: u32,
        _variant: &'static str,
        value: &T,
    ) -> Result<(), Fault> {
        value.serialize(self.inside())
    }

    fn collect_str<T: fmt::Display + ?Sized>(self, _text: &T) -> Result<(), Fault> {
        Ok(())
    }
}

macro_rules! parts {
    ($($trait:ident $method:ident $($name:ident)?;)*) => {$(
        impl ser::$trait for Check {
            type Ok = ();
            type Error = Fault;

            fn $method<T: Serialize + ?Sized>(&mut self, $($name: &'static str,)? value: &T) -> Result<(), Fault> {
                value.serialize(*self)
            }

            fn end(self) -> Result<(), Fault> {
                Ok(())
            }
        }
    )*};
}
parts! {
    SerializeSeq serialize_element;
    SerializeTuple serialize_element;
    SerializeTupleStruct serialize_field;
    SerializeTupleVariant serialize_field;
    SerializeStruct serialize_field _name;
    SerializeStructVariant serialize_field _name;
}

impl ser::SerializeMap for Check {
    type Ok = ();
    type Error = Fault;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Fault> {
        key.serialize(*self)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        value.serialize(*self)
    }

    fn end(self) -> Result<(), Fault> {
        Ok(())
    }
}
