//! What the core sees of our values: bytes that were made, and are read, while attached to the interpreter.

use super::Held;
use super::held::Label;
use memolith::{Codec, Result};
use memolith_core::__private::PORTABLE_SHAPE;

/// The codec that the core is given.
pub(crate) struct Wire {
    /// That of the codec that makes the bytes.
    pub(crate) id: u8,
    pub(crate) content: Content,
}

/// What stands in a record.
#[derive(Clone, Copy)]
pub(crate) enum Content {
    /// The bytes of a value.
    Value,
    /// Those of an entry of `memolith.Cache`, of which these read what is said of it, and the bytes of its value.
    Entry(fn(&[u8]) -> Result<Label>, fn(&[u8]) -> Result<&[u8]>),
}

impl Codec<Held> for Wire {
    fn id(&self) -> u8 {
        self.id
    }

    fn encode(&self, value: &Held, out: &mut Vec<u8>) -> Result<()> {
        value.write(out)
    }

    fn decode(&self, bytes: &[u8]) -> Result<Held> {
        let label = match self.content {
            Content::Value => Label::default(),
            Content::Entry(label, _) => label(bytes)?,
        };
        Ok(Held::found(bytes, label))
    }

    fn shape(&self) -> u64 {
        match self.content {
            Content::Value => PORTABLE_SHAPE,
            Content::Entry(..) => PORTABLE_SHAPE ^ 1,
        }
    }

    fn is_portable(&self) -> bool {
        true
    }
}
