//! What consists of parts, while these are written.

use super::super::Fault;
use super::grammar::{self, head};
use super::ser::Writer;
use super::write;
use serde::Serialize;
use serde::ser;

/// The elements of a tuple, as many as were announced.
pub(super) struct Tuple<'o> {
    out: &'o mut Vec<u8>,
    left: usize,
}

impl<'o> Tuple<'o> {
    pub(super) fn new(out: &'o mut Vec<u8>, len: usize) -> Self {
        write::tuple(out, len);
        Tuple { out, left: len }
    }

    fn element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        self.left = self.left.checked_sub(1).ok_or_else(Self::fault)?;
        value.serialize(Writer::part(self.out))
    }

    fn fault() -> Fault {
        Fault::new("a tuple has not as many elements as it says")
    }
}

macro_rules! elements {
    ($($trait:ident $method:ident;)*) => {$(
        impl ser::$trait for Tuple<'_> {
            type Ok = ();
            type Error = Fault;

            fn $method<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
                self.element(value)
            }

            fn end(self) -> Result<(), Fault> {
                if self.left == 0 { Ok(()) } else { Err(Self::fault()) }
            }
        }
    )*};
}
elements! {
    SerializeTuple serialize_element;
    SerializeTupleStruct serialize_field;
    SerializeTupleVariant serialize_field;
}

/// The elements of a list. A length that was not said, or said wrong, is put in front at the end.
pub(super) struct List<'o> {
    out: &'o mut Vec<u8>,
    start: usize,
    first: usize,
    claimed: Option<usize>,
    written: usize,
}

impl<'o> List<'o> {
    pub(super) fn new(out: &'o mut Vec<u8>, len: Option<usize>) -> Self {
        let start = out.len();
        if let Some(len) = len {
            write::list(out, len);
        }
        List { start, first: out.len(), out, claimed: len, written: 0 }
    }
}

impl ser::SerializeSeq for List<'_> {
    type Ok = ();
    type Error = Fault;

    fn serialize_element<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        self.written += 1;
        value.serialize(Writer::part(self.out))
    }

    fn end(self) -> Result<(), Fault> {
        if self.claimed == Some(self.written) {
            return Ok(());
        }
        let mut len = Vec::new();
        write::list(&mut len, self.written);
        self.out.splice(self.start..self.first, len);
        Ok(())
    }
}

/// Entries, which at the end are put in the order of their bytes, and their number before them.
pub(super) struct Dict<'o> {
    out: &'o mut Vec<u8>,
    start: usize,
    /// Where each entry begins in `out`.
    entries: Vec<usize>,
}

impl<'o> Dict<'o> {
    pub(super) fn new(out: &'o mut Vec<u8>) -> Self {
        Dict { start: out.len(), out, entries: Vec::new() }
    }

    fn key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Fault> {
        self.entries.push(self.out.len());
        key.serialize(Writer::part(self.out))
    }

    fn value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        value.serialize(Writer::part(self.out))
    }

    fn finish(self) {
        let written = self.out.split_off(self.start);
        let ends = self.entries.iter().skip(1).copied().chain([self.start + written.len()]);
        let mut entries: Vec<&[u8]> =
            self.entries.iter().zip(ends).map(|(&from, to)| &written[from - self.start..to - self.start]).collect();
        // No key is the beginning of another: so this is the order of the keys.
        entries.sort_unstable();
        head(self.out, grammar::MAP, entries.len() as u64);
        entries.iter().for_each(|entry| self.out.extend_from_slice(entry));
    }
}

impl ser::SerializeMap for Dict<'_> {
    type Ok = ();
    type Error = Fault;

    fn serialize_key<T: Serialize + ?Sized>(&mut self, key: &T) -> Result<(), Fault> {
        self.key(key)
    }

    fn serialize_value<T: Serialize + ?Sized>(&mut self, value: &T) -> Result<(), Fault> {
        self.value(value)
    }

    fn end(self) -> Result<(), Fault> {
        self.finish();
        Ok(())
    }
}

macro_rules! fields {
    ($($trait:ident)*) => {$(
        impl ser::$trait for Dict<'_> {
            type Ok = ();
            type Error = Fault;

            fn serialize_field<T: Serialize + ?Sized>(&mut self, name: &'static str, value: &T) -> Result<(), Fault> {
                self.key(name)?;
                self.value(value)
            }

            fn end(self) -> Result<(), Fault> {
                self.finish();
                Ok(())
            }
        }
    )*};
}
fields! { SerializeStruct SerializeStructVariant }
