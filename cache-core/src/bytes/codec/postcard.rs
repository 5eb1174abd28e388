use super::Codec;
use crate::bytes::shape::{Reader, fingerprint};
use crate::error::{Error, ErrorKind, Result};
use ::postcard::ser_flavors::Flavor;
use serde::Serialize;
use serde::de::DeserializeOwned;

/// [postcard](https://postcard.jamesmunns.com): compact, with a written specification. The default.
///
/// Fields have no names in the bytes, so types that ask for them (`untagged`, `tag`, `flatten`, `serde_json::Value`) do
/// not come back: use `Json` or another of the codecs that describe themselves. A `Vec<u8>` is decoded byte by byte, about
/// one nanosecond each; the `serde_bytes` crate makes it one copy. Values nested without bound (a linked list) are followed
/// as deep as they were written.
#[derive(Clone, Copy, Debug, Default)]
pub struct Postcard;

impl<T: Serialize + DeserializeOwned> Codec<T> for Postcard {
    fn id(&self) -> u8 {
        1
    }

    fn encode(&self, value: &T, out: &mut Vec<u8>) -> Result<()> {
        ::postcard::serialize_with_flavor(value, Append { out }).map_err(|error| {
            Error::new(ErrorKind::Codec, "postcard cannot encode the value, try another codec").with_source(error)
        })
    }

    fn decode(&self, bytes: &[u8]) -> Result<T> {
        let (value, rest) = ::postcard::take_from_bytes(bytes).map_err(|error| {
            Error::new(ErrorKind::Codec, "postcard cannot decode the value, try another codec").with_source(error)
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

/// Writes behind what is there already.
struct Append<'o> {
    out: &'o mut Vec<u8>,
}

impl Flavor for Append<'_> {
    type Output = ();

    #[inline]
    fn try_extend(&mut self, data: &[u8]) -> ::postcard::Result<()> {
        self.out.extend_from_slice(data);
        Ok(())
    }

    #[inline]
    fn try_push(&mut self, byte: u8) -> ::postcard::Result<()> {
        self.out.push(byte);
        Ok(())
    }

    fn finalize(self) -> ::postcard::Result<()> {
        Ok(())
    }
}
