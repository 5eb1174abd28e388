use super::Codec;
use super::lossless::{Floats, check};
use crate::bytes::shape::{Reader, fingerprint};
use crate::error::{Error, ErrorKind, Result};
use serde::Serialize;
use serde::de::DeserializeOwned;

/// [MessagePack](https://msgpack.org), with the names of fields: compact, and readable by other languages.
///
/// Values with `Some(None)` or `Some(())` inside have no form and are refused. Values nested deeper than
/// 128 levels do not come back.
#[derive(Clone, Copy, Debug, Default)]
pub struct MessagePack;

/// The 1,024 levels of the crate's default do not fit the stack of a thread.
const MAX_DEPTH: usize = 128;

impl<T: Serialize + DeserializeOwned> Codec<T> for MessagePack {
    fn id(&self) -> u8 {
        4
    }

    fn encode(&self, value: &T, out: &mut Vec<u8>) -> Result<()> {
        check(value, Floats::All)?;
        rmp_serde::encode::write_named(out, value).map_err(|error| {
            Error::new(ErrorKind::Codec, "MessagePack cannot hold the value, try another codec").with_source(error)
        })
    }

    fn decode(&self, bytes: &[u8]) -> Result<T> {
        let mut rest = bytes;
        let mut reader = rmp_serde::Deserializer::new(&mut rest);
        reader.set_max_depth(MAX_DEPTH);
        let value = T::deserialize(&mut reader).map_err(|error| {
            Error::new(ErrorKind::Codec, "the value does not come back from MessagePack, try another codec")
                .with_source(error)
        })?;
        if !rest.is_empty() {
            return Err(Error::new(ErrorKind::Codec, "bytes are left over behind the value, clear the cache"));
        }
        Ok(value)
    }

    fn shape(&self) -> u64 {
        fingerprint::<T>(Reader::Machine)
    }
}
