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
    /// Those of an entry of `memolith.Cache`, of which this reads what is said of it.
    Entry(fn(&[u8]) -> Result<Label>),
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
            Content::Entry(read) => read(bytes)?,
        };
        Ok(Held::found(bytes, label))
    }

    fn shape(&self) -> u64 {
        match self.content {
            Content::Value => PORTABLE_SHAPE,
            Content::Entry(_) => PORTABLE_SHAPE ^ 1,
        }
    }

    fn is_portable(&self) -> bool {
        true
    }
}
