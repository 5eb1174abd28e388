//! What a type asked for, as a tree; structs and enums in it are numbers of containers.

/// A part of a type as it was seen so far.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// Not met yet, or only in a run that had to end.
    Unknown,
    Leaf(Leaf),
    /// A leaf read by a visitor that is not serde's, and the name of that: two textual types are two shapes.
    Named(Leaf, &'static str),
    /// Asked for anything: name and size of what it makes.
    Any(&'static str, usize),
    Option(Box<Form>),
    Seq(Box<Form>),
    Map(Box<[Form; 2]>),
    /// How many parts there are, and those that were met.
    Tuple(usize, Vec<Form>),
    Container(usize),
}

/// Kinds of leaves. The numbers are part of the format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leaf {
    UnitVariant = 0,
    I8 = 1,
    I16 = 2,
    I32 = 3,
    I64 = 4,
    I128 = 5,
    U8 = 6,
    U16 = 7,
    U32 = 8,
    U64 = 9,
    U128 = 10,
    F32 = 11,
    F64 = 12,
    Bool = 13,
    Char = 14,
    Str = 15,
    Bytes = 16,
    Unit = 17,
    Identifier = 18,
    Ignored = 19,
    Any = 20,
}

impl Form {
    /// Whether some part was not met.
    pub(super) fn is_unknown(&self) -> bool {
        match self {
            Form::Unknown => true,
            Form::Option(form) | Form::Seq(form) => form.is_unknown(),
            Form::Map(entry) => entry.iter().any(Form::is_unknown),
            Form::Tuple(len, parts) => parts.len() < *len || parts.iter().any(Form::is_unknown),
            Form::Leaf(_) | Form::Named(..) | Form::Any(..) | Form::Container(_) => false,
        }
    }

    /// Adds what another run has seen of the same part.
    pub(super) fn merge(&mut self, seen: Form) {
        match (self, seen) {
            (_, Form::Unknown) => {}
            (Form::Option(old), Form::Option(new)) | (Form::Seq(old), Form::Seq(new)) => old.merge(*new),
            (Form::Map(old), Form::Map(new)) => old.iter_mut().zip(*new).for_each(|(old, new)| old.merge(new)),
            (Form::Tuple(len, old), Form::Tuple(new_len, new)) if *len == new_len => {
                for (at, new) in new.into_iter().enumerate() {
                    merge_at(old, at, new);
                }
            }
            (old, new) if old.is_unknown() => *old = new,
            _ => {}
        }
    }
}

/// Adds what was seen of part number `at`.
pub(super) fn merge_at(parts: &mut Vec<Form>, at: usize, seen: Form) {
    if parts.len() <= at {
        parts.resize(at + 1, Form::Unknown);
    }
    parts[at].merge(seen);
}

/// The tags of forms in the bytes that are hashed. Leaves are their own tags, all below these.
pub(super) mod tag {
    pub(crate) const UNKNOWN: u8 = 200;
    pub(crate) const ANY: u8 = 201;
    pub(crate) const OPTION: u8 = 202;
    pub(crate) const SEQ: u8 = 203;
    pub(crate) const MAP: u8 = 204;
    pub(crate) const TUPLE: u8 = 205;
    pub(crate) const AGAIN: u8 = 206;
    /// The first of the kinds of containers.
    pub(crate) const CONTAINER: u8 = 207;
    pub(crate) const NAMED: u8 = 220;
}

pub(super) fn write_text(text: &str, out: &mut Vec<u8>) {
    write_number(text.len(), out);
    out.extend_from_slice(text.as_bytes());
}

pub(super) fn write_number(n: usize, out: &mut Vec<u8>) {
    out.extend_from_slice(&(n as u64).to_le_bytes());
}
